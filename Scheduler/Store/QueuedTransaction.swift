import Bytes

/// A closure waiting for its transaction.
struct QueuedTransaction: Sendable {
    enum Mode: Sendable {
        case write
        /// One snapshot; may not write.
        case read
        /// A single statement without a transaction around it.
        case bare
    }

    var mode: Mode
    /// Goes before those who wait.
    var isUrgent = false
    /// The most one statement may take, if it is not the usual.
    var statementTimeoutMilliseconds: Int?
    /// Monotonic milliseconds at which it began to wait.
    let since: Int64
    /// Runs the closure; returns what hands over its answer, to be called once all is committed. May run again
    /// after a failure that changed nothing.
    let run: @Sendable (Transaction) throws -> @Sendable () -> Void
    /// Hands over an error instead.
    let fail: @Sendable (any Error) -> Void
}

extension QueuedTransaction {
    /// Tells the caller if his turn did not come in time.
    @discardableResult
    func failIfLate(_ settings: DatabaseSettings) -> Bool {
        let waited = World.live.monotonic() - since
        guard waited >= settings.waitTimeoutMilliseconds else { return false }
        fail(DatabaseError.busy("waited \(waited) ms"))
        return true
    }
}

/// What a database does for its callers.
protocol StorageEngine: Sendable {
    var sqlEngine: SQLEngine { get }
    func submit(_ work: QueuedTransaction)
    func notifications(_ channel: String) -> AsyncStream<String>
    var load: DatabaseLoad { get }
    /// Fails those who wait, and returns when those that run have ended and every connection is closed.
    func close() async
}
