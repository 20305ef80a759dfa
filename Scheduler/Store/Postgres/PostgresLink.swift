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

    private struct Later {
        let sql: SQL
        let statement: Prepared
        let parameters: PostgresParameters
        let changing: Int?
    }

    /// So many statements, and so many bytes of values, wait at most.
    private static let laterLimit = 128
    private static let bytesLaterLimit = 1 << 20

    private enum Stage {
        case idle
        /// BEGIN goes out with the first statement, or with the question for the time.
        case toBegin
        /// By the server's clock, in milliseconds; nil as long as it wasn't asked.
        case open(at: Int64?)
        /// ROLLBACK was sent, and its answer is not read yet.
        case leaving
    }

    /// Whether a transaction that only read is still open. Its ROLLBACK goes out with the next BEGIN.
    private var isReading = false

    /// Statements that nobody waits for, to be sent with the next one or with the commit.
    private var later: [Later] = []
    private var bytesLater = 0

    let handle: OpaquePointer
    private let settings: DatabaseSettings
    private var statements = StatementCache<Prepared>()
    private var preparedCount = 0
    private(set) var mode = QueuedTransaction.Mode.bare
    private(set) var patience: Int
    private var stage = Stage.idle
    /// What became of the transaction, by the last failure.
    var health = LinkHealth.fine
    /// How many statements of the last pipeline were done when the server refused one; nil when it refused none.
    var failedAfter: Int?

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
        if sql.rows?.count == 0 { return 0 }
        let parameters = try PostgresParameters(sql)
        let result = try send(try prepared(sql.text, parameters.types), parameters)
        // Cells look into the answer's memory, and don't keep it.
        return try withExtendedLifetime(result) {
            for index in 0..<result.rows {
                var row = Row(result.cells(ofRow: index))
                guard try each(&row) else { break }
            }
            return result.changes
        }
    }

    func runLater(_ sql: SQL, changing: Int?) throws {
        guard mode == .write else { return try sql.check(changes: run(sql) { _ in true }, changing) }
        if sql.rows?.count == 0 { return }
        let parameters = try PostgresParameters(sql)
        let statement = try prepared(sql.text, parameters.types)
        later.append(Later(sql: sql, statement: statement, parameters: parameters, changing: changing))
        bytesLater += parameters.size
        if bytesLater > Self.bytesLaterLimit || later.count >= Self.laterLimit { try settleLater() }
    }

    /// Runs statements without values, separated by semicolons.
    func command(_ text: String) throws { try ask(PQsendQuery(handle, text)) }

    /// Sends a statement, and before it what it is behind: BEGIN, and those that nobody waited for.
    private func send(_ statement: Prepared, _ parameters: PostgresParameters) throws -> PostgresResult {
        guard later.isEmpty else {
            if case .toBegin = stage { try open() }
            return try sendLater { parameters.send(statement.name, on: $0) }
        }
        if case .toBegin = stage { return try open { parameters.send(statement.name, on: $0) } }
        return try ask(parameters.send(statement.name, on: handle))
    }

    /// Sends what nobody waited for, and waits.
    private func settleLater() throws {
        if case .toBegin = stage { try open() }
        if !later.isEmpty { try sendLater(and: nil) }
    }

    /// Sends what nobody waited for, and one more; returns the last answer.
    @discardableResult
    private func sendLater(and last: ((OpaquePointer) -> Int32)?) throws -> PostgresResult {
        let sent = later
        later = []
        bytesLater = 0
        var sends = sent.map { one in { (handle: OpaquePointer) in one.parameters.send(one.statement.name, on: handle) }
        }
        if let last { sends.append(last) }
        let answers = try pipeline(sends)
        guard answers.count == sends.count, let answer = answers.last else {
            throw DatabaseError.decoding("is missing: \(sends.count) statements got \(answers.count) answers")
        }
        for (one, answer) in zip(sent, answers) { try one.sql.check(changes: answer.changes, one.changing) }
        return answer
    }

    private func prepared(_ text: String, _ types: [Oid]) throws -> Prepared {
        if let statement = statements.statement(for: text) {
            guard statement.types == types else {
                throw DatabaseError.failed(code: "parameters", message: "other types than before for: \(text)")
            }
            return statement
        }
        // Prepared after what is behind it, which may make what it names.
        try settleLater()
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
        self.mode = mode
        later = []
        bytesLater = 0
        patience = (statementTimeoutMilliseconds ?? settings.statementTimeoutMilliseconds) + 2_000
        if isReading, mode == .bare { endReading() }
        if case .leaving = stage { try settle() }
        stage = mode == .bare ? .idle : .toBegin
        if let statementTimeoutMilliseconds, mode != .bare {
            try open()
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

    /// Sends BEGIN in one go with the first statement, or with the question for the time, which what writes always
    /// needs; returns the last answer. Ends what was read before.
    @discardableResult
    private func open(with statement: ((OpaquePointer) -> Int32)? = nil) throws -> PostgresResult {
        stage = .idle
        let begin = mode == .write ? TransactionWord.beginWrite : .beginRead
        let asksTime = mode == .write || statement == nil
        var sends: [(OpaquePointer) -> Int32] = []
        if isReading { sends.append { TransactionWord.rollback.send(on: $0) } }
        isReading = false
        sends.append { begin.send(on: $0) }
        if asksTime { sends.append { TransactionWord.clock.send(on: $0) } }
        if let statement { sends.append(statement) }
        let answers = try pipeline(sends)
        guard answers.count == sends.count, let last = answers.last else {
            throw DatabaseError.decoding("is missing: BEGIN got \(answers.count) answers")
        }
        let clock = asksTime ? answers.dropLast(statement == nil ? 0 : 1).last : nil
        stage = .open(at: try clock.map { try Self.instant($0) })
        return last
    }

    /// Throws `.unknownOutcome` if the answer got lost.
    func commit() throws {
        // What has to change so many rows is looked at before.
        if later.contains(where: { $0.changing != nil }) { try settleLater() }
        if case .toBegin = stage {
            guard !later.isEmpty else {
                stage = .idle
                return
            }
            try open()
        }
        stage = .idle
        let before = later.count
        do {
            guard try sendLater(and: { TransactionWord.commit.send(on: $0) }).tag == "COMMIT" else {
                throw DatabaseError.failed(code: "25P02", message: "the server rolled back")
            }
        } catch {
            // What the server refused before the COMMIT has not happened.
            if let failedAfter, failedAfter < before { throw error }
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
        later = []
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
