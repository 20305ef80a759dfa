import Bytes
import Support
import Synchronization

/// Honest tenants, each with a machine: they submit, claim, extend and report, now and then die with a job, and ask
/// again until they are answered.
final class SoakCrowd: Sendable {
    static let queue = "honest"
    /// Milliseconds of a lease: as long as a job of a dead machine waits.
    private static let lease = 6_000
    /// Calls at once; tenants take turns.
    private static let lanes = 8

    let record = SoakRecord()
    let tenants: [FarmOwner]
    private let machines: [FarmMachine]
    private let seed: UInt64
    private let phase = Mutex(Phase.mixed)

    private enum Phase { case mixed, draining, over }

    init(_ farm: Farm, tenants count: Int, seed: UInt64) async throws {
        self.seed = seed
        let owners = (0..<count).map { FarmOwner(farm.server.client(of: "honest-\($0)"), id: "honest-\($0)") }
        tenants = owners
        machines = try await withThrowingTaskGroup(of: [(Int, FarmMachine)].self) { group in
            for lane in 0..<Self.lanes {
                group.addTask {
                    var machines: [(Int, FarmMachine)] = []
                    for number in stride(from: lane, to: count, by: Self.lanes) {
                        machines.append((number, try await owners[number].machine()))
                    }
                    return machines
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private var isOver: Bool { phase.withLock { $0 == .over } }
    private var isMixed: Bool { phase.withLock { $0 == .mixed } }

    /// Runs while `body` does; then nothing more is submitted, and what there is gets done.
    func run(while body: () async throws -> Void) async throws {
        let clients = Task {
            await withDiscardingTaskGroup { group in
                for lane in 0..<Self.lanes { group.addTask { await self.work(lane) } }
            }
        }
        do {
            try await body()
            phase.withLock { $0 = .draining }
            try await eventually("all jobs have ended", within: .seconds(120)) {
                try await World.live.sleep(.milliseconds(500))
                return try await left() == 0
            }
        } catch {
            phase.withLock { $0 = .over }
            await clients.value
            throw error
        }
        phase.withLock { $0 = .over }
        await clients.value
    }

    /// How many tenants have a job that hasn't ended.
    private func left() async throws -> Int {
        var left = 0
        for owner in Set(record.log.jobs.values) {
            guard let tenant = tenants.first(where: { $0.id == owner }) else { continue }
            // Between two answers a job may go from running to pending.
            for status in ["pending", "running", "pending"] {
                let page = try await tenant.client.get("/api/v1/jobs?limit=1&status=\(status)").expecting(200)
                if page.json["jobs"] != [] {
                    left += 1
                    break
                }
            }
        }
        return left
    }

    private func work(_ lane: Int) async {
        var chance = Chance(seed: seed &+ UInt64(lane) &* 1_000_003)
        var number = lane
        while !isOver {
            number = (number + Self.lanes) % tenants.count
            if isMixed { await submit(tenants[number]) }
            let held = await claim(machines[number])
            for grant in held { await finish(grant, machines[number], &chance) }
            if held.isEmpty { try? await World.live.sleep(.milliseconds(50)) }
        }
    }

    private func submit(_ owner: FarmOwner) async {
        let key = Hex.encode(World.live.random(8))
        let reply = await ask(.submit, "a submit") {
            try await owner.submit("job \(key)", key: key, [.init("queue", .string(Self.queue))])
        }
        guard let reply else { return }
        guard reply.status == 201, let id = reply.json["id"]?.string else {
            return record.complain("a submit got \(reply.status): \(reply.text)")
        }
        record.note(job: id, of: owner.id)
    }

    private func claim(_ machine: FarmMachine) async -> [FarmMachine.Grant] {
        let request = Hex.encode(World.live.random(8))
        let reply = await ask(.claim, "a claim") {
            try await machine.claim(4, lease: Self.lease, request: request, queues: [Self.queue])
        }
        guard let reply else { return [] }
        guard reply.status == 200, let grants = try? FarmMachine.grants(reply) else {
            record.complain("a claim got \(reply.status): \(reply.text)")
            return []
        }
        return grants
    }

    private func finish(_ grant: FarmMachine.Grant, _ machine: FarmMachine, _ chance: inout Chance) async {
        if isMixed, chance.next(upTo: 99) < 2 { return record.noteAbandoned() }
        if chance.next(upTo: 3) == 0 {
            let reply = await ask(.extend, "an extend") { try await machine.extend(grant, by: Self.lease) }
            if let reply, ![200, 403, 409].contains(reply.status) {
                record.complain("an extend got \(reply.status): \(reply.text)")
            }
        }
        let reply = await ask(.result, "a result") { try await machine.finish(grant) }
        switch reply?.status {
        case 200: record.noteResult(of: grant.job)
        // The lease ran out while nobody answered.
        case nil, 403, 409: break
        default: record.complain("a result got \(reply?.status ?? 0): \(reply?.text ?? "")")
        }
    }

    /// Repeats a call until it is answered; nil when the test is over, or it takes too long.
    private func ask(
        _ call: SoakRecord.Call, _ what: String, _ body: () async throws -> FarmReply
    ) async -> FarmReply? {
        let deadline = ContinuousClock.now + .seconds(90)
        while !isOver {
            let (start, up) = (ContinuousClock.now, record.upSince)
            let reply = try? await body()
            let counts = up != nil && up == record.upSince
            if let reply {
                if counts { record.note(call, took: ContinuousClock.now - start) }
                switch reply.status {
                case ..<500: return reply
                case 503: if counts { record.noteRefused() }
                case 504: record.noteUnanswered()
                default: record.complain("\(what) got \(reply.status): \(reply.text)")
                }
            } else {
                record.noteUnanswered()
                if counts { record.complain("\(what) had no answer while the server was up") }
            }
            guard ContinuousClock.now < deadline else {
                record.complain("\(what) was never answered")
                return nil
            }
            try? await World.live.sleep(.milliseconds(30))
        }
        return nil
    }
}
