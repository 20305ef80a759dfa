import Bytes
import Dispatch
import GRDB
import Glibc
import Synchronization

/// SQLite: one connection that writes, several that read. Waiting writers share a commit, so that one sync of the
/// disk serves all of them.
final class SQLiteStore: StorageEngine {
    let sqlEngine = SQLEngine.sqlite

    private struct State {
        var waiting = TransactionQueue()
        var isWriting = false
        /// Whether somebody looks after those who wait to write.
        var isWatched = false
        var reading = 0
        var isClosed = false
        /// By their handle.
        var connections: [UInt: SQLiteConnection] = [:]
    }

    private static let batchLimit = 256

    private let writer: any DatabaseWriter
    /// Nil for a database in memory.
    private let checkpoints: SQLiteCheckpoints?
    private let settings: DatabaseSettings
    private let state = Mutex(State())

    private init(
        _ writer: any DatabaseWriter, _ checkpoints: SQLiteCheckpoints?, _ settings: DatabaseSettings
    ) {
        self.writer = writer
        self.checkpoints = checkpoints
        self.settings = settings
    }

    /// Opens a file, which is created if it is not there, or `:memory:`.
    static func open(_ path: String, settings: DatabaseSettings) async throws -> SQLiteStore {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                do {
                    let (writer, checkpoints) = try openWriter(path, settings)
                    continuation.resume(returning: SQLiteStore(writer, checkpoints, settings))
                } catch {
                    continuation.resume(throwing: DatabaseError.sqlite(error))
                }
            }
        }
    }

    private static func openWriter(
        _ path: String, _ settings: DatabaseSettings
    ) throws -> (any DatabaseWriter, SQLiteCheckpoints?) {
        var configuration = Configuration()
        configuration.label = "hatchfarm.sqlite"
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(Double(settings.lockTimeoutMilliseconds) / 1_000)
        configuration.maximumReaderCount = max(1, settings.readers)
        configuration.persistentReadOnlyConnections = true
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { database in
            // No memory map: an I/O error in one is a signal that ends the process, not an error that can be answered.
            // What is deleted is overwritten where its page is written anyway (Debian's default writes freed ones too).
            try database.execute(
                sql: """
                    PRAGMA cache_size = -8192; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
                    PRAGMA secure_delete = FAST;
                    PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0;
                    """)
        }
        if path == ":memory:" { return (try DatabaseQueue(configuration: configuration), nil) }
        makePrivate(path)
        let pool = try patiently(settings) { try DatabasePool(path: path, configuration: configuration) }
        // The pool sets NORMAL when it opens, which may lose what was acknowledged when the power fails. Readers have
        // smaller caches, as there are several, and the system's is behind them.
        try pool.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;")
        }
        let checkpoints = try SQLiteCheckpoints(path, configuration)
        pool.writeWithoutTransaction { database in
            if let handle = database.sqliteConnection { checkpoints.follow(handle) }
        }
        return (pool, checkpoints)
    }

    /// Makes the file, when there is none, for its user alone; the log beside it gets the same mode.
    private static func makePrivate(_ path: String) {
        let file = Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        if file >= 0 { Glibc.close(file) }
    }

    /// Opening a fresh file turns its log on, and two who do it at once are told that the file is busy without being
    /// let wait: the busy timeout doesn't count there.
    private static func patiently<Answer>(_ settings: DatabaseSettings, _ body: () throws -> Answer) throws -> Answer {
        let end = ContinuousClock.now + .milliseconds(settings.lockTimeoutMilliseconds)
        while true {
            do {
                return try body()
            } catch let error as GRDB.DatabaseError where error.resultCode == .SQLITE_BUSY && ContinuousClock.now < end
            {
                usleep(10_000)
            }
        }
    }

    func submit(_ work: QueuedTransaction) {
        var watches = false
        let refusal: DatabaseError? = state.withLock { state in
            if state.isClosed { return .unavailable("the database is closed") }
            let waiting = work.mode == .write ? state.waiting.count : state.reading
            guard waiting < settings.waitLimit || work.isUrgent else { return .busy("\(waiting) wait already") }
            if work.mode != .write {
                state.reading += 1
            } else {
                state.waiting.append(work)
                watches = !state.isWatched
                state.isWatched = true
                if !state.isWriting {
                    state.isWriting = true
                    writer.asyncWriteWithoutTransaction { self.writeNext($0) }
                }
            }
            return nil
        }
        if watches { watch(after: settings.waitTimeoutMilliseconds) }
        if let refusal { return work.fail(refusal) }
        if work.mode != .write { writer.asyncUnsafeRead { self.read(work, $0) } }
    }

    /// SQLite has no channel between processes.
    func notifications(_ channel: String) -> AsyncStream<String> { AsyncStream { _ in } }

    var load: DatabaseLoad {
        state.withLock { state in
            DatabaseLoad(
                connections: state.connections.count,
                working: min(state.reading, settings.readers) + (state.isWriting ? 1 : 0),
                waiting: state.waiting.count + max(0, state.reading - settings.readers))
        }
    }

    func close() async {
        let refused = state.withLock { state in
            state.isClosed = true
            return state.waiting.popAll()
        }
        for work in refused { work.fail(DatabaseError.unavailable("the database is closed")) }
        await withCheckedContinuation { continuation in
            // After all that runs.
            writer.asyncBarrierWriteWithoutTransaction { _ in
                self.state.withLock { $0.connections.removeAll() }
                DispatchQueue.global().async {
                    // It fails when a statement is still open; the file is whole, and the process forgets the rest.
                    try? self.writer.close()
                    // The last connection must be one that may write: it copies the log and takes it away.
                    self.checkpoints?.stop()
                    continuation.resume()
                }
            }
        }
    }

    private func connection(of database: GRDB.Database) -> SQLiteConnection? {
        guard let handle = database.sqliteConnection else { return nil }
        let key = UInt(bitPattern: handle)
        if let known = state.withLock({ $0.connections[key] }) { return known }
        let connection = SQLiteConnection(handle)
        state.withLock { $0.connections[key] = connection }
        return connection
    }
}

