import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The ledger")
struct LedgerTests {
    private static func hold(_ id: String, _ amount: Int64, expires: Int64? = nil) -> Hold {
        Hold(
            id: id, owner: Lab.alice, asset: .usdt, amount: amount, purpose: .withdrawal, reference: id,
            expiresAt: expires)
    }

    @Test("a deposit that is tried again is made once; with other words it is refused", arguments: TestDatabase.all)
    func deposit(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<3 { try await lab.fund(Lab.alice, 500, reference: "bank 1") }
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 500, held: 0))
        for (owner, amount) in [(Lab.alice, 501), (Lab.bob, 500)] as [(OwnerID, Int64)] {
            await #expect(throws: Refusal.wrongState("this reference came with another owner or amount before")) {
                try await lab.fund(owner, amount, reference: "bank 1")
            }
        }
        #expect(try await lab.lines().map(\.balanceAfter) == [500])
        try await lab.expectBooksBalance()
    }

    @Test("the same deposit at the same moment is made once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<32 { group.addTask { try await lab.fund(Lab.alice, 7, reference: "r\(number % 4)") } }
            try await group.waitForAll()
        }
        #expect(try await lab.balance().available == 28)
        try await lab.expectBooksBalance()
    }

    @Test("a hold is posted, voided or expired once, and nothing of it is left over", arguments: TestDatabase.all)
    func holds(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100)
        let now = lab.world.now()
        let (posted, voided) = (Self.hold("a", 40), Self.hold("b", 30))
        let late = Self.hold("c", 20, expires: now + 60_000)
        for hold in [posted, voided, late] { try await lab.database.write { try $0.hold(hold) } }
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 10, held: 90))
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: 11, available: 10)) {
            try await lab.database.write { try $0.hold(Self.hold("d", 11)) }
        }
        for isFirst in [true, false] {
            let post = try await lab.database.write { tx in
                try tx.postHold("a", amount: 25, to: .external(.usdt), reason: .withdrawal)
            }
            let void = try await lab.database.write { try $0.voidHold("b") }
            #expect(post == isFirst && void == isFirst)
        }
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 55, held: 20))
        #expect(try await lab.database.write { try $0.expireHolds(Picking(10)) } == 0)
        try await lab.pass(.seconds(61))
        #expect(try await lab.database.write { try $0.expireHolds(Picking(10)) } == 1)
        #expect(try await lab.database.write { try $0.voidHold("c") } == false)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 75, held: 0))
        try await lab.expectBooksBalance()
    }

    @Test("32 who spend one balance at once spend it once", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100)
        let done = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<32 {
                group.addTask {
                    do {
                        try await lab.database.write { try $0.hold(Self.hold("h\(number)", 9)) }
                        return true
                    } catch is Refusal {
                        return false
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(done == 11)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 1, held: 99))
        try await lab.expectBooksBalance()
    }

    @Test("a transfer is never changed or taken away", arguments: TestDatabase.all)
    func immutable(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100)
        let attempts: [SQL] = ["UPDATE ledger_transfers SET amount = 1", "DELETE FROM ledger_transfers"]
        for attempt in attempts {
            await #expect(throws: DatabaseError.self) { try await lab.database.write { try $0.execute(attempt) } }
        }
        await #expect(throws: DatabaseError.self) {
            try await lab.database.write {
                try $0.execute("UPDATE ledger_accounts SET balance = -1 WHERE kind <> 'external'")
            }
        }
        #expect(try await lab.balance().available == 100)
    }

    @Test("the online check finds what was planted", arguments: TestDatabase.all)
    func planted(on database: TestDatabase) async throws {
        let plants: [(String, SQL)] = [
            ("sums_to_zero", "UPDATE ledger_accounts SET balance = balance + 1 WHERE id = 'alice/USDT/available'"),
            ("holds_match", "UPDATE holds SET state = 'voided', ended_at = 1"),
            ("jobs_match", "UPDATE live_jobs SET held = held - 1"),
            ("jobs_match", "UPDATE live_jobs SET held = 0"),
            ("transfers_match", "UPDATE ledger_accounts SET lines = lines + 1 WHERE id = 'alice/USDT/held'"),
        ]
        for (check, plant) in plants {
            let lab = try await Lab(database)
            try await lab.fund(Lab.alice, 100)
            try await lab.submit { $0.maxPrice = 40 }
            #expect(try await lab.database.read { try $0.bookFindings(full: true) }.allSatisfy { $0.breaches == 0 })
            try await lab.database.write { try $0.execute(plant) }
            let found = try await lab.database.read { try $0.bookFindings(full: true) }
            #expect(found.first { $0.check == check }?.breaches ?? 0 > 0, "\(check)")
            #expect(found.first { $0.check == check }?.example != nil)
        }
    }

    @Test("the books of twenty thousand owners are looked at within a statement's time", arguments: TestDatabase.all)
    func manyOwners(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let numbers: SQL = """
            WITH RECURSIVE numbers(number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 20000)
            """
        try await lab.database.write { tx in
            try tx.execute(
                """
                \(sql: numbers) INSERT INTO ledger_accounts (id, owner_id, asset, kind, balance, lines)
                SELECT 'o' || number || '/USDT/held', 'o' || number, 'USDT', 'held', 5, 1 FROM numbers
                """)
            try tx.execute(
                """
                \(sql: numbers) INSERT INTO holds (id, owner_id, asset, amount, state, purpose, reference, created_at)
                SELECT 'w' || number, 'o' || number, 'USDT', 5, 'pending', 'withdrawal', 'w' || number, 1 FROM numbers
                """)
        }
        if database == .postgres { try await lab.database.write { try $0.execute("ANALYZE") } }
        let found = try await lab.database.read { try $0.bookFindings(full: false) }
        #expect(found.first { $0.check == "holds_match" }?.breaches == 0)
        #expect(found.first { $0.check == "sums_to_zero" }?.breaches == 1)
    }

    @Test("a page of transactions goes on where the last one ended", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for amount in 1...25 as ClosedRange<Int64> { try await lab.fund(Lab.alice, amount) }
        var seen: [LedgerLine] = []
        while true {
            let before = seen.last?.line
            let page = try await lab.database.read { try $0.lines(of: Lab.alice, .usdt, before: before, limit: 7) }
            if page.isEmpty { break }
            seen += page
        }
        #expect(seen.map(\.amount) == (1...25).reversed().map(Int64.init))
        #expect(seen.first?.balanceAfter == 325)
    }
}
