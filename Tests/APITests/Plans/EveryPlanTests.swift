import Support
import Testing
@testable import Store

/// The program runs under a recorder, and the databases are asked about each text that it saw.
@Suite("The plan of every statement", .timeLimit(.minutes(5)))
struct EveryPlanTests {
    private typealias Statement = StatementRecorder.Statement

    /// Tables that don't grow with what a farm does: a row each, and one for each migration. All others do.
    private static let bounded: Set<String> = ["market_prices", "scheduler_clock", "schema_migrations"]

    /// Files whose statements needn't be seen: what `hatchfarm bench` fills a database with, and what comes before the
    /// first migration.
    private static let unseen: Set<String> = [
        "Scheduler/Store/Tables/ForumSamples.swift", "Scheduler/Store/Tables/SchemaMigrations.swift",
    ]

    @Test("is a look-up, while tables are empty, when they are young and when they are large; none is prepared again")
    func plans() async throws {
        let sites = try StatementSite.program().filter { !Self.unseen.contains($0.file) }
        let statements = try await Self.recorded(sites)
        for site in sites where !statements.contains(where: { site.matches($0.text) }) {
            Issue.record("\(site.file):\(site.line) was run by nothing here: \(site.text)")
        }
        #expect(sites.count > 350 && statements.count >= sites.count)
        var walking = try await Self.lookAtSQLite(statements.filter { $0.sqlEngines.contains(.sqlite) })
        walking += try await Self.lookAtPostgres(statements)
        for habit in StatementHabit.walks where !walking.contains(where: { $0.hasPrefix(habit.text) }) {
            Issue.record("does as all do by now: \(habit.text)")
        }
        print("measured: the plans of \(statements.count) statements of \(sites.count) places")
    }

    /// Runs the program. What its statements are doesn't depend on the database, but for a few.
    private static func recorded(_ sites: [StatementSite]) async throws -> [Statement] {
        let recorder = StatementRecorder()
        let watch: @Sendable (Database) -> Database = { recorder.watching($0) }
        try await TestDatabase.$watch.withValue(watch) {
            for run in StatementScenario.all { try await run(.sqlite) }
            for kind in TestDatabase.all { try await StatementRounds(try await Lab(kind)).run() }
        }
        return try recorder.statements(of: sites)
    }

    /// SQLite plans without statistics, as nobody runs ANALYZE: alike for empty tables and large ones.
    private static func lookAtSQLite(_ statements: [Statement]) async throws -> [String] {
        let lab = try await Lab(.sqlite)
        let walking = try await look(at: statements, in: lab, "SQLite")
        let repreparations = try SQLiteRepreparations(lab.url)
        for statement in statements where try repreparations.count(statement.sql) > 0 {
            Issue.record("is prepared for each value: \(statement.text)")
        }
        return walking
    }

    private static func lookAtPostgres(_ statements: [Statement]) async throws -> [String] {
        let lab = try await Lab(.postgres)
        // As the server sees tables at which it has never looked.
        var walking = try await look(at: statements, in: lab, "new tables")
        // As if there were nothing, while there are some rows by now.
        let rows = try await lab.database.write { tx in
            try tx.noteStatistics()
            let rows = try SampleRows(tx)
            try rows.fill(tx, 1...20, except: bounded)
            return rows
        }
        walking += try await look(at: statements, in: lab, "young tables")
        try await lab.database.write { tx in
            try rows.fill(tx, 21...3_000, except: bounded)
            try tx.noteStatistics()
        }
        walking += try await look(at: statements, in: lab, "large tables")
        return walking
    }

    /// Those that walk a table.
    private static func look(at statements: [Statement], in lab: Lab, _ state: String) async throws -> [String] {
        let faults = try await lab.database.write { tx in
            let plan = try StatementPlan(tx, bounded: bounded)
            let found = try statements.map { (text: $0.text, faults: try plan.faults(of: $0.sql)) }
            return found.filter { !$0.faults.isEmpty }
        }
        for (text, faults) in faults where !StatementHabit.walks.contains(where: { text.hasPrefix($0.text) }) {
            Issue.record("\(state): \(faults) in \(text)")
        }
        return faults.map(\.text)
    }
}
