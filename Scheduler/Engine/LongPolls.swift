internal import Bus
internal import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// The claims that wait. A wake-up for so many jobs of a class wakes as many waiting claims that fit it, no more.
final class LongPolls: Sendable {
    private struct Waiter: Sendable {
        let number: Int
        let offer: Offer
    }

    private struct State: Sendable {
        var next = 0
        var waiters: [Waiter] = []
        /// What the claims that were woken are to look at.
        var handed: [Int: ClassID] = [:]
    }

    private let state = Mutex(State())
    private let database: Database
    private let classIndex: ClassIndex
    private let bus: LocalBus
    private let world: World
    private let stats: JobStats

    init(database: Database, classIndex: ClassIndex, bus: LocalBus, world: World, stats: JobStats) {
        self.database = database
        self.classIndex = classIndex
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
        let subscription = bus.subscribe(Self.topic(number))
        // The class that it was woken for and hasn't looked at yet: somebody else's, if it leaves.
        var handed: ClassID?
        defer { leave(number, handed) }
        var offer = claim.offer
        while true {
            // Listed before it looks: what becomes ready in between notifies the subscription.
            handed = list(Waiter(number: number, offer: offer))
            let answer = try await look(claim)
            offer = answer.offer
            var passedOn = leftLocked(answer)
            if let id = handed, isForOthers(id, answer) { passedOn.insert(id) }
            for id in passedOn { wake(id, count: 1) }
            handed = nil
            if !answer.grants.isEmpty { return answer.grants }
            refresh(Waiter(number: number, offer: offer))
            let left = deadline - world.monotonic()
            guard left > 0, !isAbandoned() else { return [] }
            if case .closed = await subscription.wait(for: .milliseconds(min(left, Self.longestSleep))) { return [] }
            if isAbandoned() { return [] }
        }
    }

    /// Lists a claim as waiting, and returns what it was woken for.
    private func list(_ waiter: Waiter) -> ClassID? {
        state.withLock { state in
            if !state.waiters.contains(where: { $0.number == waiter.number }) { state.waiters.append(waiter) }
            return state.handed.removeValue(forKey: waiter.number)
        }
    }

    /// What a waiting claim offers, once machine and policy have been asked; as far as nobody has woken it.
    private func refresh(_ waiter: Waiter) {
        state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0.number == waiter.number }) else { return }
            state.waiters[index] = waiter
        }
    }

    /// A claim ends. A wake-up that it can't follow any more goes to the next.
    private func leave(_ number: Int, _ handed: ClassID?) {
        let more = state.withLock { state in
            state.waiters.removeAll { $0.number == number }
            return state.handed.removeValue(forKey: number)
        }
        for id in Set([handed, more]) { if let id { wake(id, count: 1) } }
    }

    /// Whether a claim that was woken for a class left something there, or can't take from it at all. (What fits and
    /// is believed to be empty is nobody's.)
    private func isForOthers(_ id: ClassID, _ answer: ClaimAnswer) -> Bool {
        guard let need = classIndex.requirement(id), !answer.grants.contains(where: { $0.requirement == need }) else {
            return false
        }
        return answer.asked[id]?.isEmpty == false || !answer.offer.fits(need)
    }

    /// The classes of which a claim locked a job and left it: until its commit others passed that job over, and may
    /// have gone to sleep believing that nothing is there. (On SQLite claims come one after the other.)
    private func leftLocked(_ answer: ClaimAnswer) -> Set<ClassID> {
        guard database.sqlEngine == .postgres else { return [] }
        return Set(answer.asked.filter { $0.value.left != nil }.keys)
    }

    /// Even if every hint were lost, a waiting claim looks this often, in milliseconds.
    private static let longestSleep: Int64 = 5_000

    private func look(_ claim: Claim) async throws -> ClaimAnswer {
        let arrivals = classIndex.arrivals
        let start = world.monotonic()
        let hints = classIndex.claimHints
        let answer = try await database.write { try $0.claim(claim, hints: hints) }
        classIndex.learn(answer, before: arrivals, took: world.monotonic() - start)
        stats.claimed(answer)
        return answer
    }

    /// Wakes up to `count` claims that fit the class, those that wait the longest first.
    func wake(_ id: ClassID, count: Int) {
        guard let requirement = classIndex.requirement(id) else { return }
        let numbers = state.withLock { state in
            var numbers: [Int] = []
            state.waiters.removeAll { waiter in
                guard numbers.count < count, waiter.offer.fits(requirement) else { return false }
                numbers.append(waiter.number)
                return true
            }
            for number in numbers { state.handed[number] = id }
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
