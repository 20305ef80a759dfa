/// A member's API key as it is listed. The key itself is shown once and kept only as a hash (CONTRACT 3).
package struct APIKey: Sendable {
    package var id: KeyID
    package var member: MemberID
    package var name: String?
    /// Its first characters: what a person tells keys apart by.
    package var prefix: String
    /// Milliseconds since 1970, as all of these.
    package var createdAt: Int64
    /// To about a minute.
    package var lastUsedAt: Int64?
    package var expiresAt: Int64?
    package var revokedAt: Int64?
    /// The one thing that it is for; nil: all that its member may do.
    package var scope: Scope?

    package enum Scope: String, Sendable, CaseIterable {
        /// Read the figures of all tenants, and nothing else.
        case metricsRead = "metrics:read"
    }

    package init(
        id: KeyID, member: MemberID, name: String?, prefix: String, createdAt: Int64, lastUsedAt: Int64? = nil,
        expiresAt: Int64? = nil, revokedAt: Int64? = nil, scope: Scope? = nil
    ) {
        self.id = id
        self.member = member
        self.name = name
        self.prefix = prefix
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.scope = scope
    }

    package func isValid(at now: Int64) -> Bool { revokedAt == nil && (expiresAt ?? .max) > now }

    /// How much of a key's text is kept to be shown.
    package static func prefix(of text: String) -> String { String(text.prefix(7)) }

    /// Whether a key that ends at `expiry` (nil: never) may make one that ends at `other`: what a key makes doesn't
    /// outlive it, else whoever finds a key that was lent for an hour could keep the account.
    package static func mayMake(until other: Int64?, with expiry: Int64?) -> Bool {
        guard let expiry else { return true }
        return (other ?? .max) <= expiry
    }
}
