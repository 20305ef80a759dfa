// A task's money in the ledger. Each transfer's id names the task and what it is for, so that none is posted twice.

extension Bounty {
    /// As transfers refer to it.
    package static func reference(_ id: Int64) -> String { "post:\(id)" }

    private var posterAccount: Account { Account(OwnerID(author.text), .points, .available) }
    private var posterEscrow: Account { Account(OwnerID(author.text), .points, .held) }

    private func transfer(
        _ name: String, _ from: Account, _ to: Account, _ amount: Int64, _ reason: Transfer.Reason
    ) -> [Transfer] {
        guard amount > 0 else { return [] }
        let reference = Self.reference(id)
        return [
            Transfer(
                id: "\(reference)/\(name)", from: from, to: to, amount: amount, reason: reason, reference: reference)
        ]
    }

    /// Sets the poster's bounty aside.
    package var posterHold: [Transfer] {
        transfer("bounty", posterAccount, posterEscrow, escrow.poster, .escrowHold)
    }

    /// Sets the assignee's deposit aside; nothing when a tenth is less than half a point.
    package func depositHold(of assignee: MemberID) -> [Transfer] {
        let owner = OwnerID(assignee.text)
        return transfer(
            "deposit", Account(owner, .points, .available), Account(owner, .points, .held), escrow.assignee,
            .escrowHold)
    }

    /// Divides all that is held.
    package func settlement(_ split: EscrowSplit) -> [Transfer] {
        var transfers = transfer("refund", posterEscrow, posterAccount, split.refund, .refund)
        guard let assignee else { return transfers }
        let owner = OwnerID(assignee.text)
        let (account, deposit) = (Account(owner, .points, .available), Account(owner, .points, .held))
        transfers += transfer("payout", posterEscrow, account, split.payout, .bountyPayout)
        transfers += transfer("release", deposit, account, split.depositReturn, .escrowRelease)
        transfers += transfer("forfeit", deposit, posterAccount, split.penalty, .escrowForfeit)
        return transfers
    }

    /// Pays a bounty that was never held.
    package func payment(to assignee: MemberID) -> [Transfer] {
        transfer(
            "payout", posterAccount, Account(OwnerID(assignee.text), .points, .available), points, .bountyPayout)
    }
}
