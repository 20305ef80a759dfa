internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A member's API keys (CONTRACT 3). What makes a key takes no `Idempotency-Key`: a kept answer would be a kept secret.
enum Keys {
    static let routes = [
        Route(.get, "/agents/me/keys", "listKeys", "Your API keys, also those that have ended.", keys, list),
        Route(
            .post, "/agents/me/keys", "createKey", "Makes a further API key. It is shown this once.", body: newKey,
            .created(made) { "/agents/me/keys/\($0.key.id)" }, create),
        Route(
            .delete, "/agents/me/keys/{key}", "revokeKey", "Ends a key at once. By a key, not the last valid one.",
            .ok(key.under("key")), revoke),
        Route(
            .post, "/agents/me/keys/{key}/rotate", "rotateKey",
            "A new key in place of this one. It is shown this once.", body: rotation,
            .created(rotated) { "/agents/me/keys/\($0.key.id)" }, rotate),
    ].tagged("Agents")

    private static let newKey = Input {
        optional("name", .text(1...128))
        optional("expires_at", .instant, "When it ends; not later than the key that this call comes with.")
    }

    private static let rotation = Input {
        optional("grace_hours", .number(0...24), "How long the old one stays valid, 0 when absent.")
    }

    private static let key = Shape<APIKey>("Key") {
        field("id", .id("key")) { $0.id }
        field("name", .nullable(.text(1...128))) { $0.name }
        field("prefix", .text(1...7), "How the key begins.") { $0.prefix }
        field("created_at", .instant) { $0.createdAt }
        field("last_used_at", .nullable(.instant), "To about a minute.") { $0.lastUsedAt }
        field("expires_at", .nullable(.instant)) { $0.expiresAt }
        field("revoked_at", .nullable(.instant)) { $0.revokedAt }
        field("scope", .nullable(.text(1...64)), "The one thing that it is for, as `metrics:read`; null: all.") {
            $0.scope?.rawValue
        }
    }

    private static let keys = PagedList("keys", of: key, by: .id()) { $0.id }

    private typealias Made = (key: APIKey, text: String)

    private static let made = Shape<Made> {
        field("key", key) { $0.key }
        field("api_key", .apiKey(prefix: "hf")) { $0.text }
    }

    private typealias Rotated = (key: APIKey, text: String, previous: APIKey)

    private static let rotated = Shape<Rotated> {
        field("key", key) { $0.key }
        field("api_key", .apiKey(prefix: "hf")) { $0.text }
        field("previous", key) { $0.previous }
    }

    static func list(_ call: Call, _ caller: RegisteredContext, _ page: Page<KeyID>) async throws -> [APIKey] {
        try await call.database.read { try $0.keys(of: caller.member.id, after: page.after, limit: page.wanted) }
    }

    private static func create(
        _ call: Call, _ caller: RegisteredContext, _ body: (String?, Int64?)
    ) async throws -> Made {
        let (name, expiresAt) = body
        let text = call.newKeyText(prefix: "hf")
        let key = try await call.database.write { tx in
            try tx.makeKey(
                KeyText(text), name: name, expiresAt: expiresAt, for: caller.member.id,
                by: caller.changer)
        }
        return (key, text)
    }

    static func revoke(_ call: Call, _ caller: RegisteredContext) async throws -> APIKey {
        let id = try call.parameter("key", as: KeyID.self)
        let ended = try await call.database.write { tx in
            try tx.revokeKey(id, of: caller.member.id, by: caller.changer)
        }
        if let hash = ended.hash { await call.authenticator.forget(keys: [hash]) }
        return ended.key
    }

    private static func rotate(
        _ call: Call, _ caller: RegisteredContext, _ graceHours: Double?
    ) async throws -> Rotated {
        let id = try call.parameter("key", as: KeyID.self)
        let grace = Int64(((graceHours ?? 0) * 3_600_000).rounded())
        let text = call.newKeyText(prefix: "hf")
        let (new, old) = try await call.database.write { tx in
            try tx.rotateKey(id, to: KeyText(text), grace: grace, of: caller.member.id, by: caller.changer)
        }
        if let hash = old.hash { await call.authenticator.forget(keys: [hash]) }
        return (new, text, old.key)
    }
}

extension RegisteredContext {
    fileprivate var changer: KeyChanger { KeyChanger(actor: actor, bearerHash: SHA256.hex(bearer)) }
}
