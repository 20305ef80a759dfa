internal import Domain

/// A nonce in its scope.
struct SpentNonce: Hashable, Sendable {
    let scope: String
    let nonce: String
}

extension Transaction {
    /// Writes a draft with the owner's next version; nil when somebody took that version at the same moment.
    func insertPolicy(_ id: PolicyID, owner: OwnerID, rules: PolicyRules, text: String) throws -> Int64? {
        try first(
            """
            INSERT INTO policies (id, owner_id, version, state, rules, max_job_minutes, network, isolation,
                allowed_hours, timezone, created_at)
            SELECT \(id.text), \(owner.text), COALESCE(MAX(version), 0) + 1, 'draft', \(text),
                \(rules.maxJobMinutes), \(rules.network ?? false), \(rules.isolation?.rank),
                \(rules.hourBits), \(rules.timezone), \(now)
            FROM policies WHERE owner_id = \(owner.text)
            ON CONFLICT (owner_id, version) DO NOTHING RETURNING version
            """
        ) { try $0.integer() }
    }

    func activatePolicy(_ id: PolicyID, owner: OwnerID) throws -> Bool {
        try execute(
            """
            UPDATE policies SET state = 'active', activated_at = \(now)
            WHERE id = \(id.text) AND owner_id = \(owner.text) AND state = 'draft'
            """) == 1
    }

    func insertConsent(_ consent: Consent) throws {
        try executeLater(
            """
            INSERT INTO consents (id, owner_id, worker_id, policy_id, created_at)
            VALUES (\(consent.id.text), \(consent.owner.text), \(consent.worker.text), \(consent.policy.text), \(now))
            """)
    }

    func consent(_ id: ConsentID) throws -> Consent? {
        try first(
            "SELECT id, owner_id, worker_id, policy_id, created_at, revoked_at FROM consents WHERE id = \(id.text)"
        ) { row in
            try Consent(
                id: ConsentID(row.text()), owner: OwnerID(row.text()), worker: MachineID(row.text()),
                policy: PolicyID(row.text()), createdAt: row.integer(), revokedAt: row.optionalInteger())
        }
    }

    func revokeConsent(_ id: ConsentID) throws -> Bool {
        try execute("UPDATE consents SET revoked_at = \(now) WHERE id = \(id.text) AND revoked_at IS NULL") == 1
    }

    /// Whether a worker still has any unrevoked consent to an active policy.
    func hasConsent(_ worker: MachineID) throws -> Bool {
        try first(
            """
            SELECT 1 FROM consents
                JOIN policies ON policies.id \(.isFound) policy_id \(.end) AND policies.state = 'active'
            WHERE worker_id = \(worker.text) AND revoked_at IS NULL LIMIT 1
            """
        ) { try $0.integer() } != nil
    }

    /// Spends a nonce; false when it was spent before.
    func spendNonce(_ nonce: String, scope: String, expiresAt: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO nonces (scope, nonce, expires_at) VALUES (\(scope), \(nonce), \(expiresAt))
            ON CONFLICT (scope, nonce) DO NOTHING
            """) == 1
    }

    /// Spends nonces; returns those that were not spent before. All who spend several do so in one order, so that none
    /// waits for another that waits for it.
    func spendNonces(_ nonces: Set<SpentNonce>, expiresAt: Int64) throws -> Set<SpentNonce> {
        let sorted = nonces.sorted { ($0.scope, $0.nonce) < ($1.scope, $1.nonce) }
        let spent = SQL.Rows("spent", ["scope", "nonce", "expires_at"], of: sorted) {
            [.text($0.scope), .text($0.nonce), .integer(expiresAt)]
        }
        let fresh = try rows(
            """
            INSERT INTO nonces \(inserting: spent) ON CONFLICT (scope, nonce) DO NOTHING RETURNING scope, nonce
            """
        ) { row in try SpentNonce(scope: row.text(), nonce: row.text()) }
        return Set(fresh)
    }

    /// Takes away a nonce that was given out and is still good; false when there is none.
    func takeNonce(_ nonce: String, scope: String) throws -> Bool {
        try execute("DELETE FROM nonces WHERE scope = \(scope) AND nonce = \(nonce) AND expires_at > \(now)") == 1
    }

    /// As if it had never been spent.
    func forgetNonce(_ nonce: String, scope: String) throws {
        try executeLater("DELETE FROM nonces WHERE scope = \(scope) AND nonce = \(nonce)")
    }

    /// Takes away nonces that may be used again; returns how many.
    func deleteExpiredNonces(limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM nonces WHERE (scope, nonce) IN
                (SELECT scope, nonce FROM nonces WHERE expires_at <= \(now) LIMIT \(limit))
            """)
    }
}
