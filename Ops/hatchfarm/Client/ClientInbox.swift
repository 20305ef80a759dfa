internal import Synchronization

/// Messages that a socket has received, until somebody takes them.
final class ClientInbox: Sendable {
    /// So many may wait before no more are read.
    private static let limit = 64

    private struct State {
        var messages: [[UInt8]] = []
        /// Why there will be no more; nil as long as the socket is open.
        var ending: String?
        var waiter: CheckedContinuation<[UInt8]?, Never>?
    }

    private enum Due {
        case message([UInt8])
        case nothingMore
        case later
    }

    private let state = Mutex(State())

    var isFull: Bool { state.withLock { $0.messages.count >= Self.limit } }
    var ending: String? { state.withLock { $0.ending } }

    func receive(_ message: [UInt8]) {
        let waiter = state.withLock { state -> CheckedContinuation<[UInt8]?, Never>? in
            guard state.ending == nil else { return nil }
            guard let waiter = state.waiter else {
                state.messages.append(message)
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: message)
    }

    /// Nothing more will come; what is here can still be taken. Only the first call counts.
    func end(_ reason: String) {
        let waiter = state.withLock { state -> CheckedContinuation<[UInt8]?, Never>? in
            guard state.ending == nil else { return nil }
            state.ending = reason
            let waiter = state.waiter
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: nil)
    }

    /// The next message; nil when there will be none, or the task is cancelled. For one task at a time.
    func next() async -> [UInt8]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<[UInt8]?, Never>) in
                let due = state.withLock { state -> Due in
                    if !state.messages.isEmpty { return .message(state.messages.removeFirst()) }
                    if state.ending != nil || state.waiter != nil { return .nothingMore }
                    state.waiter = continuation
                    return .later
                }
                switch due {
                case .message(let bytes): continuation.resume(returning: bytes)
                case .nothingMore: continuation.resume(returning: nil)
                case .later: break
                }
            }
        } onCancel: {
            end("cancelled")
        }
    }
}
