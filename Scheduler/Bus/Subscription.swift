internal import Synchronization

/// One subscriber's ear on a `LocalBus`. For one waiting task at a time; letting go of it unsubscribes.
package final class Subscription: Sendable {
    /// Why a wait ended.
    package enum Wake: Sendable {
        /// Something was published since the wait before this one.
        case published
        case timedOut
        /// The bus is closed or the task cancelled: answer at once.
        case closed
    }

    private let listener: Listener
    private let topics: [String]
    private let bus: LocalBus
    private let sleep: @Sendable (Duration) async throws -> Void

    init(
        _ listener: Listener, topics: [String], bus: LocalBus,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.listener = listener
        self.topics = topics
        self.bus = bus
        self.sleep = sleep
    }

    deinit { bus.remove(listener, from: topics) }

    /// Returns at once when the subscription was notified since the last wait.
    package func wait(for limit: Duration) async -> Wake {
        let turn = listener.begin()
        if let wake = listener.takeWake() { return wake }
        guard limit > .zero else { return .timedOut }
        let alarm = Task { [listener, sleep] in
            try await sleep(limit)
            listener.expire(turn)
        }
        defer { alarm.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { listener.park($0) }
        } onCancel: {
            listener.close()
        }
    }
}

/// The shared half of a subscription: what the bus notifies and the waiter parks in.
final class Listener: Sendable {
    private struct State {
        var wasNotified = false
        var isClosed = false
        var turn: UInt64 = 0
        var hasExpired = false
        var waiter: CheckedContinuation<Subscription.Wake, Never>?

        /// The wake that is due, and forgets that it was.
        mutating func takeWake() -> Subscription.Wake? {
            if isClosed { return .closed }
            if wasNotified {
                wasNotified = false
                return .published
            }
            guard hasExpired else { return nil }
            hasExpired = false
            return .timedOut
        }
    }

    private let state = Mutex(State())
    private let onPublish: (@Sendable () -> Void)?

    init(_ onPublish: (@Sendable () -> Void)?) { self.onPublish = onPublish }

    func notify() {
        wake { $0.wasNotified = true }
        onPublish?()
    }

    func close() { wake { $0.isClosed = true } }

    /// A wait begins. An alarm names its turn, so that one that comes too late ends no later wait.
    func begin() -> UInt64 {
        state.withLock { state in
            state.turn &+= 1
            state.hasExpired = false
            return state.turn
        }
    }

    func expire(_ turn: UInt64) {
        wake { state in
            if state.turn == turn { state.hasExpired = true }
        }
    }

    func takeWake() -> Subscription.Wake? { state.withLock { $0.takeWake() } }

    func park(_ waiter: CheckedContinuation<Subscription.Wake, Never>) {
        let due: Subscription.Wake? = state.withLock { state in
            if let due = state.takeWake() { return due }
            state.waiter = waiter
            return nil
        }
        if let due { waiter.resume(returning: due) }
    }

    private func wake(_ change: (inout State) -> Void) {
        let due: (CheckedContinuation<Subscription.Wake, Never>, Subscription.Wake)? = state.withLock { state in
            change(&state)
            guard let waiter = state.waiter, let wake = state.takeWake() else { return nil }
            state.waiter = nil
            return (waiter, wake)
        }
        if let (waiter, wake) = due { waiter.resume(returning: wake) }
    }
}
