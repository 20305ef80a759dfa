internal import Bytes
internal import Foundation
internal import Store

/// A new database beside the given one, removed afterwards.
struct TemporaryDatabase: Sendable {
    /// For `DATABASE_URL`.
    let url: String
    /// The folder of its files; nil if they aren't local.
    let folder: String?
    private let original: String
    /// On PostgreSQL.
    private let schema: StaticString

    /// - Parameter schema: what it is on PostgreSQL; one of that name is removed first.
    static func make(
        _ url: String, schema: StaticString = "hatchfarm_bench"
    ) async throws -> TemporaryDatabase {
        if url.hasPrefix("sqlite:") {
            if url == "sqlite::memory:" {
                return TemporaryDatabase(url: url, folder: nil, original: url, schema: schema)
            }
            let path = Files.absolute(String(url.dropFirst("sqlite:".count)))
            let folder = "\(path).bench-\(Hex.encode(World.live.random(4)))"
            try Files.makeFolder(folder, mode: 0o700)
            return TemporaryDatabase(url: "sqlite:\(folder)/bench.db", folder: folder, original: url, schema: schema)
        }
        try await run(url) { try $0.execute("DROP SCHEMA IF EXISTS \(raw: schema) CASCADE") }
        try await run(url) { try $0.execute("CREATE SCHEMA \(raw: schema)") }
        let mark = url.contains("?") ? "&" : "?"
        return TemporaryDatabase(
            url: "\(url)\(mark)options=-csearch_path%3D\(schema)", folder: nil, original: url, schema: schema)
    }

    func remove() async {
        if let folder { try? FileManager.default.removeItem(atPath: folder) }
        guard original.hasPrefix("postgres") else { return }
        try? await Self.run(original) { [schema] in try $0.execute("DROP SCHEMA IF EXISTS \(raw: schema) CASCADE") }
    }

    /// "SQLite 3.46.0", "PostgreSQL 16.2".
    func version() async throws -> String {
        let database = try await Self.open(original.hasPrefix("sqlite:") ? "sqlite::memory:" : original)
        let dialect = database.sqlEngine
        let version = try await database.read { tx in
            switch dialect {
            case .sqlite: try tx.first("VALUES (sqlite_version())") { try $0.text() }
            case .postgres: try tx.first("SHOW server_version") { try $0.text() }
            }
        }
        await database.close()
        return "\(dialect == .sqlite ? "SQLite" : "PostgreSQL") \(version ?? "?")"
    }

    private static func run(_ url: String, _ body: @escaping @Sendable (Transaction) throws -> Int) async throws {
        let database = try await open(url)
        _ = try await database.write(body)
        await database.close()
    }

    private static func open(_ url: String) async throws -> Database {
        do {
            return try await Database.open(url)
        } catch let error as DatabaseError {
            throw Failure.unreachable("cannot open the database: \(error)")
        }
    }
}
