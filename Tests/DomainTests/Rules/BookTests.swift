import Domain
import Testing

@Suite("The books")
struct BookTests {
    private static let alice = Account(OwnerID("alice"), .usdt, .available)
    private static let held = Account(OwnerID("alice"), .usdt, .held)
    private static let bob = Account(OwnerID("bob"), .usdt, .available)
    private static let outside = Account.external(.usdt)

    private static func book(_ balances: [Account: Int64] = [:]) -> Book {
        var entries = [alice, held, bob, outside].reduce(into: [Account: Book.Entry]()) { entries, account in
            entries[account] = Book.Entry(balance: 0, lines: 0)
        }
        for (account, balance) in balances { entries[account]?.balance = balance }
        return Book(entries)
    }

    private static func transfer(_ amount: Int64, from debit: Account, to credit: Account) -> Transfer {
        Transfer(id: "t", from: debit, to: credit, amount: amount, reason: .deposit)
    }

    @Test("whatever is tried, all accounts sum to zero, and none of a member is below it")
    func sums() throws {
        var random = SeededChance(seed: 7)
        let accounts = [Self.alice, Self.held, Self.bob, Self.outside]
        for _ in 0..<200 {
            var book = Self.book()
            var refused = 0
            for _ in 0..<100 {
                guard let debit = accounts.randomElement(using: &random),
                    let credit = accounts.filter({ $0 != debit }).randomElement(using: &random)
                else { continue }
                let amount = Int64.random(in: -2...40, using: &random)
                let before = book.entries
                do {
                    try book.post(Self.transfer(amount, from: debit, to: credit))
                } catch is Refusal {
                    refused += 1
                    #expect(book.entries == before)
                }
            }
            #expect(book.entries.values.map(\.balance).reduce(0, +) == 0)
            #expect(book.entries.allSatisfy { $0.key.kind == .external || $0.value.balance >= 0 })
            #expect(book.postings.count + refused == 100)
            // Each account's lines are numbered without a gap, and say where they left it.
            for account in accounts {
                let lines = book.postings.compactMap { posting -> (Int64, Int64)? in
                    if posting.transfer.debit == account { return (posting.debitLine, posting.debitAfter) }
                    if posting.transfer.credit == account { return (posting.creditLine, posting.creditAfter) }
                    return nil
                }
                #expect(lines.map(\.0) == Array(1...Int64(max(1, lines.count))).prefix(lines.count).map { $0 })
                #expect(lines.last?.1 ?? 0 == book.entries[account]?.balance)
            }
        }
    }

    @Test("a short account is told what was needed and what is there")
    func short() {
        var book = Self.book([Self.alice: 5])
        #expect(throws: Refusal.insufficientFunds(.usdt, needed: 6, available: 5)) {
            try book.post(Self.transfer(6, from: Self.alice, to: Self.bob))
        }
    }

    @Test("no amount and no balance can overflow", arguments: [Int64.min, -1, 0, Money.maxMinorUnits + 1, .max])
    func extremes(_ amount: Int64) {
        var book = Self.book([Self.alice: .max / 2, Self.outside: -Book.maxBalance])
        #expect(throws: Refusal.self) { try book.post(Self.transfer(amount, from: Self.alice, to: Self.bob)) }
        var full = Self.book([Self.bob: Book.maxBalance + 1, Self.outside: -Book.maxBalance - 1])
        #expect(throws: Refusal.self) { try full.post(Self.transfer(1, from: Self.outside, to: Self.bob)) }
        #expect(book.postings.isEmpty && full.postings.isEmpty)
    }

    @Test("several transfers are posted together or not at all")
    func together() {
        var book = Self.book([Self.alice: 10])
        let before = book.entries
        #expect(throws: Refusal.insufficientFunds(.usdt, needed: 8, available: 7)) {
            try book.post([
                Self.transfer(3, from: Self.alice, to: Self.held), Self.transfer(8, from: Self.alice, to: Self.bob),
            ])
        }
        #expect(book.entries == before && book.postings.isEmpty)
    }

    @Test("what cannot be posted to is our bug, as is a refusal of what must be possible")
    func bugs() {
        var book = Self.book([Self.alice: 10])
        let before = book.entries
        let unlocked = Account(OwnerID("carol"), .usdt, .available)
        #expect(throws: InternalError.self) { try book.post(Self.transfer(1, from: Self.alice, to: unlocked)) }
        #expect(throws: InternalError.self) { try book.post(Self.transfer(1, from: Self.alice, to: Self.alice)) }
        #expect(throws: InternalError.self) {
            try book.post(Self.transfer(1, from: Self.alice, to: .external(.points)))
        }
        #expect(throws: InternalError.self) { try book.mustPost(Self.transfer(11, from: Self.alice, to: Self.bob)) }
        #expect(book.entries == before && book.postings.isEmpty)
    }

    @Test(
        "a result earns its time at the price of the claim, and at most what is held",
        arguments: [
            (from: Int64(0), to: Int64(3_600_000), price: Int64(5), held: Int64(100), pay: Int64(5)),
            (0, 3_599_999, 5, 100, 4), (0, 1, 3_600_000, 100, 1), (0, 1, 3_599_999, 100, 0),
            (0, 7_200_000, 60, 100, 100), (10, 10, 60, 100, 0), (10, 5, 60, 100, 0), (0, 1_000, 0, 100, 0),
            (0, 1_000, 3_600, 0, 0), (.min, .max, .max, 7, 0), (0, .max, .max, 7, 7),
            (0, .max, 1, Money.maxMinorUnits, Money.maxMinorUnits),
        ])
    func pay(from: Int64, to: Int64, price: Int64, held: Int64, pay: Int64) {
        #expect(JobPay.earned(from: from, to: to, hourlyPrice: price, held: held) == pay)
    }
}
