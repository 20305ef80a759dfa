internal import Domain

extension Transaction {
    func insertSession(_ session: DeviceSession) throws {
        try executeLater(
            """
            INSERT INTO device_sessions (id, device_id, customer_id, type, description, created_at, expires_at)
            VALUES (\(session.id.text), \(session.device.text), \(session.customer.text), \(session.kind.rawValue),
                \(session.description), \(session.createdAt), \(session.expiresAt))
            """)
    }

    /// Keeps a session from being closed until the commit.
    func lockSession(_ id: SessionID) throws -> DeviceSession? {
        guard var session = try session(id, lock: "\(.forUpdate)") else { return nil }
        let isClosed = try first("SELECT is_closed FROM device_sessions WHERE id = \(id.text)") { try $0.bool() }
        // It may have been closed while this waited for it, by a later clock.
        if isClosed == true, session.endedAt == nil { session.endedAt = session.expiresAt }
        return session
    }

    func session(_ id: SessionID, lock: SQL) throws -> DeviceSession? {
        try first(
            "SELECT \(raw: DeviceSession.columns) FROM device_sessions WHERE id = \(id.text) \(sql: lock)"
        ) { try DeviceSession(&$0) }
    }

    /// Ends a session; false when it isn't active.
    func endSession(_ id: SessionID) throws -> Bool {
        try execute(
            """
            UPDATE device_sessions SET ended_at = \(now), expires_at = \(now)
            WHERE id = \(id.text) AND ended_at IS NULL AND expires_at > \(now)
            """) == 1
    }

    /// Locks sessions that are over and not yet closed: what waited for approval in them is still there.
    func lockOverSessions(_ picking: Picking) throws -> [SessionID] {
        try rows(
            """
            SELECT id FROM device_sessions WHERE is_closed = 0 AND expires_at <= \(now)
                AND NOT (id \(in: picking.except))
            ORDER BY expires_at LIMIT \(picking.limit) \(.skipLocked)
            """
        ) { try SessionID($0.text()) }
    }

    /// Returns how many.
    func deleteSessions(of device: DeviceID, limit: Int) throws -> Int {
        let ids = try rows(
            "SELECT id FROM device_sessions WHERE device_id = \(device.text) ORDER BY created_at LIMIT \(limit)"
        ) { try $0.text() }
        try SQL.chunked(ids) { try executeLater("DELETE FROM device_sessions WHERE id \(in: $0)") }
        return ids.count
    }

    func closeSession(_ id: SessionID) throws {
        try executeLater("UPDATE device_sessions SET is_closed = 1 WHERE id = \(id.text)")
    }
}

extension DeviceSession {
    static let columns: StaticString = """
        id, device_id, customer_id, type, description, created_at, expires_at, ended_at
        """

    init(_ row: inout Row) throws {
        try self.init(
            id: SessionID(row.text()), device: DeviceID(row.text()), customer: CustomerID(row.text()),
            kind: row.word(), description: row.optionalText(), createdAt: row.integer(), expiresAt: row.integer(),
            endedAt: row.optionalInteger())
    }
}
