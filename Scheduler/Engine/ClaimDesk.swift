internal import Bus
internal import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// The claims that wait. A wake-up for so many jobs of a class wakes as many waiting claims that fit it, no more.
final class ClaimDesk: Sendable {
    private struct Waiter: Sendable {
        let number: Int
        let offer: Offer
    }

    private struct State: Sendable {
        var next = 0
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())
    private let database: Database
    private let board: ClassBoard
    private let bus: LocalBus
    private let world: World
    private let stats: JobStats

    init(database: Database, board: ClassBoard, bus: LocalBus, world: World, stats: JobStats) {
        self.database = database
        self.board = board
        self.bus = bus
        self.world = world
        self.stats = stats
    }

    /// How many claims wait.
    var depth: Int { state.withLock { $0.waiters.count } }

    func claim(_ claim: Claim, wait: Duration, isAbandoned: @Sendable () -> Bool) async throws -> [Grant] {
        let deadline = world.monotonic() + wait.milliseconds
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        let bell = bus.subscribe(Self.topic(number))
        defer { state.withLock { $0.waiters.removeAll { $0.number == number } } }
        var offer = claim.offer
        while true {
            // Listed before it looks: what becomes ready in between rings the bell.
            let waiter = Waiter(number: number, offer: offer)
            state.withLock { state in
                if !state.waiters.contains(where: { $0.number == number }) { state.waiters.append(waiter) }
            }
            let answer = try await look(claim)
            if !answer.grants.isEmpty { return answer.grants }
            offer = answer.offer
            let left = deadline - world.monotonic()
            guard left > 0, !isAbandoned() else { return [] }
            if case .closed = await bell.wait(for: .milliseconds(min(left, Self.longestSleep))) { return [] }
            if isAbandoned() { return [] }
        }
    }

    /// Even if every hint were lost, a waiting claim looks this often, in milliseconds.
    private static let longestSleep: Int64 = 5_000

    private func look(_ claim: Claim) async throws -> ClaimAnswer {
        let arrivals = board.arrivals
        let start = world.monotonic()
        let hints = board.claimHints
        let answer = try await database.write { try $0.claim(claim, hints: hints) }
        board.learn(answer, before: arrivals, took: world.monotonic() - start)
        stats.claimed(answer)
        return answer
    }

    /// Wakes up to `count` claims that fit the class, those that wait the longest first.
    func wake(_ id: ClassID, count: Int) {
        guard let requirement = board.requirement(id) else { return }
        let numbers = state.withLock { state in
            var numbers: [Int] = []
            state.waiters.removeAll { waiter in
                guard numbers.count < count, waiter.offer.fits(requirement) else { return false }
                numbers.append(waiter.number)
                return true
            }
            return numbers
        }
        for number in numbers { bus.publish(Self.topic(number)) }
    }

    private static func topic(_ number: Int) -> String { "claim:\(number)" }
}

extension Duration {
    /// Whole milliseconds, as far as they fit.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? .max / 4 : product + attoseconds / 1_000_000_000_000_000
    }
}
