internal import Bytes
internal import Domain

/// Formats instants and keys for administrators.
enum AdminText {
    /// `2026-01-31 12:00`, in UTC.
    static func day(_ instant: Int64?) -> String {
        guard let instant else { return "never" }
        return String(RFC3339.format(instant).replacing("T", with: " ").prefix(16))
    }

    static func json(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

    static func state(_ key: APIKey) -> String {
        if let revokedAt = key.revokedAt { return "revoked \(day(revokedAt))" }
        guard let expiresAt = key.expiresAt else { return "valid" }
        return key.isValid(at: World.live.now()) ? "until \(day(expiresAt))" : "expired \(day(expiresAt))"
    }
}
