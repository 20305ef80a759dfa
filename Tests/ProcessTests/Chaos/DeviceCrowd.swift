import Bytes
import Support
import Synchronization

/// Three programs of a customer and six devices, who go on whatever happens to the server, and write down what they
/// see. Who isn't answered asks again with the same key, request id or claim token.
final class DeviceCrowd: Sendable {
    static let senders = 3
    static let environment = FleetHome.environment.merging(["HATCHFARM_MEMBER_RATE": "0"]) { $1 }

    /// What a device died with.
    struct Remains: Sendable {
        let device: ChaosDevice
        let request: String
        let grants: [ChaosDevice.Grant]
    }

    private enum Phase { case mixed, finishing, over }

    let record = DeviceRecord()
    let customer: FarmClient
    let devices: [ChaosDevice]
    private let seed: UInt64
    private let phase = Mutex(Phase.mixed)
    /// Of devices that have not come back for it.
    private let left = Mutex<[Remains]>([])

    init(_ farm: Farm, seed: UInt64) async throws {
        let customer = try await FleetHome(farm).client
        var devices: [ChaosDevice] = []
        for number in 0..<6 { devices.append(try await ChaosDevice.enroll("device-\(number)", of: customer)) }
        self.customer = customer
        self.devices = devices
        self.seed = seed
    }

    var remains: [Remains] { left.withLock { $0 } }

    private var isMixed: Bool { phase.withLock { $0 == .mixed } }
    private var isOver: Bool { phase.withLock { $0 == .over } }

    /// Runs while `body` does; then no more commands are sent or claimed, and what is in hands is done.
    func run(while body: () async throws -> Void) async throws {
        let clients = Task {
            await withDiscardingTaskGroup { group in
                for number in 0..<Self.senders { group.addTask { await self.send(number) } }
                for number in devices.indices { group.addTask { await self.work(number) } }
            }
        }
        do {
            try await body()
        } catch {
            phase.withLock { $0 = .over }
            await clients.value
            throw error
        }
        phase.withLock { $0 = .finishing }
        await clients.value
    }

    /// Claims and does what waits until nothing is given any more; nobody dies.
    func drain() async {
        await withDiscardingTaskGroup { group in
            for (number, device) in devices.enumerated() {
                group.addTask {
                    var chance = self.chance(200 + number)
                    while await self.turn(device, &chance) > 0 {}
                }
            }
        }
    }

    /// Those who died come back and do what they had.
    func raise() async {
        var chance = chance(300)
        for found in remains { await comeBack(to: found, &chance) }
    }

    /// All commands of a device, newest first.
    func commands(of device: ChaosDevice) async throws -> [DeviceChecker.Command] {
        var commands: [DeviceChecker.Command] = []
        var cursor: String?
        repeat {
            let query = "?limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await customer.get("/api/v1/customer/devices/\(device.id)/commands\(query)").expecting(200)
            for command in page.json["commands"]?.array ?? [] {
                commands.append(
                    DeviceChecker.Command(
                        id: command["id"]?.string ?? "", device: command["deviceId"]?.string ?? "",
                        key: command["type"]?.string ?? "", status: command["status"]?.string ?? "",
                        output: command["result"]?["output"]?.string ?? ""))
            }
            cursor = page.json["next_cursor"]?.string
        } while cursor != nil
        return commands
    }

    private func chance(_ number: Int) -> Chance { Chance(seed: seed &+ UInt64(number) &* 1_000_003) }
    private func pause(_ milliseconds: Int) async { try? await World.live.sleep(.milliseconds(milliseconds)) }

    /// Repeats a call until it is answered; nil when the test is over, or it takes too long.
    private func ask(_ what: String, _ call: () async throws -> FarmReply) async -> FarmReply? {
        let deadline = ContinuousClock.now + .seconds(90)
        while !isOver {
            if let reply = try? await call() {
                switch reply.status {
                case ..<500: return reply
                case 503: break
                case 504: record.noteUnanswered()
                default: record.complain("\(what) got \(reply.status): \(reply.text)")
                }
            } else {
                record.noteUnanswered()
            }
            guard ContinuousClock.now < deadline else {
                record.complain("\(what) was never answered")
                return nil
            }
            await pause(30)
        }
        return nil
    }
}

/// What customers do.
extension DeviceCrowd {
    fileprivate func send(_ number: Int) async {
        var chance = chance(number)
        var count = 0
        while isMixed {
            count += 1
            let device = devices[chance.next(upTo: devices.count - 1)]
            let (priority, again) = (chance.next(upTo: 9), chance.next(upTo: 9) == 0)
            await send("\(number)-\(count)", to: device, priority: priority, again: again)
            await pause(20 + chance.next(upTo: 60))
        }
    }