extension SQLiteStore {
    private func watch(after milliseconds: Int) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [weak self] in
            self?.dismissLate()
        }
    }

    /// Tells those who wait to write for too long, while another is at it, that their turn didn't come; until nobody
    /// waits.
    private func dismissLate() {
        let now = World.live.monotonic()
        let timeout = Int64(settings.waitTimeoutMilliseconds)
        let (late, pause) = state.withLock { state -> ([QueuedTransaction], Int64?) in
            let late = state.waiting.pop(waitingSince: now - timeout)
            let pause = state.waiting.first.map { max(1, min(timeout, $0.since + timeout - now)) }
            state.isWatched = pause != nil
            return (late, pause)
        }
        for work in late { work.failIfLate(settings) }
        if let pause { watch(after: Int(pause)) }
    }

    /// Serves those who wait to write, until nobody does.
    private func writeNext(_ database: GRDB.Database) {
        let batch = state.withLock { $0.waiting.pop(atMost: Self.batchLimit) }
        let ready = batch.filter { !$0.failIfLate(settings) }
        if let connection = connection(of: database) {
            commit(ready, on: connection)
        } else {
            for work in ready { work.fail(DatabaseError.unavailable("the database is closed")) }
        }
        state.withLock { state in
            if state.waiting.isEmpty {
                state.isWriting = false
            } else {
                // Between two batches the readers of a database in memory have their turn.
                writer.asyncWriteWithoutTransaction { self.writeNext($0) }
            }
        }
    }

    /// Runs the closures in one transaction, each in a savepoint of its own. Every caller, also one who was refused
    /// for what another in the batch did before him, hears only after the commit.
    private func commit(_ batch: [QueuedTransaction], on connection: SQLiteConnection) {
        if batch.isEmpty { return }
        do {
            try connection.begin(.write)
        } catch {
            return batch.forEach { $0.fail(error) }
        }
        let answers: [() -> Void]
        do {
            answers = try batch.map { try run($0, on: connection, isAlone: batch.count == 1) }
        } catch {
            connection.rollback()
            // One closure's failure took the others' work with it: now each by itself.
            return batch.count == 1 ? batch[0].fail(error) : batch.forEach { commit([$0], on: connection) }
        }
        do {
            if connection.isInTransaction { try connection.commit() }
            for answer in answers { answer() }
        } catch {
            connection.rollback()
            batch.forEach { $0.fail(error) }
        }
    }

    /// Returns what tells the caller. Throws if the whole transaction is gone.
    private func run(_ work: QueuedTransaction, on connection: SQLiteConnection, isAlone: Bool) throws -> () -> Void {
        if !isAlone { try connection.setSavepoint() }
        let transaction = Transaction(connection, sqlEngine: .sqlite, clock: settings.clock)
        do {
            let answer = try work.run(transaction)
            if let failure = transaction.failure { throw failure }
            if !isAlone { try connection.releaseSavepoint() }
            return {
                for action in transaction.actions { action() }
                answer()
            }
        } catch {
            guard connection.isInTransaction else { throw transaction.failure ?? DatabaseError.unavailable("\(error)") }
            if isAlone { connection.rollback() } else { try connection.undoToSavepoint() }
            return { work.fail(error) }
        }
    }

    private func read(_ work: QueuedTransaction, _ result: Result<GRDB.Database, any Error>) {
        defer { state.withLock { $0.reading -= 1 } }
        if work.failIfLate(settings) { return }
        do {
            guard let connection = connection(of: try result.get()) else {
                throw DatabaseError.unavailable("the database is closed")
            }
            try connection.begin(.read)
            defer { connection.rollback() }
            let transaction = Transaction(connection, sqlEngine: .sqlite, clock: settings.clock)
            let answer = try work.run(transaction)
            if let failure = transaction.failure { throw failure }
            connection.rollback()
            for action in transaction.actions { action() }
            answer()
        } catch {
            work.fail(error is GRDB.DatabaseError ? DatabaseError.sqlite(error) : error)
        }
    }
}
