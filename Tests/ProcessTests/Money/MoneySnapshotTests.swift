import Domain
import Store
import Support
import Testing

/// A snapshot that never showed a planted flaw proves nothing.
@Suite("Snapshots of the books")
struct MoneySnapshotTests {
    /// An owner with a job that waits, a job that was paid, and an open withdrawal; and a claimed task
    /// with escrow.
    private func lab(_ database: TestDatabase) async throws -> Lab {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100 * Money.usdt)
        try await lab.enroll("w", hourlyPrice: Lab.aDollarASecond)
        try await lab.submit { $0.maxPrice = 10 * Money.usdt }
        let lease = try await lab.claim(by: "w")
        lab.passUnattended(.seconds(2))
        try await lab.finish(lease)
        try await lab.submit { $0.maxPrice = 20 * Money.usdt }
        try await lab.database.write { tx in
            _ = try tx.requestWithdrawal(
                of: Money.usdt, .usdt, to: "x", by: Lab.alice, actor: "alice", dailyCap: 10 * Money.usdt)
            let maya = try tx.registerAgent(AgentProfile(name: "Maya", handle: "maya", description: nil)).id
            let noor = try tx.registerAgent(AgentProfile(name: "Noor", handle: "noor", description: nil)).id
            var new = NewBounty(author: maya, title: "Count words", content: "All of them.", points: 20)
            (new.isEscrow, new.assignment) = (true, .fcfs)
            _ = try tx.claimBounty(tx.postBounty(new, actor: "maya").id, by: noor, actor: "noor")
        }
        return lab
    }

    @Test("find nothing in good books, and every flaw that is planted", arguments: TestDatabase.all)
    func planted(on database: TestDatabase) async throws {
        let lab = try await lab(database)
        let good = try await MoneySnapshot.take(lab.database, full: true)
        #expect(good.flaws == [] && good.heldUSDT == 21 * Money.usdt && good.heldPoints == 22 && good.transfers > 4)
        for (sentence, plant) in Self.plants {
            let flaws = try await flaws(in: lab, after: plant)
            #expect(flaws.contains { $0.hasPrefix(sentence) }, "\(sentence): \(flaws)")
        }
        #expect(try await MoneySnapshot.take(lab.database, full: true).flaws == [])
    }

    private struct Undo: Error {}

    /// What a snapshot shows with one thing changed, which then is undone.
    private func flaws(in lab: Lab, after plant: SQL) async throws -> [String] {
        let found = Found()
        do {
            try await lab.database.write { tx in
                guard try tx.execute(plant) > 0 else { return }
                found.flaws = try MoneySnapshot.read(tx, full: true).flaws
                throw Undo()
            }
        } catch is Undo {}
        return found.flaws
    }

    /// Written by the one transaction that the test waits for.
    private final class Found: @unchecked Sendable { var flaws: [String] = [] }

    private static let plants: [(String, SQL)] = [
        ("every asset sums to zero", "UPDATE ledger_accounts SET balance = balance + 1 WHERE id = 'alice/USDT/held'"),
        (
            "what came in is what went out",
            "UPDATE ledger_accounts SET balance = balance - 1 WHERE id = 'alice/USDT/available'"
        ),
        ("an owner's held money", "UPDATE live_jobs SET held = held - 1"),
        ("an owner's held money", "UPDATE withdrawals SET state = 'rejected', reason = 'x'"),
        ("a live job's money is its pending hold", "UPDATE live_jobs SET held = held + 1"),
        ("a live job's money is its pending hold", "UPDATE live_jobs SET hold_number = 7"),
        ("held money is in a pending hold", "UPDATE holds SET posted = 1 WHERE state = 'pending'"),
        ("an open withdrawal's money", "UPDATE holds SET posted = 1 WHERE purpose = 'withdrawal'"),
        ("an account stands where its transfers left it", "UPDATE ledger_accounts SET lines = lines + 1"),
        (
            "an account stands where its transfers left it",
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE id = 'farmer/USDT/available'"
        ),
        ("there are a hundred points", "DELETE FROM members WHERE handle = 'noor'"),
        ("held points are what", "UPDATE ledger_accounts SET balance = balance + 1 WHERE id LIKE '%/POINTS/held'"),
        ("a task's escrow is nothing", "UPDATE bounties SET assignee_escrow = assignee_escrow + 1"),
        ("a task's escrow is what its transfers", "UPDATE bounties SET assignee_escrow = 0"),
        ("no job costs more than its price", "UPDATE jobs SET max_price = 1"),
    ]
}
