import Bytes

extension Database {
    /// Whether a transaction can be had right now; answers within two seconds, whatever the database does.
    package func health() async -> DatabaseHealth {
        let start = World.live.monotonic()
        let answer = FirstAnswer<String?>()
        engine.submit(
            QueuedTransaction(
                mode: .write, isUrgent: true, since: start,
                // To begin, with the time, is enough: it takes a connection that may write.
                run: { tx in
                    _ = tx.now
                    return { answer.give(nil) }
                },
                fail: { answer.give("\($0)") }))
        let timer = Task {
            try await World.live.sleep(.seconds(2))
            answer.give("no answer within 2 s")
        }
        let problem = await answer.value
        timer.cancel()
        let load = load
        return DatabaseHealth(
            problem: problem, latencyMilliseconds: World.live.monotonic() - start,
            connections: load.connections, working: load.working, waiting: load.waiting)
    }

    /// How much there is to do.
    package var load: DatabaseLoad { engine.load }
}

package struct DatabaseHealth: Sendable {
    /// Why no transaction can be had.
    package let problem: String?
    package let latencyMilliseconds: Int64
    /// Open connections, and of those the ones at work.
    package let connections: Int
    package let working: Int
    /// Callers waiting for one.
    package let waiting: Int

    package var ok: Bool { problem == nil }
}

package struct DatabaseLoad: Sendable {
    package var connections = 0
    package var working = 0
    package var waiting = 0
}
