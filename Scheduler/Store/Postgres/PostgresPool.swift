import Bytes
import CLibPQ
import Glibc

/// PostgreSQL: connections with a thread each, that take their work from one line.
///
/// When a connection can't be made, all callers are refused at once, until the one probe that goes on trying
/// (`PostgresProbe`) succeeds.
final class PostgresPool: StorageEngine {
    let sqlEngine = SQLEngine.postgres

    struct State {
        var waiting: PostgresQueue
        var isClosed = false
        /// Why nobody can connect.
        var outage: String?
        /// A connection that the probe made.
        var spare: PostgresLink?
        var threads = 0
        var connected = 0
        var working = 0
    }

    let url: String
    let settings: DatabaseSettings
    let state: Monitor<State>
    /// Wakes the probe.
    let alarm = Monitor<Void>(())
    private let listener: PostgresListener

    private init(_ url: String, _ settings: DatabaseSettings, _ first: PostgresLink) {
        self.url = url
        self.settings = settings
        let cores = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let queue = PostgresQueue(readers: first.isLocal ? cores : settings.connections)
        state = Monitor(
            State(waiting: queue, spare: first, threads: max(1, settings.connections) + 1, connected: 1))
        listener = PostgresListener(url, settings)
    }

    /// Returns once there is one connection. A server that is just starting is waited for.
    static func open(_ url: String, settings: DatabaseSettings) async throws -> PostgresPool {
        if let mistake = PostgresLink.mistake(in: url) { throw DatabaseError.failed(code: "url", message: mistake) }
        return try await withCheckedThrowingContinuation { continuation in
            startThread("pg-open") {
                continuation.resume(with: Result { try connect(url, settings) })
            }
        }
    }

    private static func connect(_ url: String, _ settings: DatabaseSettings) throws -> PostgresPool {
        let deadline = World.live.monotonic() + Int64(settings.openTimeoutMilliseconds)
        while true {
            let link: PostgresLink
            do {
                link = try PostgresLink.connect(to: url, settings)
            } catch {
                guard !error.isFinal, World.live.monotonic() < deadline else { throw error.error }
                pauseThread(milliseconds: 100)
                continue
            }
            try link.requireUTF8()
            let pool = PostgresPool(url, settings, link)
            for _ in 0..<max(1, settings.connections) {
                startThread("pg-lane") { pool.serve() }
            }
            startThread("pg-probe") { pool.keepWatch() }
            return pool
        }
    }

    func submit(_ work: QueuedTransaction) {
        var isReady = false
        let refusal: DatabaseError? = state.withLock { state in
            if state.isClosed { return .unavailable("the database is closed") }
            if let outage = state.outage { return .unavailable(outage) }
            guard state.waiting.count < settings.waitLimit || work.isUrgent else {
                return .busy("\(state.waiting.count) wait already")
            }
            state.waiting.append(work)
            isReady = state.waiting.isReady
            return nil
        }
        if let refusal { return work.fail(refusal) }
        // Otherwise whoever reads takes it when it is done, on a connection that is warm.
        if isReady { state.wakeOne() }
    }

    func notifications(_ channel: String) -> AsyncStream<String> { listener.subscribe(channel) }

    var load: DatabaseLoad {
        state.withLock {
            DatabaseLoad(connections: $0.connected, working: $0.working, waiting: $0.waiting.count)
        }
    }

    func close() async {
        let refused = state.withLock { state in
            state.isClosed = true
            state.spare = nil
            return state.waiting.popAll()
        }
        for work in refused { work.fail(DatabaseError.unavailable("the database is closed")) }
        listener.stop()
        state.wakeAll()
        alarm.wakeAll()
        await withCheckedContinuation { continuation in
            startThread("pg-close") {
                self.state.wait { $0.threads == 0 ? () : nil }
                continuation.resume()
            }
        }
    }

    /// A thread ends.
    func leave() {
        state.withLock { $0.threads -= 1 }
        state.wakeAll()
    }
}
