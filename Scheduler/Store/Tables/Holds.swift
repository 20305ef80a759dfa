internal import Domain

/// A hold that is pending.
struct PendingHold {
    var hold: Hold
    /// What was posted out of it, in minor units.
    var posted: Int64

    var left: Int64 { hold.amount - posted }
}

/// What becomes of a pending hold.
struct HoldChange {
    var id: String
    /// Posted now, in minor units.
    var posted: Int64
    /// Whether nothing more can come out of it.
    var isOver: Bool
}

extension Transaction {
    /// Throws `.conflict` when an id is taken.
    func insertHolds(_ holds: [Hold]) throws {
        let columns: [StaticString] = [
            "id", "owner_id", "asset", "amount", "state", "purpose", "reference", "expires_at", "created_at",
        ]
        let rows = SQL.Rows("fresh", columns, of: holds) { hold in
            [
                .text(hold.id), .text(hold.owner.text), .text(hold.asset.rawValue), .integer(hold.amount),
                .text("pending"), .text(hold.purpose.rawValue), .text(hold.reference), .integer(hold.expiresAt),
                .integer(now),
            ]
        }
        try executeLater("INSERT INTO holds \(inserting: rows)")
    }

    /// Changes pending holds, all of them.
    func change(_ changes: [HoldChange]) throws {
        let change = SQL.Rows("change", ["hold", "paid", "over_at"], of: changes) { change in
            [.text(change.id), .integer(change.posted), .integer(change.isOver ? now : nil)]
        }
        try executeLater(
            """
            UPDATE holds SET posted = posted + \(change.paid), ended_at = \(change.over_at),
                state = CASE WHEN \(change.over_at) IS NULL THEN 'pending'
                    WHEN posted + \(change.paid) > 0 THEN 'posted' ELSE 'voided' END
            \(from: change) WHERE holds.id \(is: change.hold) AND state = \("pending")
            """, changing: changes.count)
    }

    /// Locks a pending hold; nil when there is none.
    func lockHold(_ id: String) throws -> PendingHold? { try lockHolds("id = \(id) AND state = 'pending'").first }

    /// Locks holds whose time is over, but for those that somebody else has in hand.
    func lockExpiredHolds(_ picking: Picking) throws -> [PendingHold] {
        try lockHolds(
            """
            state = 'pending' AND expires_at IS NOT NULL AND expires_at <= \(now) AND NOT (id \(in: picking.except))
            ORDER BY expires_at LIMIT \(picking.limit)
            """, skipsLocked: true)
    }

    private func lockHolds(_ condition: SQL, skipsLocked: Bool = false) throws -> [PendingHold] {
        let lock: SQL = skipsLocked ? "\(.skipLocked)" : "\(.forUpdate)"
        return try rows(
            """
            SELECT id, owner_id, asset, amount, purpose, reference, expires_at, posted FROM holds
            WHERE \(sql: condition) \(sql: lock)
            """
        ) { row in
            let (id, owner, asset, amount) = try (row.text(), row.text(), row.asset(), row.integer())
            let purpose: Hold.Purpose = try row.word()
            let hold = try Hold(
                id: id, owner: OwnerID(owner), asset: asset, amount: amount, purpose: purpose, reference: row.text(),
                expiresAt: row.optionalInteger())
            return try PendingHold(hold: hold, posted: row.integer())
        }
    }

    func markExpired(_ ids: [String]) throws {
        try SQL.chunked(ids) { chunk in
            try executeLater(
                """
                UPDATE holds SET state = CASE WHEN posted > 0 THEN 'posted' ELSE 'expired' END, ended_at = \(now)
                WHERE id \(in: chunk) AND state = \("pending")
                """)
        }
    }
}