    /// - Parameter again: whether it is sent again after it was acknowledged.
    func send(_ key: String, to device: ChaosDevice, priority: Int = 5, again: Bool = false) async {
        let body: JSON = ["type": .string(key), "priority": JSON(priority), "parameters": ["key": .string(key)]]
        var ids: [String] = []
        for _ in 0...(again ? 1 : 0) {
            let reply = await ask("the command \(key)") { [customer] in
                try await customer.post(
                    "/api/v1/customer/devices/\(device.id)/commands", body, [("Idempotency-Key", key)])
            }
            guard let reply else { return }
            guard reply.status == 201, let id = reply.json["command"]?["id"]?.string else {
                return record.complain("the command \(key) got \(reply.status): \(reply.text)")
            }
            if ids.isEmpty { record.know(DeviceRecord.Sent(device: device.id, key: key, id: id)) }
            ids.append(id)
        }
        if Set(ids).count > 1 { record.complain("the key \(key) made \(ids)") }
    }
}

/// What devices do.
extension DeviceCrowd {
    fileprivate func work(_ number: Int) async {
        var chance = chance(100 + number)
        while isMixed {
            if await turn(devices[number], &chance) == 0 { await pause(30) }
        }
    }

    /// A claim and what comes of it; returns how much was granted.
    fileprivate func turn(_ device: ChaosDevice, _ chance: inout Chance) async -> Int {
        let request = Hex.encode(World.live.random(8))
        let grants = await claim(device, 1 + chance.next(upTo: 4), request, wait: 300)
        for (number, grant) in grants.enumerated() {
            let fate = isMixed ? chance.next(upTo: 99) : 99
            let rest = Remains(device: device, request: request, grants: Array(grants[number...]))
            if fate < 2 {
                await die(rest, &chance)
                break
            }
            guard let output = await execute(grant, device, &chance) else { continue }
            if fate < 4 {
                await die(rest, &chance)
                break
            }
            await report(grant.hold, output, device, again: chance.next(upTo: 9) == 0)
        }
        if chance.next(upTo: 19) == 0 { _ = try? await device.beat(chance.next(upTo: 1) == 0 ? "busy" : "online") }
        return grants.count
    }

    private func claim(
        _ device: ChaosDevice, _ limit: Int, _ request: String, wait: Int
    ) async -> [ChaosDevice.Grant] {
        let reply = await ask("a claim by \(device.id)") { try await device.claim(limit, request: request, wait: wait) }
        guard let reply else { return [] }
        guard let grants = ChaosDevice.grants(reply) else {
            record.complain("a claim by \(device.id) got \(reply.status): \(reply.text)")
            return []
        }
        for grant in grants { record.know(grant) }
        return grants
    }

    /// Extends its lease now and then; returns what it put out, or nil when its time is over.
    private func execute(
        _ grant: ChaosDevice.Grant, _ device: ChaosDevice, _ chance: inout Chance
    ) async -> String? {
        if chance.next(upTo: 99) < 15 { await extend(grant.hold, device) }
        guard World.live.now() < grant.visibleUntil else { return nil }
        let output = record.run(grant.hold)
        await pause(chance.next(upTo: 15))
        return output
    }

    private func extend(_ hold: ChaosDevice.Hold, _ device: ChaosDevice) async {
        guard let reply = await ask("the extension of \(hold)", { try await device.extend(hold) }) else { return }
        record.know(DeviceRecord.Answer(kind: .extend, hold: hold, status: reply.status, at: World.live.now()))
        guard reply.status == 200 else { return }
        guard let until = ChaosDevice.instant(reply.json["visibleUntil"]) else {
            return record.complain("the extension of \(hold) got \(reply.text)")
        }
        record.know(ChaosDevice.Grant(hold: hold, visibleUntil: until))
    }

    private func report(
        _ hold: ChaosDevice.Hold, _ output: String, _ device: ChaosDevice, again: Bool = false
    ) async {
        var statuses: [Int] = []
        for _ in 0...(again ? 1 : 0) {
            let reply = await ask("the result of \(hold)") { try await device.succeed(hold, output) }
            guard let reply else { return }
            record.know(
                DeviceRecord.Answer(
                    kind: .report, hold: hold, output: output, status: reply.status, at: World.live.now()))
            statuses.append(reply.status)
        }
        if statuses.first == 200, statuses.last != 200 { record.complain("the result of \(hold) got \(statuses)") }
    }

    /// A device forgets all but the id of its claim. Half of them come back at once.
    private func die(_ remains: Remains, _ chance: inout Chance) async {
        record.noteDeath()
        if chance.next(upTo: 1) == 0 {
            await comeBack(to: remains, &chance)
        } else {
            left.withLock { $0.append(remains) }
        }
    }

    /// The same request id gives what is still held, under the same tokens, and nothing besides.
    private func comeBack(to remains: Remains, _ chance: inout Chance) async {
        record.noteReturn()
        let grants = await claim(remains.device, 5, remains.request, wait: 0)
        let now = World.live.now()
        let (had, given) = (Set(remains.grants.map(\.hold)), Set(grants.map(\.hold)))
        let held = Set(remains.grants.filter { now < $0.visibleUntil }.map(\.hold))
        if !held.isSubset(of: given) || !held.isEmpty && !given.isSubset(of: had) {
            record.complain("\(remains.device.id) had \(had), of it \(held) still, and was given \(given)")
        }
        for grant in grants {
            guard let output = await execute(grant, remains.device, &chance) else { continue }
            await report(grant.hold, output, remains.device)
        }
    }
}
