internal import Bytes
internal import Domain

/// One transaction: everything its closure does happens together, or none of it.
///
/// It is valid only inside the closure, on the closure's own thread, and it ends with the first statement that fails:
/// whatever the closure does afterwards, nothing is committed and the caller gets that error. (PostgreSQL aborts
/// such a transaction by itself; on SQLite it is so too, so that there is one rule.) To go on after a conflict, don't
/// cause it: `ON CONFLICT DO NOTHING`, `WHERE`, and look at what came back.
package final class Transaction {
    /// Milliseconds since 1970: the database server's clock on PostgreSQL, the injected one on SQLite; one instant for
    /// the whole transaction.
    package var now: Int64 {
        if let instant { return instant }
        do {
            let read = try clock()
            instant = read
            return read
        } catch {
            // Whatever is made of it, nothing is committed.
            failure = failure ?? error
            return 0
        }
    }
    package let sqlEngine: SQLEngine
    package var random = SystemRandomNumberGenerator()
    /// What is remembered of members; nil: nothing is.
    var handleCache: HandleCache?
    /// Those of its database, which sets them before the closure runs.
    lazy var ids = UUIDSequence()
    /// How much one owner may have.
    var quotas = OwnerQuotas()

    private let connection: any SQLConnection
    private let clock: () throws -> Int64
    private var instant: Int64?
    private(set) var failure: (any Error)?
    private(set) var actions: [@Sendable () -> Void] = []
    /// What is to be woken after the commit.
    private(set) var topics: Set<String> = []

    /// - Parameter clock: asked once, when the time is first needed.
    init(_ connection: any SQLConnection, sqlEngine: SQLEngine, clock: @escaping () throws -> Int64) {
        self.connection = connection
        self.sqlEngine = sqlEngine
        self.clock = clock
    }

    /// Runs a statement; returns how many rows it changed, or found if it only reads.
    @discardableResult
    package func execute(_ sql: SQL) throws -> Int { try run(sql) { _ in true } }

    /// Runs a statement whose answer nobody waits for: on PostgreSQL it goes out with the next one, or with the commit,
    /// and fails the transaction then.
    /// - Parameter changing: how many rows it has to change; any other number is a bug of ours and undoes everything.
    package func executeLater(_ sql: SQL, changing: Int? = nil) throws {
        try noting { try connection.runLater(sql, changing: changing) }
    }

    /// All rows of the answer, decoded one by one.
    package func rows<T>(_ sql: SQL, _ decode: (inout Row) throws -> T) throws -> [T] {
        var found: [T] = []
        try run(sql) { row in
            found.append(try decode(&row))
            return true
        }
        return found
    }

    /// The first row of the answer, if there is one.
    package func first<T>(_ sql: SQL, _ decode: (inout Row) throws -> T) throws -> T? {
        var found: T?
        try run(sql) { row in
            found = try decode(&row)
            return false
        }
        return found
    }

    /// A new id (UUIDv7), after all that this process has made in the same database.
    package func newUUID() -> String { ids.next(milliseconds: now, using: &random) }

    /// Runs `action` once the transaction is committed, in the order of the calls, before the caller gets its answer;
    /// never if it is not. It runs on the database's thread and must be quick: wake somebody, don't work.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) { actions.append(action) }

    /// Wakes who waits for a topic of the bus, in every process, once the transaction is committed.
    func wake(_ topic: String) { topics.insert(topic) }

    @discardableResult
    private func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int {
        try noting { try connection.run(sql, each) }
    }

    /// Remembers what fails: it ends the transaction.
    private func noting<Answer>(_ body: () throws -> Answer) throws -> Answer {
        if let failure { throw failure }
        do {
            return try body()
        } catch let error where error is DatabaseError || error is InternalError {
            failure = error
            throw error
        }
    }
}

/// An open connection: the one thing an engine does for a transaction while it runs.
protocol SQLConnection: AnyObject {
    /// Runs a statement and hands its rows to `each`, until that returns false. Returns how many rows it changed, or
    /// found if it only reads. Throws a `DatabaseError`, or what `each` throws.
    func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int
    /// Runs a statement at the latest before the commit. Throws an `InternalError` when it doesn't change as many rows
    /// as it has to.
    func runLater(_ sql: SQL, changing: Int?) throws
}

extension SQLConnection {
    func runLater(_ sql: SQL, changing: Int?) throws { try sql.check(changes: run(sql) { _ in true }, changing) }
}

extension SQL {
    /// Throws unless a statement changed as many rows as it has to.
    func check(changes: Int, _ wanted: Int?) throws {
        guard let wanted, wanted != changes else { return }
        throw InternalError("\(changes) rows were changed, not \(wanted), by: \(text)")
    }
}
