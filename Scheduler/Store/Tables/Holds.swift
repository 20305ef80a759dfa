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
        try SQL.chunked(holds) { chunk in
            let rows = chunk.map { hold in
                [
                    Value.text(hold.id), .text(hold.owner.text), .text(hold.asset.rawValue), .integer(hold.amount),
                    .text("pending"), .text(hold.purpose.rawValue), .text(hold.reference), .integer(hold.expiresAt),
                    .integer(now),
                ]
            }
            try execute(
                """
                INSERT INTO holds (id, owner_id, asset, amount, state, purpose, reference, expires_at, created_at)
                VALUES \(rows: rows)
                """)
        }
    }

    /// Changes pending holds, all of them.
    func change(_ changes: [HoldChange]) throws {
        try SQL.chunked(changes) { chunk in
            let rows = chunk.map { change in
                [Value.text(change.id), .integer(change.posted), .integer(change.isOver ? now : nil)]
            }
            let written = try execute(
                """
                WITH change (id, paid, over_at) AS (VALUES \(rows: rows))
                UPDATE holds SET posted = posted + change.paid, ended_at = change.over_at,
                    state = CASE WHEN change.over_at IS NULL THEN 'pending'
                        WHEN posted + change.paid > 0 THEN 'posted' ELSE 'voided' END
                FROM change WHERE holds.id = change.id AND state = \("pending")
                """)
            guard written == rows.count else {
                throw InternalError("a hold that was to be changed isn't pending")
            }
        }
    }

    /// Locks a pending hold; nil when there is none.
    func lockHold(_ id: String) throws -> PendingHold? { try lockHolds("id = \(id) AND state = 'pending'").first }

    /// Locks holds whose time is over, but for those that somebody else has in hand.
    func lockExpiredHolds(limit: Int) throws -> [PendingHold] {
        try lockHolds(
            "state = 'pending' AND expires_at IS NOT NULL AND expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)",
            skipsLocked: true)
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
            try execute(
                """
                UPDATE holds SET state = CASE WHEN posted > 0 THEN 'posted' ELSE 'expired' END, ended_at = \(now)
                WHERE id IN (\(list: Array(chunk))) AND state = \("pending")
                """)
        }
    }
}
