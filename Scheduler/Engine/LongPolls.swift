internal import Bus
internal import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// The claims that wait, each for its wake-up (`WaitingClaims`).
final class LongPolls: Sendable {
    private let state = Mutex(WaitingClaims())
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
    var depth: Int { state.withLock(\.count) }

    func claim(_ claim: Claim, wait: Duration, isAbandoned: @Sendable () -> Bool) async throws -> [Grant] {
        let deadline = world.monotonic() + wait.milliseconds
        let number = state.withLock { $0.enter() }
        let subscription = bus.subscribe(Self.topic(number))
        // What it was woken for and hasn't looked at yet: somebody else's, if it leaves or fails.
        var woken: WakeUp?
        defer { leave(number, woken) }
        var offer = claim.offer
        while true {
            // Listed before it looks: what becomes ready in between notifies the subscription.
            woken = state.withLock { [offer] in $0.look(number, offer) }
            let answer = try await look(claim)
            offer = answer.offer
            // There is nothing more to come for it; what it was woken for goes to the next.
            if answer.isRepeated, answer.grants.isEmpty { return [] }
            let wakeUps = WaitingClaims.wakeUps(
                after: answer, woken: woken, locks: database.sqlEngine == .postgres, classIndex)
            for (wakeUp, count) in wakeUps { wake(wakeUp, count: count) }
            woken = nil
            if !answer.grants.isEmpty { return answer.grants }
            state.withLock { [offer] in $0.rest(number, offer) }
            let left = deadline - world.monotonic()
            guard left > 0, !isAbandoned() else { return [] }
            let sleep = min(left, WaitingClaims.longestSleep)
            if case .closed = await subscription.wait(for: .milliseconds(sleep)) { return [] }
            if isAbandoned() { return [] }
        }
    }

    /// A claim ends. A wake-up that it can't follow any more goes to the next.
    private func leave(_ number: Int, _ woken: WakeUp?) {
        let more = state.withLock { $0.leave(number) }
        for wakeUp in Set([woken, more]) { if let wakeUp { wake(wakeUp, count: 1) } }
    }

    private func look(_ claim: Claim) async throws -> ClaimAnswer {
        let reads = ClassReads(classIndex)
        do {
            let answer = try await database.write { try $0.claim(claim, hints: reads.hints) }
            reads.end(answer)
            stats.claimed(answer)
            return answer
        } catch {
            reads.fail()
            throw error
        }
    }

    /// Wakes up to `count` claims that fit the class, those that wait the longest first.
    func wake(_ id: ClassID, count: Int) { wake(WakeUp(classID: id), count: count) }

    func wake(_ wakeUp: WakeUp, count: Int) {
        guard let need = classIndex.requirement(wakeUp.classID) else { return }
        let numbers = state.withLock { $0.wake(wakeUp, count: count, fitting: need) }
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
