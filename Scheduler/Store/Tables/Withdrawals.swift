internal import Domain

extension Transaction {
    /// Records a withdrawal unless its owner would have more than `cap` (minor units) underway or paid of the last
    /// 24 hours. False when it would. The caller has locked the owner's account.
    func insertWithdrawal(_ withdrawal: Withdrawal, cap: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO withdrawals (id, owner_id, asset, amount, address, state, created_at, updated_at)
            SELECT \(withdrawal.id.text), \(withdrawal.owner.text), \(withdrawal.asset.rawValue), \(withdrawal.amount),
                \(withdrawal.address), \(withdrawal.state.rawValue), \(now), \(now)
            WHERE \(sql: withdrawn(by: withdrawal.owner, withdrawal.asset)) <= \(cap - withdrawal.amount)
            """) == 1
    }

    /// What an owner's cap counts, in minor units: all of the last 24 hours but what was rejected.
    func countedWithdrawals(of owner: OwnerID, _ asset: Asset) throws -> Int64 {
        try first("SELECT \(sql: withdrawn(by: owner, asset))") { try $0.integer() } ?? 0
    }

    /// When, in milliseconds since 1970, the oldest withdrawals that the cap counts will have made room for `amount`;
    /// nil when all of them together don't.
    func roomForWithdrawal(of amount: Int64, by owner: OwnerID, _ asset: Asset) throws -> Int64? {
        try first(
            """
            SELECT created_at FROM (
                SELECT created_at, id, SUM(amount) OVER (ORDER BY created_at, id) AS gone FROM withdrawals
                WHERE \(sql: counted(owner, asset))) AS sums
            WHERE gone >= \(amount) ORDER BY created_at, id LIMIT 1
            """
        ) { try $0.integer() + Withdrawal.capMilliseconds }
    }

    private func withdrawn(by owner: OwnerID, _ asset: Asset) -> SQL {
        """
        (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM withdrawals WHERE \(sql: counted(owner, asset)))
        """
    }

    private func counted(_ owner: OwnerID, _ asset: Asset) -> SQL {
        """
        owner_id = \(owner.text) AND asset = \(asset.rawValue) AND state <> 'rejected'
            AND created_at > \(now - Withdrawal.capMilliseconds)
        """
    }

    /// Makes a decision where it can be made; the withdrawal as it is then, or nil.
    func make(_ decision: WithdrawalDecision, on id: WithdrawalID) throws -> Withdrawal? {
        try first(
            """
            UPDATE withdrawals SET state = \(decision.outcome.rawValue), reason = \(decision.reason),
                txid = \(decision.txid), updated_at = \(now)
            WHERE id = \(id.text) AND state \(in: decision.origins.map(\.rawValue))
            RETURNING \(raw: Withdrawal.columns)
            """
        ) { try Withdrawal(&$0) }
    }
}

extension Withdrawal {
    static let columns: StaticString = """
        id, owner_id, asset, amount, address, state, reason, txid, created_at, updated_at
        """

    /// Reads its `columns`.
    init(_ row: inout Row) throws {
        let (id, owner, asset) = try (row.text(), row.text(), row.asset())
        let (amount, address) = try (row.integer(), row.text())
        let state: State = try row.word()
        try self.init(
            id: WithdrawalID(id), owner: OwnerID(owner), asset: asset, amount: amount, address: address, state: state,
            reason: row.optionalText(), txid: row.optionalText(), createdAt: row.integer(),
            updatedAt: row.integer())
    }
}
