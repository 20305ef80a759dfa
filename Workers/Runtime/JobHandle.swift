internal import Synchronization

/// Stops one running job; the first reason counts.
final class JobHandle: Sendable {
    enum Reason: Sendable {
        case lost, cancelled, shutdown
        /// The policy's hours have ended.
        case outsideHours
    }

    private struct State {
        var reason: Reason?
        var task: Task<Void, Never>?
        var isReporting = false
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

    /// The job has ended and is being reported: the policy's hours no longer stop it.
    func beginReport() {
        state.withLock { $0.isReporting = true }
    }

    func stop(_ reason: Reason) {
        let task = state.withLock { state -> Task<Void, Never>? in
            if state.isReporting, reason == .outsideHours { return nil }
            state.reason = state.reason ?? reason
            return state.task
        }
        task?.cancel()
    }
}
