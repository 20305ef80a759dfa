internal import Synchronization

/// Stops one running job, once and for one reason.
final class JobHandle: Sendable {
    enum Reason: Sendable {
        case lost, cancelled, shutdown
        /// The policy's hours are over.
        case closed
    }

    private struct State {
        var reason: Reason?
        var task: Task<Void, Never>?
        var hasWorked = false
    }

    private let state = Mutex(State())

    var reason: Reason? {
        state.withLock(\.reason)
    }

    func attach(_ task: Task<Void, Never>) {
        let isStopped = state.withLock { state in
            state.task = task
            return state.reason != nil
        }
        if isStopped { task.cancel() }
    }

    /// What is left is to say how it ended: no reason of the machine's own stops that.
    func endWork() {
        state.withLock { $0.hasWorked = true }
    }

    func stop(_ reason: Reason) {
        let task = state.withLock { state -> Task<Void, Never>? in
            if state.hasWorked, reason == .closed { return nil }
            state.reason = state.reason ?? reason
            return state.task
        }
        task?.cancel()
    }
}
