internal import Domain

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
}
