package import Domain

/// A piece of a list of withdrawals, newest first.
package struct WithdrawalPage: Sendable {
    /// nil: everybody's, for the operator.
    package var owner: OwnerID?
    package var state: Withdrawal.State?
    /// Behind this one: when it was created, in milliseconds since 1970, and its id.
    package var after: (createdAt: Int64, id: WithdrawalID)?
    package var limit: Int

    package init(
        owner: OwnerID?, state: Withdrawal.State?, after: (createdAt: Int64, id: WithdrawalID)?, limit: Int
    ) {
        self.owner = owner
        self.state = state
        self.after = after
        self.limit = limit
    }
}

extension Transaction {
    package func withdrawals(_ page: WithdrawalPage) throws -> [Withdrawal] {
        let before = page.after?.createdAt ?? .max
        var conditions: [SQL] = [
            "created_at <= \(before)", "(created_at < \(before) OR id < \(page.after?.id.text ?? ""))",
        ]
        if let owner = page.owner { conditions.append("owner_id = \(owner.text)") }
        if let state = page.state { conditions.append("state = \(state.rawValue)") }
        return try rows(
            """
            SELECT \(raw: Withdrawal.columns) FROM withdrawals WHERE \(sql: conditions.joined(separator: " AND "))
            ORDER BY created_at DESC, id DESC LIMIT \(page.limit)
            """
        ) { try Withdrawal(&$0) }
    }

    package func withdrawal(_ id: WithdrawalID) throws -> Withdrawal? {
        try first("SELECT \(raw: Withdrawal.columns) FROM withdrawals WHERE id = \(id.text)") { try Withdrawal(&$0) }
    }
}
