internal import Synchronization

/// Something that a socket's handler has to act on.
package enum SocketEvent: Sendable, Equatable {
    /// A text message: UTF-8.
    case text([UInt8])
    /// Look again at what the topic is about (see `WebSocket.follow`). Many publications may arrive as one.
    case published(String)
    /// Messages were dropped because the client sends too many; if it goes on, the socket is closed with 1008.
    case rateLimited
}

/// What happened to a socket, in order, until its handler takes it.
final class SocketInbox: Sendable {
    private struct State {
        var events: [SocketEvent] = []
        var messages = 0
        var hasEnded = false
        var waiter: CheckedContinuation<SocketEvent?, Never>?

        mutating func takeFirst() -> SocketEvent? {
            guard !events.isEmpty else { return nil }
            let event = events.removeFirst()
            if case .text = event { messages -= 1 }
            return event
        }
    }

    private let state = Mutex(State())
    private let backlog: Int

    init(backlog: Int) { self.backlog = backlog }

    /// Whether enough messages wait, so that no more should be read.
    var isFull: Bool { state.withLock { $0.messages >= backlog } }

    func receive(_ text: [UInt8]) {
        deliver { state in
            state.events.append(.text(text))
            state.messages += 1
        }
    }

    func publish(_ topic: String) { deliver { Self.addOnce(.published(topic), &$0) } }
    func noteRateLimit() { deliver { Self.addOnce(.rateLimited, &$0) } }

    /// Nothing more will come; what is here is still to be taken.
    func end() { deliver { $0.hasEnded = true } }

    /// The next event; nil when there will be none, or the task is cancelled. For one task at a time.
    func next() async -> SocketEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let due: SocketEvent?? = state.withLock { state in
                    if let event = state.takeFirst() { return .some(event) }
                    if state.hasEnded || state.waiter != nil { return .some(nil) }
                    state.waiter = continuation
                    return .none
                }
                if let due { continuation.resume(returning: due) }
            }
        } onCancel: {
            deliver { state in
                state.events = []
                state.messages = 0
                state.hasEnded = true
            }
        }
    }

    private static func addOnce(_ event: SocketEvent, _ state: inout State) {
        if !state.events.contains(event) { state.events.append(event) }
    }

    /// Changes the state unless it has ended, and wakes the waiter if there is something for it.
    private func deliver(_ change: (inout State) -> Void) {
        let due: (CheckedContinuation<SocketEvent?, Never>, SocketEvent?)? = state.withLock { state in
            if state.hasEnded { return nil }
            change(&state)
            guard let waiter = state.waiter, state.hasEnded || !state.events.isEmpty else { return nil }
            state.waiter = nil
            return (waiter, state.takeFirst())
        }
        if let (waiter, event) = due { waiter.resume(returning: event) }
    }
}
