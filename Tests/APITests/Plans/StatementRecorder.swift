import Support
import Synchronization
@testable import Store

/// Every text of SQL that ran in the databases it watches, with the values of one of its executions.
final class StatementRecorder: Sendable {
    struct Statement: Sendable {
        let sql: SQL
        let text: String
        /// Where it has run.
        var sqlEngines: Set<SQLEngine>
    }

    private let found = Mutex<[String: Statement]>([:])

    /// A handle of the same database whose statements are recorded.
    func watching(_ database: Database) -> Database { Database(WatchedEngine(inner: database, recorder: self)) }

    /// Those that the program wrote; what migrations run once, and the statements of tests, are left out.
    func statements(of sites: [StatementSite]) throws -> [Statement] {
        let migrations = Set(
            Migration.all.flatMap { $0.statements(.sqlite) + $0.statements(.postgres) }.map(\.text))
        let helpers = try StatementSite.helpers()
        // Whoever has more of a text in his own words wrote it.
        func share(_ sites: [StatementSite], of text: String) -> Int {
            sites.filter { $0.makes(text) }.map(\.text.count).max() ?? 0
        }
        return found.withLock { Array($0.values) }
            .filter { statement in
                guard StatementSite.isStatement(statement.text), !migrations.contains(statement.sql.text) else {
                    return false
                }
                let own = share(sites, of: statement.text)
                return own > 0 && own >= share(helpers, of: statement.text)
            }
            .sorted { $0.text < $1.text }
    }

    fileprivate func note(_ sql: SQL, on sqlEngine: SQLEngine) {
        // What is about no rows isn't run.
        if sql.rows?.count == 0 { return }
        found.withLock { found in
            let text = sql.text
            if found[text] == nil {
                found[text] = Statement(sql: sql, text: StatementSite.normal(text), sqlEngines: [])
            }
            found[text]?.sqlEngines.insert(sqlEngine)
        }
    }
}

/// Hands transactions on, each with a recorder between it and its connection.
private struct WatchedEngine: StorageEngine {
    /// Held, as a database is closed with its last handle.
    let inner: Database
    let recorder: StatementRecorder

    var sqlEngine: SQLEngine { inner.sqlEngine }
    var load: DatabaseLoad { inner.engine.load }

    func notifications(_ channel: String) -> AsyncStream<String> { inner.engine.notifications(channel) }
    func close() async { await inner.engine.close() }

    func submit(_ work: QueuedTransaction) {
        let watched = QueuedTransaction(
            mode: work.mode, isUrgent: work.isUrgent,
            statementTimeoutMilliseconds: work.statementTimeoutMilliseconds, since: work.since,
            run: { [recorder] tx in
                let connection = WatchedConnection(tx, recorder)
                let own = Transaction(connection, sqlEngine: tx.sqlEngine) { tx.now }
                let answer = try work.run(own)
                if let failure = own.failure { throw failure }
                for action in own.actions { tx.afterCommit(action) }
                return answer
            },
            fail: work.fail)
        inner.engine.submit(watched)
    }
}

private final class WatchedConnection: SQLConnection {
    private let tx: Transaction
    private let recorder: StatementRecorder

    init(_ tx: Transaction, _ recorder: StatementRecorder) {
        self.tx = tx
        self.recorder = recorder
    }

    func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int {
        recorder.note(sql, on: tx.sqlEngine)
        let isWrite = ["INSERT INTO", "UPDATE ", "DELETE FROM"].contains { sql.text.contains($0) }
        if isWrite, !sql.text.contains("RETURNING") { return try tx.execute(sql) }
        var isWanted = true
        let found: [Void] = try tx.rows(sql) { row in
            if isWanted { isWanted = try each(&row) }
        }
        return found.count
    }

    func runLater(_ sql: SQL, changing: Int?) throws {
        recorder.note(sql, on: tx.sqlEngine)
        try tx.executeLater(sql, changing: changing)
    }
}
