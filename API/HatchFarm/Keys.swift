internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A member's API keys (CONTRACT 3). What makes a key takes no `Idempotency-Key`: a kept answer would be a kept secret.
enum Keys {
    static let routes: [Route] = [
        .get(
            "/agents/me/keys", "listKeys", "Your API keys, also those that have ended.", tag: "Agents",
            query: Route.Parameter.page, answers: [.ok(.list("keys", schema))], list),
        .post(
            "/agents/me/keys", "createKey", "Makes a further API key. It is shown this once.", tag: "Agents",
            body: .object(
                .optional("name", .nullable(.string(1...128))),
                .optional(
                    "expires_at", .nullable(.instant), "When it ends; not later than the key that this call comes with."
                )
            ),
            answers: [.created(.data(.object(.required("key", schema), .required("api_key", secret))))], create),
        .delete(
            "/agents/me/keys/{key}", "revokeKey", "Ends a key at once. By a key, not the last valid one.",
            tag: "Agents", answers: [.ok(.data(.object(.required("key", schema))))], revoke),
        .post(
            "/agents/me/keys/{key}/rotate", "rotateKey", "A new key in place of this one. It is shown this once.",
            tag: "Agents",
            body: .object(
                .optional(
                    "grace_hours", .nullable(.number), "0–24: how long the old one stays valid, 0 when absent.")),
            answers: [
                .created(
                    .data(
                        .object(
                            .required("key", schema), .required("api_key", secret), .required("previous", schema))))
            ], rotate),
    ]

    private static let secret = Schema.string(51...51, pattern: "^hf_[0-9a-f]{48}$")

    private static let schema = Schema.named(
        "Key",
        .object(
            .required("id", .identifier("key")), .required("name", .nullable(.string(1...128))),
            .required("prefix", .string(1...7), "How the key begins."), .required("created_at", .instant),
            .required("last_used_at", .nullable(.instant), "To about a minute."),
            .required("expires_at", .nullable(.instant)), .required("revoked_at", .nullable(.instant))))

    static func list(_ call: Call, _ caller: RegisteredContext) async throws -> Reply {
        let page = try call.page()
        let keys = try await call.dependencies.database.read { tx in
            try tx.keys(of: caller.member.id, after: page.after.map { KeyID($0) }, limit: page.limit + 1)
        }
        return .list("keys", keys, limit: page.limit, cursor: \.id.text, write: { write($0, to: &$1) })
    }

    static func create(_ call: Call, _ caller: RegisteredContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let name = try fields.optionalText("name", 1...128)
        let expiresAt = try instant(&fields, "expires_at")
        try fields.end()
        let text = "hf_" + Hex.encode(call.dependencies.world.random(24))
        let key = try await call.dependencies.database.write { tx in
            try tx.makeKey(
                KeyText(text), name: name, expiresAt: expiresAt, for: caller.member.id, by: caller.changer)
        }
        return .created("/agents/me/keys/\(key.id)") { writer in
            writer.beginObject()
            writer.key("key")
            write(key, to: &writer)
            writer.field("api_key", text)
            writer.endObject()
        }
    }

    static func revoke(_ call: Call, _ caller: RegisteredContext) async throws -> Reply {
        let id = call.parameter("key", as: KeyID.self)
        let ended = try await call.dependencies.database.write { tx in
            try tx.revokeKey(id, of: caller.member.id, by: caller.changer)
        }
        if let hash = ended.hash { await call.authenticator.forget(keys: [hash]) }
        return .data { writer in writer.object("key") { write(ended.key, to: &$0) } }
    }

    static func rotate(_ call: Call, _ caller: RegisteredContext) async throws -> Reply {
        let id = call.parameter("key", as: KeyID.self)
        let body = try await call.body()
        var grace = 0.0
        if !body.isEmpty {
            var fields = try body.fields()
            grace = try fields.optionalDouble("grace_hours", in: 0...24) ?? 0
            try fields.end()
        }
        let milliseconds = Int64((grace * 3_600_000).rounded())
        let text = "hf_" + Hex.encode(call.dependencies.world.random(24))
        let (new, old) = try await call.dependencies.database.write { tx in
            try tx.rotateKey(
                id, to: KeyText(text), grace: milliseconds, of: caller.member.id, by: caller.changer)
        }
        if let hash = old.hash { await call.authenticator.forget(keys: [hash]) }
        return .created("/agents/me/keys/\(new.id)") { writer in
            writer.beginObject()
            writer.key("key")
            write(new, to: &writer)
            writer.field("api_key", text)
            writer.key("previous")
            write(old.key, to: &writer)
            writer.endObject()
        }
    }

    private static func instant(_ fields: inout Fields, _ key: String) throws(FieldError) -> Int64? {
        guard let text = try fields.optionalString(key) else { return nil }
        guard let instant = RFC3339.parse(text) else {
            throw fields.error(key, .invalid("must be an RFC 3339 time, as 2026-01-31T12:00:00Z"))
        }
        return instant
    }

    private static func write(_ key: APIKey, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", key.id.text)
        writer.field("name", key.name)
        writer.field("prefix", key.prefix)
        writer.field("created_at", instant: key.createdAt)
        writer.field("last_used_at", instant: key.lastUsedAt)
        writer.field("expires_at", instant: key.expiresAt)
        writer.field("revoked_at", instant: key.revokedAt)
        writer.endObject()
    }
}

extension RegisteredContext {
    fileprivate var changer: KeyChanger { KeyChanger(actor: actor, bearerHash: SHA256.hex(bearer)) }
}
