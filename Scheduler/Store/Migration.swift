/// A step of the schema, never edited once released.
package struct Migration: Sendable {
    /// `0001_jobs`: unique, in the order of the steps.
    package let name: String
    /// One statement each.
    package let statements: @Sendable (SQLEngine) -> [SQL]

    package init(name: String, statements: @escaping @Sendable (SQLEngine) -> [SQL]) {
        self.name = name
        self.statements = statements
    }
}

extension Database {
    /// Brings the schema up to date in one transaction, and returns the names of the steps taken. Safe when several
    /// processes do it at once. Throws `.failed` if the database has steps that this program does not know.
    package func migrate(_ migrations: [Migration]) async throws -> [String] {
        var attempt = 1
        while true {
            do {
                // What already waits for a long time in migrations is other processes' migrations.
                return try await perform(.write, statementTimeoutMilliseconds: 600_000) { tx in
                    try tx.migrate(migrations)
                }
            } catch DatabaseError.busy where attempt < 10 {
                attempt += 1
            }
        }
    }

    /// The steps that `migrate` would take, and those that the database has and this program doesn't know. Changes
    /// nothing.
    package func steps(_ migrations: [Migration]) async throws -> (missing: [String], unknown: [String]) {
        let applied = try await read { tx in try tx.hasMigrations() ? tx.namesOfMigrations() : [] }
        let known = migrations.map(\.name)
        return (known.filter { !applied.contains($0) }, applied.filter { !known.contains($0) })
    }
}

extension Transaction {
    fileprivate func migrate(_ migrations: [Migration]) throws -> [String] {
        if sqlEngine == .postgres { try lockSchema() }
        let applied = try appliedMigrations()
        let unknown = Set(applied).subtracting(migrations.map(\.name)).sorted()
        guard unknown.isEmpty else {
            throw DatabaseError.failed(
                code: "schema",
                message: "The database is newer than this program: it has \(unknown.joined(separator: ", ")).")
        }
        let missing = migrations.filter { !applied.contains($0.name) }
        for migration in missing {
            for statement in migration.statements(sqlEngine) { try execute(statement) }
            try recordMigration(migration.name)
        }
        return missing.map(\.name)
    }
}

extension Migration {
    /// Migration 0005 knows the engine by this name, and a migration that ran is never edited.
    typealias Dialect = SQLEngine
}
