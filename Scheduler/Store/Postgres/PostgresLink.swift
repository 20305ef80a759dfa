import Bytes
import CLibPQ
import Glibc

/// One connection to PostgreSQL. Every wait has an end: libpq is used without blocking, and a server that says
/// nothing for longer than any statement may take is given up. Used on one thread at a time.
final class PostgresLink: SQLConnection {
    private struct Prepared {
        let name: String
        let types: [Oid]
    }

    private enum Stage {
        case idle
        /// BEGIN goes out with the first statement.
        case toBegin
        /// By the server's clock, in milliseconds; nil as long as it wasn't asked.
        case open(at: Int64?)
        /// ROLLBACK was sent, and its answer is not read yet.
        case leaving
    }

    /// Whether a transaction that only read is still open. Its ROLLBACK goes out with the next BEGIN.
    private var isReading = false

    let handle: OpaquePointer
    private let settings: DatabaseSettings
    private var statements = StatementCache<Prepared>()
    private var preparedCount = 0
    private var mayWrite = true
    private var patience: Int
    private var stage = Stage.idle
    /// What became of the transaction, by the last failure.
    private(set) var health = LinkHealth.fine

    /// Takes over an established connection.
    init(_ handle: OpaquePointer, _ settings: DatabaseSettings) throws {
        self.handle = handle
        self.settings = settings
        patience = settings.connectTimeoutMilliseconds
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        PQsetnonblocking(handle, 1)
        try command(
            """
            SET statement_timeout = \(settings.statementTimeoutMilliseconds);
            SET lock_timeout = \(settings.lockTimeoutMilliseconds);
            SET idle_in_transaction_session_timeout = 15000;
            \(Self.steadyPlans)
            """)
        for word in TransactionWord.allCases { try ask(PQsendPrepare(handle, word.rawValue, word.text, 0, nil)) }
    }

    /// Every statement is written for an index that serves it exactly. A planner that has no or old statistics (a queue
    /// that was empty a minute ago) would now and then sort or scan a million rows instead.
    private static let steadyPlans = """
        SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; SET enable_sort = off;
        SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
        """

    deinit { PQfinish(handle) }

    /// Whether the server runs on this machine, as far as its address tells.
    var isLocal: Bool {
        let address = PQhostaddr(handle).map { String(cString: $0) } ?? ""
        return address.isEmpty || address == "::1" || address.hasPrefix("127.")
    }

    func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int {
        guard sql.values.count <= 65_535 else {
            throw DatabaseError.failed(code: "parameters", message: "\(sql.values.count) values")
        }
        let parameters = try PostgresParameters(sql.values)
        let result: PostgresResult
        if case .toBegin = stage, let statement = try known(sql.text, parameters.types) {
            result = try open { parameters.send(statement.name, on: $0) }
        } else {
            if case .toBegin = stage { try open() }
            let statement = try prepared(sql.text, parameters.types)
            result = try ask(parameters.send(statement.name, on: handle))
        }
        // Cells look into the answer's memory, and don't keep it.
        return try withExtendedLifetime(result) {
            for index in 0..<result.rows {
                var row = Row(result.cells(ofRow: index))
                guard try each(&row) else { break }
            }
            return result.changes
        }
    }

    /// Runs statements without values, separated by semicolons.
    func command(_ text: String) throws { try ask(PQsendQuery(handle, text)) }

    private func known(_ text: String, _ types: [Oid]) throws -> Prepared? {
        guard let statement = statements.statement(for: text) else { return nil }
        guard statement.types == types else {
            throw DatabaseError.failed(code: "parameters", message: "other types than before for: \(text)")
        }
        return statement
    }

    private func prepared(_ text: String, _ types: [Oid]) throws -> Prepared {
        if let statement = try known(text, types) { return statement }
        preparedCount += 1
        let statement = Prepared(name: "s\(preparedCount)", types: types)
        let resolved = SQLEngine.postgres.resolve(text)
        try ask(PQsendPrepare(handle, statement.name, resolved, Int32(clamping: types.count), types))
        if let evicted = statements.insert(statement, for: text) { try command("DEALLOCATE \(evicted.name)") }
        return statement
    }
}

/// Transactions.
extension PostgresLink {
    /// Begins a transaction, at the latest with its first statement.
    func begin(_ mode: QueuedTransaction.Mode, statementTimeoutMilliseconds: Int?) throws {
        health = .fine
        mayWrite = mode == .write
        patience = (statementTimeoutMilliseconds ?? settings.statementTimeoutMilliseconds) + 2_000
        if isReading, mode == .bare { endReading() }
        if case .leaving = stage { try settle() }
        stage = mode == .bare ? .idle : .toBegin
        // What writes needs the time before its first statement anyway.
        if mayWrite || (statementTimeoutMilliseconds != nil && mode != .bare) { try open() }
        if let statementTimeoutMilliseconds, mode != .bare {
            try command("SET LOCAL statement_timeout = \(statementTimeoutMilliseconds)")
        }
    }

    /// The server's time in milliseconds when the transaction began.
    func instant() throws -> Int64 {
        if case .toBegin = stage { try open() }
        guard case .open(let known) = stage else { return 0 }
        if let known { return known }
        let instant = try Self.instant(ask(TransactionWord.clock.send(on: handle)))
        stage = .open(at: instant)
        return instant
    }

