package import Domain

/// A machine as its credential check needs it.
package struct MachineCredential: Sendable {
    package let owner: OwnerID
    /// SHA-256 hex of the machine token.
    package let tokenHash: String
}

/// Who holds a valid key.
package struct KeyHolder: Sendable {
    package let member: Member
    /// Milliseconds until the key ends by itself, when it was looked up; nil: it doesn't.
    package let expiresIn: Int64?
    /// The one thing that the key is for; nil: all that the member may do.
    package let scope: APIKey.Scope?
}

/// What a member signs in with by a password.
package struct Login: Sendable {
    package let username: String
    package let member: MemberID
    /// As `Password.hash` wrote it.
    package let passwordHash: String
    /// Milliseconds since 1970: tokens of an earlier epoch are void.
    package let tokensSince: Int64
    package let isDisabled: Bool
}

/// What a credential is checked against.
extension Transaction {
    package func machineCredential(_ id: MachineID) throws -> MachineCredential? {
        try machineCredentials([id])[id]
    }

    package func machineCredentials(_ ids: Set<MachineID>) throws -> [MachineID: MachineCredential] {
        var credentials: [MachineID: MachineCredential] = [:]
        try SQL.chunked(ids.map(\.text).sorted()) { chunk in
            let found = try rows("SELECT id, owner_id, token_hash FROM machines WHERE id \(in: chunk)") { row in
                try (MachineID(row.text()), MachineCredential(owner: OwnerID(row.text()), tokenHash: row.text()))
            }
            for (id, credential) in found { credentials[id] = credential }
        }
        return credentials
    }

    /// The member that a valid API key belongs to.
    package func keyHolder(hash: String) throws -> KeyHolder? {
        try first(
            """
            SELECT \(raw: Self.memberColumns), expires_at, scope
            FROM api_keys JOIN members ON members.id \(.isFound) member_id \(.end)
            WHERE hash = \(hash) AND revoked_at IS NULL AND COALESCE(expires_at, \(Int64.max)) > \(now)
            """
        ) { row in
            try KeyHolder(
                member: Self.member(&row), expiresIn: row.optionalInteger().map { $0 - now }, scope: Self.scope(&row))
        }
    }

    /// By its name, as `Usernames.normalised` writes it.
    package func login(_ username: String) throws -> Login? {
        try first(
            """
            SELECT username, member_id, password_hash, tokens_since, disabled_at FROM logins
            WHERE username = \(username)
            """
        ) { row in
            try Login(
                username: row.text(), member: MemberID(row.text()), passwordHash: row.text(),
                tokensSince: row.integer(), isDisabled: row.optionalInteger() != nil)
        }
    }

    /// The member that a login's token speaks for, as long as the login isn't disabled and its epoch is among `epochs`.
    package func member(username: String, epochs: ClosedRange<Int64>) throws -> Member? {
        let member = try first(
            """
            SELECT member_id FROM logins
            WHERE username = \(username) AND disabled_at IS NULL
                AND tokens_since BETWEEN \(epochs.lowerBound) AND \(epochs.upperBound)
            """
        ) { try MemberID($0.text()) }
        return try member.flatMap { try self.member($0) }
    }

    /// The member, as long as an identity of the issuer's vouches for it whose epoch is among `epochs`.
    package func member(_ id: MemberID, issuer: String, epochs: ClosedRange<Int64>) throws -> Member? {
        let vouched = try first(
            """
            SELECT 1 FROM oidc_identities
            WHERE member_id = \(id.text) AND issuer = \(issuer) AND disabled_at IS NULL
                AND tokens_since BETWEEN \(epochs.lowerBound) AND \(epochs.upperBound)
            """
        ) { try $0.integer() }
        return vouched == nil ? nil : try member(id)
    }
}
