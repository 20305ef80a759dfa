package import Domain

/// Who a session token of a device speaks for.
package struct DeviceTokenHolder: Sendable {
    package let device: DeviceID
    package let customer: CustomerID
    package let expiresAt: Int64
}

extension Transaction {
    /// The holders of tokens that count, by the tokens' hashes.
    package func deviceTokenHolders(_ hashes: [String]) throws -> [String: DeviceTokenHolder] {
        var found: [String: DeviceTokenHolder] = [:]
        try SQL.chunked(hashes) { chunk in
            let some = try rows(
                """
                SELECT token_hash, devices.id, customer_id, expires_at
                FROM device_tokens JOIN devices ON devices.id \(.isFound) device_id \(.end) AND state = 'active'
                WHERE token_hash \(in: chunk) AND expires_at > \(now)
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

    /// The hash of a device's secret, with the device; nil for one that never registered.
    package func deviceSecret(_ id: DeviceID) throws -> (hash: String, device: Device)? {
        let hash = try first("SELECT secret_hash FROM devices WHERE id = \(id.text) AND secret_hash IS NOT NULL") {
            try $0.text()
        }
        guard let hash, let device = try device(id) else { return nil }
        return (hash, device)
    }
}
