package import Domain

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

extension Transaction {
    /// False when the name is taken.
    func insertLogin(_ username: String, member: MemberID, passwordHash: String) throws -> Bool {
        // A token says when it was issued in whole seconds, and one of this second counts.
        try execute(
            """
            INSERT INTO logins (username, member_id, password_hash, tokens_since, created_at)
            VALUES (\(username), \(member.text), \(passwordHash), \(now - now % 1_000), \(now))
            ON CONFLICT (username) DO NOTHING
            """) == 1
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

    /// Whose it is; nil when there is no such login. Voids its tokens.
    func setPassword(of username: String, hash: String) throws -> MemberID? {
        try first(
            """
            UPDATE logins SET password_hash = \(hash),
                tokens_since = CASE WHEN tokens_since < \(now) THEN \(now) ELSE tokens_since + 1 END
            WHERE username = \(username) RETURNING member_id
            """
        ) { try MemberID($0.text()) }
    }

    /// Whose it is; nil when there is no such login, or it is so already.
    func setDisabled(_ username: String, _ isDisabled: Bool) throws -> MemberID? {
        try first(
            """
            UPDATE logins SET disabled_at = \(isDisabled ? now : nil),
                tokens_since = CASE WHEN tokens_since < \(now) THEN \(now) ELSE tokens_since + 1 END
            WHERE username = \(username) AND CASE WHEN disabled_at IS NULL THEN 0 ELSE 1 END <> \(isDisabled)
            RETURNING member_id
            """
        ) { try MemberID($0.text()) }
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
}
