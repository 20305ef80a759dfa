import Bytes
import Domain
import Engine
import Logging
import Store
import Support
import Testing

@Suite("A row that can't be settled", .timeLimit(.minutes(1)))
struct SetAsideTests {
    private let noted = InternalErrors()

    private func aside(_ lab: Lab) -> SetAside {
        SetAside("test", world: lab.world, logger: Logger(label: "test"), internalErrors: noted)
    }

    private func running(_ lab: Lab) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM live_jobs WHERE state = 'running'") { try $0.integer() }
        }
    }

    @Test("undoes no sweep of leases: it is set aside, counted, and tried again later", arguments: TestDatabase.all)
    func lease(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let lab = process.lab
        try await lab.submit((0..<40).map { _ in Lab.job() })
        let leases = try await lab.claim(upTo: 40)
        let broken = try #require(leases.dropFirst(7).first)
        // Its loss is on record already, for whatever reason.
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO attempts (job_id, fence, attempt, outcome, ended_at)
                VALUES (\(broken.job.text), \(broken.fence), 1, 'lost', 0)
                """)
        }
        let sweeper = LeaseSweeper(process.broker, aside: aside(lab))
        _ = try await sweeper.round()
        lab.passUnattended(.seconds(70))
        try await lab.noteRound()
        _ = try await sweeper.round()
        #expect(try await running(lab) == 1)
        #expect(try await lab.state(broken.job) == .running)
        #expect(noted.count == 1)
        for _ in 0..<5 {
            lab.passUnattended(.seconds(3))
            try await lab.noteRound()
            _ = try await sweeper.round()
        }
        #expect(noted.count == 1, "left alone for a while")
        try await lab.database.write { tx in
            try tx.execute("DELETE FROM attempts WHERE job_id = \(broken.job.text)")
        }
        lab.passUnattended(.seconds(61))
        try await lab.noteRound()
        _ = try await sweeper.round()
        #expect(try await running(lab) == 0)
        #expect(noted.count == 1)
        try await lab.expectBooksBalance()
    }

    @Test("keeps no other hold from being given back", arguments: TestDatabase.all)
    func hold(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let expires = lab.now + 1_000
        for (number, owner) in [Lab.alice, Lab.bob, Lab.farmer].enumerated() {
            try await lab.fund(owner, 100)
            let hold = Hold(
                id: "hold \(number)", owner: owner, asset: .usdt, amount: 40, purpose: .withdrawal, reference: "x",
                expiresAt: expires)
            try await lab.database.write { try $0.hold(hold) }
        }
        try await lab.database.write { tx in
            try tx.execute("UPDATE ledger_accounts SET balance = 0 WHERE kind = 'held' AND owner_id = 'bob'")
        }
        lab.passUnattended(.seconds(2))
        let expirer = HoldExpirer(lab.database, aside: aside(lab))
        for _ in 0..<3 { _ = try await expirer.round() }
        #expect(try await lab.balance(of: Lab.alice).available == 100)
        #expect(try await lab.balance(of: Lab.farmer).available == 100)
        #expect(try await lab.balance(of: Lab.bob).available == 60)
        #expect(noted.count == 1)
    }

    @Test("is told from a database that is away", arguments: TestDatabase.all)
    func away(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let aside = aside(lab)
        await #expect(throws: DatabaseError.busy("x")) {
            _ = try await aside.settle("row", upTo: 10, in: lab.database) { _, _ -> Int in throw DatabaseError.busy("x")
            }
        }
        #expect(noted.count == 0)
        #expect(aside.ids(of: "row").isEmpty)
    }
}
