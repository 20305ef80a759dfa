import Domain
import Store
import Support
import Testing

@Suite("Deposits and what an owner sees of them")
struct DepositTests {
    private func deposit(
        _ lab: Lab, _ amount: Int64, to owner: OwnerID = Lab.alice, _ reference: String
    ) async throws -> LedgerLine {
        try await lab.database.write { tx in
            try tx.deposit(to: owner, asset: .usdt, amount: amount, reference: reference, actor: "operator")
        }
    }

    @Test("a deposit that is tried again counts once, and another by its name is refused", arguments: TestDatabase.all)
    func retried(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await deposit(lab, 100, "wire-1")
        #expect(first.amount == 100 && first.balanceAfter == 100)
        _ = try await deposit(lab, 50, "wire-2")
        #expect(try await deposit(lab, 100, "wire-1") == first)
        for (amount, owner) in [(99, Lab.alice), (100, Lab.bob)] as [(Int64, OwnerID)] {
            let refusal = await #expect(throws: Refusal.self) {
                try await deposit(lab, amount, to: owner, "wire-1")
            }
            guard case .wrongState? = refusal else { throw NothingToClaim() }
        }
        #expect(try await lab.balance().available == 150)
        #expect(try await lab.balance(of: Lab.bob).available == 0)
        #expect(try await lab.chain(of: Lab.alice).map(\.type) == ["deposit_made", "deposit_made"])
        try await lab.expectBooksBalance()
    }

    @Test("of 32 at once by one name, one counts and all get its line", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let lines = try await withThrowingTaskGroup(of: LedgerLine.self) { group in
            for _ in 0..<32 { group.addTask { try await deposit(lab, 7, "wire") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(lines.count == 32 && lines.allSatisfy { $0 == lines.first })
        #expect(try await lab.balance().available == 7)
        try await lab.expectBooksBalance()
    }

    @Test("the list of both assets shows every line once while others are added", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let owner = OwnerID("carol")
        func add(_ count: Int, _ asset: Asset, _ name: String) async throws {
            for number in 0..<count {
                _ = try await lab.database.write { tx in
                    try tx.deposit(
                        to: owner, asset: asset, amount: 1, reference: "\(name) \(number)", actor: "operator")
                }
                if number.isMultiple(of: 5) { lab.passUnattended(.milliseconds(2)) }
            }
        }
        for round in 0..<4 {
            try await add(7, .usdt, "u\(round)")
            try await add(5, .points, "p\(round)")
        }
        for limit in [1, 3, 7, 48, 100] {
            var seen: [LedgerLine] = []
            var next: [Asset: Int64]? = [:]
            var pages = 0
            while let before = next {
                let page = try await lab.database.read { tx in
                    try tx.transactions(of: owner, Asset.allCases, before: before, limit: limit)
                }
                #expect(page.lines.count == limit || page.next == nil)
                seen += page.lines
                next = page.next
                pages += 1
                try await add(2, pages.isMultiple(of: 2) ? .usdt : .points, "limit \(limit) page \(pages)")
            }
            let usdt = seen.filter { $0.asset == .usdt }.map(\.line)
            let points = seen.filter { $0.asset == .points }.map(\.line)
            let top = (usdt.first ?? 0, points.first ?? 0)
            #expect(usdt == Array((1...top.0).reversed()) && points == Array((1...top.1).reversed()))
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.createdAt >= $1.createdAt })
        }
        let nothing = try await lab.database.read { tx in
            try tx.transactions(of: OwnerID("nobody"), Asset.allCases, before: [:], limit: 5)
        }
        #expect(nothing.lines.isEmpty && nothing.next == nil)
    }
}
