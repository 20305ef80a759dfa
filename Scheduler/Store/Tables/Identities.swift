package import Domain

/// A member's account at an OIDC issuer.
package struct Identity: Sendable {
    package let member: MemberID
    /// Milliseconds since 1970: tokens of an earlier epoch are void.
    package let tokensSince: Int64
    package let isDisabled: Bool
}

extension Transaction {
    /// False when the issuer's subject is known already.
    func insertIdentity(issuer: String, subject: String, member: MemberID) throws -> Bool {
        try execute(
            """
            INSERT INTO oidc_identities (issuer, subject, member_id, tokens_since, created_at)
            VALUES (\(issuer), \(subject), \(member.text), \(now), \(now))
            ON CONFLICT (issuer, subject) DO NOTHING
            """) == 1
    }

    func identity(issuer: String, subject: String) throws -> Identity? {
        try first(
            """
            SELECT member_id, tokens_since, disabled_at FROM oidc_identities
            WHERE issuer = \(issuer) AND subject = \(subject)
            """
        ) { row in
            try Identity(
                member: MemberID(row.text()), tokensSince: row.integer(), isDisabled: row.optionalInteger() != nil)
        }
    }

    /// Disables or enables all of a member's identities, and voids their tokens. False when none was changed.
    func setIdentitiesDisabled(of member: MemberID, _ isDisabled: Bool) throws -> Bool {
        try execute(
            """
            UPDATE oidc_identities SET disabled_at = \(isDisabled ? now : nil),
                tokens_since = CASE WHEN tokens_since < \(now) THEN \(now) ELSE tokens_since + 1 END
            WHERE member_id = \(member.text) AND CASE WHEN disabled_at IS NULL THEN 0 ELSE 1 END <> \(isDisabled)
            """) > 0
    }
}
