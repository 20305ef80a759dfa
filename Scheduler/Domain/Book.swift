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

    /// Posts a transfer. Throws `Refusal.insufficientFunds`, or `.invalid` for an amount that no account can take.
    package mutating func post(_ transfer: Transfer) throws(Refusal) {
        let amount = transfer.amount
        guard (1...Money.maxMinorUnits).contains(amount) else {
            throw .invalid(field: "amount", message: "must be more than 0 and at most 10^12 minor units")
        }
        precondition(
            transfer.debit != transfer.credit && transfer.debit.asset == transfer.credit.asset,
            "a transfer has two accounts of one asset")
        guard var debit = entries[transfer.debit], var credit = entries[transfer.credit] else {
            preconditionFailure("an account that wasn't locked")
        }
        if transfer.debit.kind != .external, debit.balance < amount {
            throw .insufficientFunds(transfer.debit.asset, needed: amount, available: debit.balance)
        }
        guard debit.balance >= -Self.maxBalance, credit.balance <= Self.maxBalance else {
            throw .invalid(field: "amount", message: "is more than the account can take")
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
    package mutating func post(_ transfers: [Transfer]) throws(Refusal) {
        var draft = self
        for transfer in transfers { try draft.post(transfer) }
        self = draft
    }
}