    private static func instant(_ answer: PostgresResult) throws -> Int64 {
        // Cells look into their answer's memory, and don't keep it.
        try withExtendedLifetime(answer) {
            var row = Row(answer.cells(ofRow: 0))
            return try row.integer()
        }
    }

    /// Sends BEGIN with the first statement in one go, or with the question for the time; returns the last answer.
    /// Ends what was read before.
    @discardableResult
    private func open(with statement: ((OpaquePointer) -> Int32)? = nil) throws -> PostgresResult {
        stage = .idle
        let begin = mayWrite ? TransactionWord.beginWrite : .beginRead
        var sends: [(OpaquePointer) -> Int32] = []
        if isReading { sends.append { TransactionWord.rollback.send(on: $0) } }
        isReading = false
        sends.append { begin.send(on: $0) }
        sends.append(statement ?? { TransactionWord.clock.send(on: $0) })
        let answers = try pipeline(sends)
        guard answers.count == sends.count, let last = answers.last else {
            throw DatabaseError.decoding("is missing: BEGIN got \(answers.count) answers")
        }
        stage = .open(at: statement == nil ? try Self.instant(last) : nil)
        return last
    }

    /// Throws `.unknownOutcome` if the answer got lost.
    func commit() throws {
        stage = .idle
        do {
            guard try ask(TransactionWord.commit.send(on: handle)).tag == "COMMIT" else {
                throw DatabaseError.failed(code: "25P02", message: "the server rolled back")
            }
        } catch {
            throw health == .lost || health == .stalled ? DatabaseError.unknownOutcome : error
        }
    }

    /// Ends a transaction that only read, at the latest with `endReading`.
    func leave() {
        if case .open = stage, health == .fine { isReading = true }
        stage = .idle
    }

    /// To be called when no other transaction follows at once. Doesn't wait for the answer.
    func endReading() {
        guard isReading else { return }
        isReading = false
        stage = .leaving
        if TransactionWord.rollback.send(on: handle) != 1 || PQflush(handle) != 0 { health = .lost }
    }

    /// Reads the answer that `endReading` didn't wait for.
    private func settle() throws {
        stage = .idle
        let deadline = World.live.monotonic() + Int64(patience)
        while let result = try nextResult(until: deadline) {
            if result.isError { throw lost() }
        }
        guard PQstatus(handle) != CONNECTION_BAD else { throw lost() }
    }

    /// Rolls back if there is still somebody to tell.
    func rollback() {
        stage = .idle
        isReading = false
        guard health != .lost, health != .stalled, PQtransactionStatus(handle) != PQTRANS_IDLE else { return }
        let before = health
        do {
            try command("ROLLBACK")
            health = before
        } catch {
            health = .lost
        }
    }
}

/// Asking and waiting.
extension PostgresLink {
    /// Waits for the answer to a request that libpq says it has taken (1, else 0): the last result, or the first
    /// error.
    @discardableResult
    private func ask(_ isTaken: Int32) throws -> PostgresResult {
        let deadline = World.live.monotonic() + Int64(patience)
        guard isTaken == 1 else { throw lost() }
        try flush(until: deadline)
        var last: PostgresResult?
        while let result = try nextResult(until: deadline) {
            if last?.isError != true { last = result }
        }
        guard let last, PQstatus(handle) != CONNECTION_BAD else { throw lost() }
        guard last.isError else { return last }
        let (error, health) = last.failure(mayWrite: mayWrite)
        self.health = health
        throw error
    }

    /// Sends several prepared statements in one go and waits for all their answers, or throws the first error.
    private func pipeline(_ sends: [(OpaquePointer) -> Int32]) throws -> [PostgresResult] {
        let deadline = World.live.monotonic() + Int64(patience)
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        defer { if PQexitPipelineMode(handle) != 1 { health = .lost } }
        guard sends.allSatisfy({ $0(handle) == 1 }), PQpipelineSync(handle) == 1 else { throw lost() }
        try flush(until: deadline)
        var answers: [PostgresResult] = []
        var failed: PostgresResult?
        while true {
            // Between the answers of two statements there is nothing.
            guard let result = try nextResult(until: deadline) else {
                guard PQstatus(handle) != CONNECTION_BAD else { throw lost() }
                continue
            }
            if result.endsPipeline { break }
            if result.isError { failed = failed ?? result } else { answers.append(result) }
        }
        guard let failed else { return answers }
        let (error, health) = failed.failure(mayWrite: mayWrite)
        self.health = health
        throw error
    }

    private func flush(until deadline: Int64) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // While it can't be written there may be something to read that the server waits to get rid of.
                try wait(POLLIN | POLLOUT, until: deadline)
                guard PQconsumeInput(handle) == 1 else { throw lost() }
            default: throw lost()
            }
        }
    }

    private func nextResult(until deadline: Int64) throws -> PostgresResult? {
        while PQisBusy(handle) != 0 {
            try wait(POLLIN, until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        }
        return PQgetResult(handle).map { PostgresResult($0) }
    }

    private func wait(_ events: Int32, until deadline: Int64) throws {
        let left = Int(deadline - World.live.monotonic())
        guard left > 0, waitForFile(socket, events, milliseconds: left) else {
            health = .stalled
            throw DatabaseError.unavailable("the server does not answer")
        }
    }

    func lost() -> DatabaseError {
        health = .lost
        return .unavailable(PQerrorMessage(handle).map { String(cString: $0) } ?? "connection lost")
    }
}
