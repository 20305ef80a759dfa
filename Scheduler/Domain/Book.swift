/// The accounts that a transaction has locked, and what it posts to them, in order. Refused transfers leave no trace.
package struct Book: Sendable {
    /// An account's state.
    package struct Entry: Sendable, Equatable {
        /// Minor units.
        package var balance: Int64
        /// How many transfers it has seen.
        package var lines: Int64

        package init(balance: Int64, lines: Int64) {
            self.balance = balance
            self.lines = lines
        }
    }

    /// No balance is larger, so that no sum of two overflows.
    package static let maxBalance: Int64 = 4_000_000_000_000_000_000

    package private(set) var entries: [Account: Entry]
    package private(set) var postings: [Posting] = []

    /// Accounts that aren't there can't be posted to.
    package init(_ entries: [Account: Entry]) { self.entries = entries }

    /// Posts a transfer. Throws `Refusal.insufficientFunds`, or `.invalid` for an amount that no account can take;
    /// `InternalError` for accounts that aren't locked or don't go together.
    package mutating func post(_ transfer: Transfer) throws {
        let amount = transfer.amount
        guard (1...Money.maxMinorUnits).contains(amount) else {
            throw Refusal.invalid(field: "amount", message: "must be more than 0 and at most 10^12 minor units")
        }
        guard transfer.debit != transfer.credit, transfer.debit.asset == transfer.credit.asset else {
            throw InternalError("\(transfer.id) is not between two accounts of one asset")
        }
        guard var debit = entries[transfer.debit], var credit = entries[transfer.credit] else {
            throw InternalError("\(transfer.id) is for an account that isn't locked")
        }
        if transfer.debit.kind != .external, debit.balance < amount {
            throw Refusal.insufficientFunds(transfer.debit.asset, needed: amount, available: debit.balance)
        }
        guard debit.balance >= -Self.maxBalance, credit.balance <= Self.maxBalance else {
            throw Refusal.invalid(field: "amount", message: "is more than the account can take")
        }
        // After this line it must succeed.
        debit.balance -= amount
        debit.lines += 1
        credit.balance += amount
        credit.lines += 1
        entries[transfer.debit] = debit
        entries[transfer.credit] = credit
        postings.append(
            Posting(
                transfer: transfer, debitAfter: debit.balance, creditAfter: credit.balance, debitLine: debit.lines,
                creditLine: credit.lines))
    }

    /// Posts all of them or none.
    package mutating func post(_ transfers: [Transfer]) throws {
        var draft = self
        for transfer in transfers { try draft.post(transfer) }
        self = draft
    }

    /// Posts what the locked rows say must be possible. Throws `InternalError` when it is not.
    package mutating func mustPost(_ transfer: Transfer) throws {
        do {
            try post(transfer)
        } catch let refusal as Refusal {
            throw InternalError("the books refuse \(transfer.id): \(refusal)")
        }
    }
}
