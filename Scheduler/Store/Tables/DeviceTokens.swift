package import Domain

/// Who a session token of a device speaks for.
package struct DeviceTokenHolder: Sendable {
    package let device: DeviceID
    package let customer: CustomerID
    package let expiresAt: Int64
}

extension Transaction {
    /// Gives an active device another session token; its oldest ones end beyond `Device.maxTokens`. False when the
    /// device isn't active.
    package func openDeviceToken(_ hash: String, for id: DeviceID) throws -> Bool {
        // Locked, so that two at once don't both keep the most.
        guard let device = try lockDevice(id), device.state == .active else { return false }
        try execute(
            """
            INSERT INTO device_tokens (token_hash, device_id, created_at, expires_at)
            VALUES (\(hash), \(id.text), \(now), \(now + Device.tokenLasts))
            """)
        try execute(
            """
            DELETE FROM device_tokens WHERE device_id = \(id.text) AND token_hash <> \(hash) AND token_hash NOT IN
                (SELECT token_hash FROM device_tokens WHERE device_id = \(id.text) AND token_hash <> \(hash)
                ORDER BY created_at DESC, token_hash LIMIT \(Device.maxTokens - 1))
            """)
        return true
    }

    /// The holders of tokens that count, by the tokens' hashes.
    package func deviceTokenHolders(_ hashes: [String]) throws -> [String: DeviceTokenHolder] {
        var found: [String: DeviceTokenHolder] = [:]
        try SQL.chunked(hashes) { chunk in
            let some = try rows(
                """
                SELECT token_hash, devices.id, customer_id, expires_at
                FROM device_tokens JOIN devices ON devices.id = device_id AND state = 'active'
                WHERE token_hash IN (\(list: chunk)) AND expires_at > \(now)
                """
            ) { row in
                try (
                    row.text(),
                    DeviceTokenHolder(
                        device: DeviceID(row.text()), customer: CustomerID(row.text()), expiresAt: row.integer())
                )
            }
            for (hash, holder) in some { found[hash] = holder }
        }
        return found
    }

    /// Tokens in use last from now on as long as new ones.
    package func prolongDeviceTokens(_ hashes: [String]) throws {
        try SQL.chunked(hashes.sorted()) { chunk in
            try execute(
                """
                UPDATE device_tokens SET expires_at = \(now + Device.tokenLasts)
                WHERE token_hash IN (\(list: chunk)) AND expires_at > \(now)
                """)
        }
    }

    func deleteTokens(of id: DeviceID) throws {
        try execute("DELETE FROM device_tokens WHERE device_id = \(id.text)")
    }

    /// Takes away tokens whose time is over; returns how many.
    func deleteExpiredDeviceTokens(limit: Int) throws -> Int {
        let hashes = try rows(
            "SELECT token_hash FROM device_tokens WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)"
        ) { try $0.text() }
        var gone = 0
        try SQL.chunked(hashes) { gone += try execute("DELETE FROM device_tokens WHERE token_hash IN (\(list: $0))") }
        return gone
    }

    /// The hash of a device's secret, with the device; nil for one that never registered.
    package func deviceSecret(_ id: DeviceID) throws -> (hash: String, device: Device)? {
        let hash = try first("SELECT secret_hash FROM devices WHERE id = \(id.text) AND secret_hash IS NOT NULL") {
            try $0.text()
        }
        guard let hash, let device = try device(id) else { return nil }
        return (hash, device)
    }
}
