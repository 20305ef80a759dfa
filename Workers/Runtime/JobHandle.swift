internal import Synchronization

/// Stops one running job, once and for one reason.
final class JobHandle: Sendable {
    enum Reason: Sendable {
        case lost, cancelled, shutdown
    }

    private struct State {
        var reason: Reason?
        var task: Task<Void, Never>?
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

    func stop(_ reason: Reason) {
        let task = state.withLock { state in
            state.reason = state.reason ?? reason
            return state.task
        }
        task?.cancel()
    }
}
