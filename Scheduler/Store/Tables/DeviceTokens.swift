internal import Domain

extension Transaction {
    func insertToken(_ hash: String, of id: DeviceID) throws {
        try executeLater(
            """
            INSERT INTO device_tokens (token_hash, device_id, created_at, expires_at)
            VALUES (\(hash), \(id.text), \(now), \(now + Device.tokenLasts))
            """)
    }

    /// Takes away a device's oldest tokens, so that it has no more than `Device.maxTokens`, the newest among them.
    func deleteOldTokens(of id: DeviceID, newest hash: String) throws {
        try executeLater(
            """
            DELETE FROM device_tokens WHERE device_id = \(id.text) AND token_hash <> \(hash) AND token_hash NOT IN
                (SELECT token_hash FROM device_tokens WHERE device_id = \(id.text) AND token_hash <> \(hash)
                ORDER BY created_at DESC, token_hash LIMIT \(Device.maxTokens - 1))
            """)
    }

    /// Tokens in use last from now on as long as new ones.
    func prolongTokens(_ hashes: [String]) throws {
        try SQL.chunked(hashes.sorted()) { chunk in
            try executeLater(
                """
                UPDATE device_tokens SET expires_at = \(now + Device.tokenLasts)
                WHERE token_hash \(in: chunk) AND expires_at > \(now)
                """)
        }
    }

    /// Returns their hashes.
    func deleteTokens(of id: DeviceID) throws -> [String] {
        try rows("DELETE FROM device_tokens WHERE device_id = \(id.text) RETURNING token_hash") { try $0.text() }
    }

    /// Takes away tokens whose time is over; returns how many.
    func deleteExpiredDeviceTokens(limit: Int) throws -> Int {
        let hashes = try rows(
            "SELECT token_hash FROM device_tokens WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)"
        ) { try $0.text() }
        var gone = 0
        try SQL.chunked(hashes) { gone += try execute("DELETE FROM device_tokens WHERE token_hash \(in: $0)") }
        return gone
    }
}
