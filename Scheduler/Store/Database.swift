import Bytes
internal import Domain
internal import Synchronization

/// The store: transactions on SQLite or PostgreSQL, one text of SQL for both.
///
///     try await database.write { tx in
///         try tx.execute("UPDATE jobs SET state = 'cancelled' WHERE id = \(id)")
///     }
///
/// Closures are synchronous, run on the database's own threads, and may run more than once (after a deadlock or a lost
/// connection, when the earlier run changed nothing): keep side effects in `afterCommit`. When `write` returns, its
/// changes are on disk.
package final class Database: Sendable {
    package let sqlEngine: SQLEngine
    let engine: any StorageEngine
    private let handleCache = HandleCache()
    private let ids = UUIDSequence()
    let quotas: OwnerQuotas
    private let waker = Mutex<(@Sendable (Set<String>) -> Void)?>(nil)

    init(_ engine: any StorageEngine, quotas: OwnerQuotas = OwnerQuotas()) {
        self.engine = engine
        self.quotas = quotas
        sqlEngine = engine.sqlEngine
    }

    deinit {
        let engine = engine
        Task { await engine.close() }
    }

    /// Opens `sqlite:PATH` (created if it is not there), `sqlite::memory:` or `postgres://user@host/database`
    /// (anything libpq understands). Throws `.unavailable` if it can't be reached within the settings' time.
    package static func open(_ url: String, settings: DatabaseSettings = .init()) async throws -> Database {
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            return Database(try await PostgresPool.open(url, settings: settings), quotas: settings.quotas)
        }
        guard url.hasPrefix("sqlite:") else {
            throw DatabaseError.failed(code: "url", message: "DATABASE_URL begins with sqlite: or postgres://")
        }
        let path = url.dropFirst("sqlite:".count)
        return Database(try await SQLiteStore.open(String(path), settings: settings), quotas: settings.quotas)
    }

    /// Runs `body` in a transaction that may write. Several on SQLite share one commit; a closure that throws undoes
    /// only what it did itself. Throws `DatabaseError`, or what `body` throws.
    @discardableResult
    package func write<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        try await perform(.write, body)
    }

    /// Runs `body` on a snapshot; a statement that would write throws `.failed`.
    @discardableResult
    package func read<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        try await perform(.read, body)
    }

    /// Payloads that `notify` sends to the channel, from any process. They are hints: those sent while the
    /// connection is down are lost, and of more than 4,096 unread ones the oldest. On SQLite there are none.
    package func notifications(_ channel: String) -> AsyncStream<String> { engine.notifications(channel) }

    /// Sends a hint (at most 7,999 bytes) to every listener of the channel, at once and outside any transaction: a
    /// NOTIFY inside one would take a lock of the whole server until it commits. On SQLite nothing happens.
    package func notify(_ channel: String, _ payload: String) async throws {
        guard sqlEngine == .postgres else { return }
        try await perform(.bare) { try $0.notify(channel, payload) }
    }

    /// Whether another process listens for what `notify` sends.
    package func isHeard() async throws -> Bool {
        guard sqlEngine == .postgres else { return false }
        return try await read { try $0.listeners() } > 1
    }

    /// Whom to tell the topics that committed transactions wake: called on the database's threads, so it must be quick.
    package func onWake(_ handler: @escaping @Sendable (Set<String>) -> Void) {
        waker.withLock { $0 = handler }
    }

    /// Ends the transactions that run, refuses those that wait and come, and closes every connection.
    package func close() async { await engine.close() }

    @discardableResult
    func perform<T: Sendable>(
        _ mode: QueuedTransaction.Mode, statementTimeoutMilliseconds: Int? = nil,
        _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            engine.submit(
                QueuedTransaction(
                    mode: mode, statementTimeoutMilliseconds: statementTimeoutMilliseconds,
                    since: World.live.monotonic(),
                    run: { [self] tx in
                        tx.handleCache = handleCache
                        tx.ids = ids
                        tx.quotas = quotas
                        let answer = try body(tx)
                        if !tx.topics.isEmpty, let wake = waker.withLock({ $0 }) {
                            let topics = tx.topics
                            tx.afterCommit { wake(topics) }
                        }
                        return { continuation.resume(returning: answer) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }
}
