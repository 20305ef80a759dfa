import Bytes
import Domain
import Support
import Synchronization

/// Forty-two clients who move money at once, go on whatever happens to the server, and write down what they see: ten
/// buyers, two who cash out what providers earned, four at the till, sixteen machines; and of bounties six agents, two
/// who settle, and two machines that audit.
final class MoneyCrowd: Sendable {
    static let owners = (1...5).map { "buyer-\($0)" }
    /// The first owner also lends a machine: its own jobs may come to it.
    static let providers = ["buyer-1", "provider-1", "provider-2", "provider-3"]
    /// Ten minor units for a millisecond.
    static let hourlyPrice = "36"
    static let minorUnitsPerMillisecond: Int64 = 10
    static let lease = 1_000

    enum Phase { case mixed, finishing, over }

    let record = MoneyRecord()
    let server: FarmServer
    let machines: [FarmMachine]
    let bounties: BountyCrowd
    private let seed: UInt64
    private let phase = Mutex(Phase.mixed)
    /// What was accepted, for others to act on.
    private let jobs = Mutex<[(owner: String, id: String)]>([])
    private let withdrawals = Mutex<[String]>([])
    /// Clients who may yet begin something new.
    private let beginners = Mutex(0)

    init(_ farm: Farm, seed: UInt64) async throws {
        server = farm.server
        self.seed = seed
        var machines: [FarmMachine] = []
        for number in 0..<16 {
            let provider = Self.providers[number % Self.providers.count]
            let owner = FarmOwner(farm.server.client(of: provider), id: provider)
            machines.append(try await owner.machine("machine \(number)", hourlyPrice: Self.hourlyPrice))
        }
        self.machines = machines
        bounties = try await BountyCrowd(farm)
    }

    var isMixed: Bool { phase.withLock { $0 == .mixed } }
    var isOver: Bool { phase.withLock { $0 == .over } }

    /// Runs while `body` does; then nothing new is begun and what lives is brought to its end.
    func run(while body: () async throws -> Void) async throws {
        beginners.withLock { $0 = 16 + 8 }
        let clients = Task {
            await withDiscardingTaskGroup { group in
                for number in 0..<10 {
                    group.addTask { await self.begin { await $0.buy(Self.owners[number % Self.owners.count], number) } }
                }
                for number in 0..<2 { group.addTask { await self.begin { await $0.cashOut(number) } } }
                for number in 0..<4 { group.addTask { await self.begin { await $0.keepTill(number) } } }
                for agent in bounties.agents { group.addTask { await self.begin { await $0.trade(agent) } } }
                for number in 0..<2 { group.addTask { await self.begin { await $0.settle(number) } } }
                for (number, machine) in bounties.auditors.enumerated() {
                    group.addTask { await self.audit(machine, number) }
                }
                for (number, machine) in machines.enumerated() {
                    group.addTask { await self.work(machine, number) }
                }
            }
        }
        do {
            try await body()
            phase.withLock { $0 = .finishing }
            try await cancelAll()
            try await endBounties()
        } catch {
            phase.withLock { $0 = .over }
            await clients.value
            throw error
        }
        phase.withLock { $0 = .over }
        await clients.value
        try await decideAll()
    }

    private func begin(_ body: (MoneyCrowd) async -> Void) async {
        await body(self)
        beginners.withLock { $0 -= 1 }
    }

    func chance(_ number: Int) -> Chance { Chance(seed: seed &+ UInt64(number) &* 1_000_003) }
    func client(of owner: String) -> FarmClient { server.client(of: owner) }
    func pause(_ milliseconds: Int) async { try? await World.live.sleep(.milliseconds(milliseconds)) }

    func know(job id: String, of owner: String) { jobs.withLock { $0.append((owner, id)) } }
    func know(withdrawal id: String) { withdrawals.withLock { $0.append(id) } }

    /// One of an owner's latest jobs.
    func someJob(of owner: String, _ chance: inout Chance) -> String? {
        let mine = jobs.withLock { $0.suffix(200).filter { $0.owner == owner } }
        return mine.isEmpty ? nil : mine[chance.next(upTo: mine.count - 1)].id
    }

    /// One that nobody decides on at this moment, unless by chance again.
    func someWithdrawal(_ chance: inout Chance) -> String? {
        withdrawals.withLock { $0.isEmpty ? nil : $0[$0.count - 1 - chance.next(upTo: min($0.count, 20) - 1)] }
    }

    /// Asks until there is an answer: that is what names, keys and tokens are for. What it means is in the record.
    /// - Parameter whenUncertain: refusals which after an unanswered call say that it happened.
    @discardableResult
    func ask(
        _ kind: MoneyRecord.Call.Kind, _ name: String, amount: Int64 = 0, whenUncertain: Set<Int> = [],
        _ call: () async throws -> FarmReply, answer: (FarmReply) -> String
    ) async -> MoneyRecord.Ending {
        var wasUncertain = false
        while true {
            var ending: MoneyRecord.Ending?
            if let reply = try? await call() {
                switch reply.status {
                case 200..<300: ending = .done(answer(reply))
                case 503: break
                case 504: wasUncertain = true
                case 400..<500 where wasUncertain && whenUncertain.contains(reply.status): ending = .done(answer(reply))
                case 400..<500: ending = .refused(reply.status)
                default: record.complain("\(kind) \(name) got \(reply.status): \(reply.text)")
                }
            } else {
                wasUncertain = true
            }
            if ending == nil, isOver { ending = .unknown }
            if let ending {
                record.add(.init(kind: kind, name: name, amount: amount, ending: ending, wasUncertain: wasUncertain))
                return ending
            }
            await pause(30)
        }
    }

    /// Ends every job that lives, with its workers still at it.
    private func cancelAll() async throws {
        try await eventually("all jobs have ended", within: .seconds(60)) {
            // What nobody has answered yet may still become a job, or make one live again.
            guard beginners.withLock({ $0 }) == 0 else { return false }
            for owner in Self.owners {
                // Between two answers a job may go from running to pending and back: ask more than once.
                for status in ["pending", "running", "pending", "running"] {
                    // A server that has just started may refuse for a moment.
                    let path = "/api/v1/jobs?limit=100&status=\(status)"
                    guard let page = try? await client(of: owner).get(path).expecting(200) else { return false }
                    let live = page.json["jobs"]?.array ?? []
                    guard live.isEmpty else {
                        for job in live {
                            _ = try? await client(of: owner).delete("/api/v1/jobs/\(job["id"]?.string ?? "")")
                        }
                        return false
                    }
                }
            }
            return true
        }
    }

    /// Rejects every withdrawal that is still open.
    private func decideAll() async throws {
        for id in withdrawals.withLock({ $0 }) {
            try await eventually("\(id) is decided", within: .seconds(30)) {
                let reply = try? await client(of: Self.owners[0]).post(
                    "/api/v1/wallet/withdrawals/\(id)/reject", ["reason": "closing time"])
                return reply.map { $0.status < 500 } ?? false
            }
        }
    }
}
