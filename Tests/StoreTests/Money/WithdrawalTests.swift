import Domain
import Store
import Support
import Testing

/// What becomes of thirty of a hundred dollars that somebody wants out, whatever the operator does.
@Suite("Withdrawals")
struct WithdrawalTests {
    private static let usdt = Money.usdt

    /// Decisions in a row; only the last one may be refused.
    struct Story: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let decisions: [WithdrawalDecision]
        var isRefused = false
        let state: Withdrawal.State
        /// Of the owner afterwards, in whole dollars.
        let available: Int64
        let held: Int64
        /// The events beside the deposit's and the request's.
        let events: [String]

        init(
            _ name: String, _ decisions: [WithdrawalDecision], refused: Bool = false, _ state: Withdrawal.State,
            available: Int64, held: Int64, events: [String]
        ) {
            (testDescription, self.decisions, isRefused, self.state) = (name, decisions, refused, state)
            (self.available, self.held, self.events) = (available, held, events)
        }
    }

    private static let reject = WithdrawalDecision.reject(reason: "no such address")
    private static let pay = WithdrawalDecision.pay(txid: "0x1")

    static let stories = [
        Story("requested", [], .requested, available: 70, held: 30, events: []),
        Story("approved", [.approve], .approved, available: 70, held: 30, events: ["withdrawal_approved"]),
        Story(
            "approved twice", [.approve, .approve], .approved, available: 70, held: 30,
            events: ["withdrawal_approved"]),
        Story("rejected", [reject], .rejected, available: 100, held: 0, events: ["withdrawal_rejected"]),
        Story(
            "rejected twice", [reject, reject], .rejected, available: 100, held: 0, events: ["withdrawal_rejected"]),
        Story(
            "rejected for another reason", [reject, .reject(reason: "another")], refused: true, .rejected,
            available: 100, held: 0, events: ["withdrawal_rejected"]),
        Story(
            "approved and rejected", [.approve, reject], .rejected, available: 100, held: 0,
            events: ["withdrawal_approved", "withdrawal_rejected"]),
        Story(
            "approved and paid", [.approve, pay], .paid, available: 70, held: 0,
            events: ["withdrawal_approved", "withdrawal_paid"]),
        Story(
            "paid twice", [.approve, pay, pay], .paid, available: 70, held: 0,
            events: ["withdrawal_approved", "withdrawal_paid"]),
        Story(
            "paid by another transaction", [.approve, pay, .pay(txid: "0x2")], refused: true, .paid, available: 70,
            held: 0, events: ["withdrawal_approved", "withdrawal_paid"]),
        Story("paid before it is approved", [pay], refused: true, .requested, available: 70, held: 30, events: []),
        Story(
            "rejected after it was paid", [.approve, pay, reject], refused: true, .paid, available: 70, held: 0,
            events: ["withdrawal_approved", "withdrawal_paid"]),
        Story(
            "approved after it was paid", [.approve, pay, .approve], refused: true, .paid, available: 70, held: 0,
            events: ["withdrawal_approved", "withdrawal_paid"]),
        Story(
            "approved after it was rejected", [reject, .approve], refused: true, .rejected, available: 100, held: 0,
            events: ["withdrawal_rejected"]),
        Story(
            "paid after it was rejected", [reject, pay], refused: true, .rejected, available: 100, held: 0,
            events: ["withdrawal_rejected"]),
    ]

    @Test("each course has its exact outcome", arguments: TestDatabase.all, stories)
    func courses(on database: TestDatabase, story: Story) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100 * Self.usdt)
        let id = try await lab.withdraw(30 * Self.usdt).id
        for (index, decision) in story.decisions.enumerated() {
            if story.isRefused, index == story.decisions.count - 1 {
                let before = try await lab.withdrawal(id)
                let refusal = await #expect(throws: Refusal.self) { try await lab.decide(decision, on: id) }
                guard case .wrongState(let text)? = refusal else {
                    Issue.record("\(String(describing: refusal))")
                    continue
                }
                #expect(text.contains(before?.state.rawValue ?? ""), "it says where it stands: \(text)")
            } else {
                let answer = try await lab.decide(decision, on: id)
                #expect(answer.state == decision.outcome && decision.isMade(on: answer))
            }
        }
        #expect(try await lab.withdrawal(id)?.state == story.state)
        let balance = try await lab.balance()
        #expect(balance.available == story.available * Self.usdt)
        #expect(balance.held == story.held * Self.usdt)
        let outside = try await lab.database.read { tx in
            try tx.first("SELECT balance FROM ledger_accounts WHERE id = 'system/USDT/external'") { try $0.integer() }
        }
        #expect(outside == -(story.available + story.held) * Self.usdt)
        let events = try await lab.chain(of: Lab.alice).map(\.type)
        #expect(events == ["deposit_made", "withdrawal_requested"] + story.events)
        try await lab.expectBooksBalance()
    }

    @Test("what isn't there can't be withdrawn, and a refused request leaves nothing", arguments: TestDatabase.all)
    func insufficient(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: 1, available: 0)) { try await lab.withdraw(1) }
        try await lab.fund(Lab.alice, 100)
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: 101, available: 100)) {
            try await lab.withdraw(101)
        }
        try await lab.withdraw(60)
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: 41, available: 40)) {
            try await lab.withdraw(41)
        }
        try await lab.withdraw(40)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 0, held: 100))
        let all = WithdrawalPage(owner: nil, state: nil, after: nil, limit: 100)
        #expect(try await lab.database.read { try $0.withdrawals(all) }.count == 2)
        try await lab.expectBooksBalance()
    }

    @Test("of 32 at once as many succeed as the balance allows", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 105)
        let done = await count(32) { try await lab.withdraw(10) }
        #expect(done == 10)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 5, held: 100))
        try await lab.expectBooksBalance()
    }

    @Test("of 32 at once as many succeed as the cap allows", arguments: TestDatabase.all)
    func crowdUnderCap(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 1_000)
        let done = await count(32) { try await lab.withdraw(10, cap: 75) }
        #expect(done == 7)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 930, held: 70))
        try await lab.expectBooksBalance()
    }

    @Test("of 32 decisions at once one is made", arguments: TestDatabase.all)
    func crowdOfDecisions(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 1_000)
        for _ in 0..<5 {
            let id = try await lab.withdraw(100).id
            try await lab.decide(.approve, on: id)
            let done = await count(32) { number in
                try await lab.decide(
                    number.isMultiple(of: 2) ? .reject(reason: "\(number)") : .pay(txid: "\(number)"), on: id)
            }
            #expect(done == 1)
            try await lab.expectBooksBalance()
        }
        let balance = try await lab.balance()
        let paid = try await lab.database.read { tx in
            try tx.withdrawals(WithdrawalPage(owner: Lab.alice, state: .paid, after: nil, limit: 100))
        }
        #expect(balance.held == 0 && balance.available == 1_000 - Int64(paid.count) * 100)
    }

    @Test("a day's cap counts what is underway and paid, and lets go of what is a day old", arguments: TestDatabase.all)
    func cap(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 1_000)
        try await lab.fund(Lab.bob, 1_000)
        let first = try await lab.withdraw(60, cap: 100)
        try await lab.decide(.approve, on: first.id)
        try await lab.decide(.pay(txid: "1"), on: first.id)
        lab.passUnattended(.seconds(3_600))
        let second = try await lab.withdraw(40, cap: 100)
        try await lab.withdraw(100, by: Lab.bob, cap: 100)
        let refusal = await #expect(throws: Refusal.self) { try await lab.withdraw(1, cap: 100) }
        guard case .quota(let text, let seconds)? = refusal else { throw NothingToClaim() }
        #expect(text.contains("0 of 0.0001 are left"), "\(text)")
        #expect((82_000...82_800).contains(seconds), "when the first is a day old: \(seconds)")
        // More than the oldest makes room for: when the second is a day old too.
        let later = await #expect(throws: Refusal.self) { try await lab.withdraw(61, cap: 100) }
        guard case .quota(_, let more)? = later else { throw NothingToClaim() }
        #expect((85_600...86_400).contains(more), "\(more)")

        try await lab.decide(.reject(reason: "r"), on: second.id)
        try await lab.withdraw(40, cap: 100)
        lab.passUnattended(.seconds(82_801))
        try await lab.withdraw(60, cap: 100)
        await #expect(throws: Refusal.self) { try await lab.withdraw(1, cap: 100) }
        let large = await #expect(throws: Refusal.self) { try await lab.withdraw(101, cap: 100) }
        guard case .invalid(field: "amount", _)? = large else { throw NothingToClaim() }
        try await lab.expectBooksBalance()
    }

    @Test("nobody's withdrawal can't be decided on", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for decision in [WithdrawalDecision.approve, Self.reject, Self.pay] {
            await #expect(throws: Refusal.notFound("withdrawal")) {
                try await lab.decide(decision, on: WithdrawalID("wdr_0123456789abcdef"))
            }
        }
    }

    @Test("the schema itself refuses a row that can't be", arguments: TestDatabase.all)
    func checks(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 100)
        let id = try await lab.withdraw(10).id.text
        for statement in [
            "UPDATE withdrawals SET state = 'paid' WHERE id = \(id)",
            "UPDATE withdrawals SET txid = '1' WHERE id = \(id)",
            "UPDATE withdrawals SET state = 'rejected' WHERE id = \(id)",
            "UPDATE withdrawals SET state = 'lost' WHERE id = \(id)",
            "UPDATE withdrawals SET amount = 0 WHERE id = \(id)",
            "UPDATE withdrawals SET asset = 'POINTS' WHERE id = \(id)",
        ] as [SQL] {
            let error = await #expect(throws: DatabaseError.self) {
                try await lab.database.write { try $0.execute(statement) }
            }
            guard case .checkFailed? = error else {
                Issue.record("\(statement.text): \(String(describing: error))")
                continue
            }
        }
    }

    @Test("the online check finds a withdrawal that isn't what its hold says", arguments: TestDatabase.all)
    func planted(on database: TestDatabase) async throws {
        let plants: [SQL] = [
            "UPDATE withdrawals SET state = 'rejected', reason = 'r'", "UPDATE withdrawals SET amount = amount - 1",
            "UPDATE withdrawals SET owner_id = 'bob'", "UPDATE holds SET state = 'voided', ended_at = 1",
        ]
        for plant in plants {
            let lab = try await Lab(database)
            try await lab.fund(Lab.alice, 100)
            let paid = try await lab.withdraw(10).id
            try await lab.decide(.approve, on: paid)
            try await lab.decide(Self.pay, on: paid)
            let rejected = try await lab.withdraw(10).id
            try await lab.decide(Self.reject, on: rejected)
            try await lab.withdraw(10)
            let before = try await lab.database.read { try $0.bookFindings(full: true) }
            #expect(before.allSatisfy { $0.breaches == 0 })
            try await lab.database.write { tx in try tx.execute("\(sql: plant) WHERE state IN ('requested', 'pending')")
            }
            let found = try await lab.database.read { try $0.bookFindings(full: false) }
            #expect(found.first { $0.check == "withdrawals_match" }?.breaches ?? 0 > 0, "\(plant.text)")
        }
    }

    /// How many of so many at once succeed; the others must be refused.
    private func count(_ tries: Int, _ act: @escaping @Sendable (Int) async throws -> Void) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<tries {
                group.addTask {
                    do {
                        try await act(number)
                        return true
                    } catch is Refusal {
                        return false
                    } catch {
                        Issue.record("\(error)")
                        return false
                    }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
    }

    private func count(_ tries: Int, _ act: @escaping @Sendable () async throws -> Void) async -> Int {
        await count(tries) { _ in try await act() }
    }
}
