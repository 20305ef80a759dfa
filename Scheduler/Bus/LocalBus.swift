internal import Synchronization

/// Wake-ups inside this process, by topic. A wake-up is a hint to look again, never the fact itself: it carries
/// nothing, and many in a row may arrive as one.
///
/// Subscribe, then look, then wait: what is published after the subscription is never missed.
package final class LocalBus: Sendable {
    private struct State {
        var listeners: [String: [ObjectIdentifier: Listener]] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let sleep: @Sendable (Duration) async throws -> Void

    /// `sleep` is the world's: a wait with a time limit is measured by it.
    package init(sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.sleep = sleep
    }

    /// Listens from now on, for as long as the subscription is kept.
    package func subscribe(_ topics: String...) -> Subscription {
        subscribe(topics)
    }

    /// Listens from now on, for as long as the subscription is kept.
    ///
    /// - Parameter onPublish: called at every publication, by whoever publishes: it must be short.
    package func subscribe(_ topics: [String], onPublish: (@Sendable () -> Void)? = nil) -> Subscription {
        let listener = Listener(onPublish)
        let isClosed = state.withLock { state in
            for topic in topics { state.listeners[topic, default: [:]][ObjectIdentifier(listener)] = listener }
            return state.isClosed
        }
        if isClosed { listener.close() }
        return Subscription(listener, topics: topics, bus: self, sleep: sleep)
    }

    /// Notifies every subscription on the topic. Costs one look-up when nobody listens.
    package func publish(_ topic: String) {
        let listeners = state.withLock { $0.listeners[topic] }
        guard let listeners else { return }
        for listener in listeners.values { listener.notify() }
    }

    /// Ends every wait, now and later, with `.closed`: the process is shutting down.
    package func close() {
        let topics = state.withLock { state in
            state.isClosed = true
            return state.listeners
        }
        for listeners in topics.values {
            for listener in listeners.values { listener.close() }
        }
    }

    /// How many topics somebody listens to.
    package var topicCount: Int { state.withLock { $0.listeners.count } }

    func remove(_ listener: Listener, from topics: [String]) {
        state.withLock { state in
            for topic in topics {
                state.listeners[topic]?[ObjectIdentifier(listener)] = nil
                if state.listeners[topic]?.isEmpty == true { state.listeners[topic] = nil }
            }
        }
    }
}
