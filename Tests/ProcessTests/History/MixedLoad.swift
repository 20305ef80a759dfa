import Bytes
import Support
import Synchronization

/// Submitters, workers and a reader who go on whatever happens to the servers, and write down what they see. Who
/// isn't answered asks again, the next server if there is one.
final class MixedLoad: Sendable {
    static let maxAttempts = 3
    private static let lease = 2_000

    let history = History()
    private let servers: [FarmServer]
    private let owner: FarmOwner
    private let machines: [FarmMachine]
    private let seed: UInt64
    private let phase = Mutex(Phase.mixed)
    private let known = Mutex<[String]>([])
    private let submitters = Mutex(3)

    private enum Phase { case mixed, finishing, over }

    /// Enrolls as many machines as there are to be workers.
    init(_ farm: Farm, also others: [FarmServer] = [], workers: Int, seed: UInt64) async throws {
        servers = [farm.server] + others
        owner = farm.owner
        self.seed = seed
        var machines: [FarmMachine] = []
        for number in 0..<workers { machines.append(try await farm.owner.machine("worker \(number)")) }
        self.machines = machines
    }

    /// Runs while `body` does; then no more jobs are submitted, and it ends when all have ended.
    func run(while body: () async throws -> Void) async throws {
        let clients = Task {
            await withDiscardingTaskGroup { group in
                for number in 0..<submitters.withLock({ $0 }) { group.addTask { await self.submit(number) } }
                for (number, machine) in machines.enumerated() {
                    group.addTask { await self.work(machine, number) }
                }
                group.addTask { await self.read() }
            }
        }
        do {
            try await body()
            phase.withLock { $0 = .finishing }
            try await eventually("all jobs have ended", within: .seconds(60)) {
                // A submit that nobody has answered yet may still become a job.
                guard submitters.withLock({ $0 }) == 0 else { return false }
                // Between two answers a job may go from running to pending and back: ask more than once.
                for status in ["pending", "running", "pending", "running", "pending"] {
                    let page = try? await owner.client.get("/api/v1/jobs?limit=1&status=\(status)").expecting(200)
                    guard page?.json["jobs"] == [] else { return false }
                }
                return true
            }
        } catch {
            phase.withLock { $0 = .over }
            await clients.value
            throw error
        }
        phase.withLock { $0 = .over }
        await clients.value
    }

    private func owner(_ number: Int) -> FarmOwner {
        FarmOwner(servers[number % servers.count].client(of: owner.id), id: owner.id)
    }

    private var isMixed: Bool { phase.withLock { $0 == .mixed } }
    private var isOver: Bool { phase.withLock { $0 == .over } }

    private func submit(_ client: Int) async {
        defer { submitters.withLock { $0 -= 1 } }
        var chance = Chance(seed: seed &+ UInt64(client))
        var number = 0
        while isMixed {
            number += 1
            let name = "\(client)-\(number)"
            await untilKnown { [self] time in
                await history.write(.submit(key: name, title: name)) {
                    try await owner(client + time).submit(
                        name, key: name, [.init("backoff", ["initial_ms": 20, "factor": 1, "max_ms": 20])])
                } _: { reply in
                    let id = reply.json["id"]?.string ?? ""
                    known.withLock { $0.append(id) }
                    return .job(id, body: reply.text)
                }
            }
            await pause(chance.next(upTo: 30))
        }
    }

    private func work(_ machine: FarmMachine, _ number: Int) async {
        var chance = Chance(seed: seed &+ 10 &+ UInt64(number))
        while !isOver {
            let request = Hex.encode(World.live.random(8))
            let limit = 1 + chance.next(upTo: 3)
            let outcome = await untilKnown { [history, servers] time in
                await history.write(.claim(request: request, lease: .milliseconds(Self.lease))) {
                    try await machine.at(servers[(number + time) % servers.count])
                        .claim(limit, lease: Self.lease, wait: 300, request: request)
                } _: {
                    .grants(try FarmMachine.grants($0))
                }
            }
            guard case .grants(let grants) = outcome else { continue }
            for grant in grants { await work(on: grant, machine, number, &chance) }
        }
    }

    private func work(
        on grant: FarmMachine.Grant, _ machine: FarmMachine, _ number: Int, _ chance: inout Chance
    ) async {
        let machine = machine.at(servers[number % servers.count])
        let hold = Operation.Hold(job: grant.job, token: grant.token, fence: grant.fence)
        let die = isMixed ? chance.next(upTo: 99) : 99
        // Some workers never come back.
        if die < 4 { return }
        if die < 20 {
            await history.write(.extend(hold, by: .milliseconds(Self.lease))) {
                try await machine.extend(grant, by: Self.lease)
            } _: {
                .done(body: $0.text)
            }
        }
        await pause(chance.next(upTo: 20))
        let isSuccess = die >= 12
        await untilKnown { [history, servers] time in
            await history.write(.finish(hold, isSuccess: isSuccess)) {
                try await machine.at(servers[(number + time) % servers.count])
                    .finish(grant, isSuccess ? "success" : "failure")
            } _: {
                .done(body: $0.text)
            }
        }
        // Some ask twice.
        if die > 90 {
            await history.write(.finish(hold, isSuccess: isSuccess)) {
                try await machine.finish(grant, isSuccess ? "success" : "failure")
            } _: {
                .done(body: $0.text)
            }
        }
    }

    private func read() async {
        var chance = Chance(seed: seed &+ 99)
        while !isOver {
            let jobs = known.withLock { $0 }
            if !jobs.isEmpty {
                let job = jobs[jobs.count - 1 - chance.next(upTo: min(jobs.count, 50) - 1)]
                await history.write(.read(job: job)) {
                    try await owner(jobs.count).client.get("/api/v1/jobs/\(job)")
                } _: {
                    .status($0.json["status"]?.string ?? "")
                }
            }
            await pause(5)
        }
    }

    /// Repeats a call until its outcome is known: that is what keys, request ids and claim tokens are for.
    @discardableResult
    private func untilKnown(_ call: (_ time: Int) async -> Operation.Outcome) async -> Operation.Outcome {
        var time = 0
        while true {
            let outcome = await call(time)
            time += 1
            switch outcome {
            case .unknown, .refused(503):
                if isOver { return outcome }
                await pause(20)
            default: return outcome
            }
        }
    }

    private func pause(_ milliseconds: Int) async { try? await World.live.sleep(.milliseconds(milliseconds)) }
}

/// Chance that the same seed repeats.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 to this, both included.
    mutating func next(upTo most: Int) -> Int { Int(next() % UInt64(max(0, most) + 1)) }
}
