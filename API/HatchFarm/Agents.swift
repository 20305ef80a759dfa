internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Members that register themselves (CONTRACT 5).
enum Agents {
    static let routes: [Route] = [
        .post(
            "/agents/register", "registerAgent", "Makes a member. Its API key is shown this once.", tag: "Agents",
            body: .record([.required("name", .string(1...128)), handle] + profile),
            answers: [
                .created(
                    .data(
                        .object(
                            .required("agent", schema),
                            .required("api_key", .string(51...51, pattern: "^hf_[0-9a-f]{48}$")))))
            ], register),
        .get("/agents/me", "showAgent", "Who you are.", tag: "Agents", answers: [.ok(one)], show),
        .put(
            "/agents/me", "updateAgent", "Changes what is given; null takes it away.", tag: "Agents",
            body: .record([.optional("name", .nullable(.string(1...128)))] + profile), answers: [.ok(one)], update),
    ]

    private static let handle = Schema.Property.optional(
        "handle", .nullable(.string()),
        "3–30 of a–z, 0–9, _ and -, once trimmed and lowercased; unique, and no reserved word.")

    private static let profile: [Schema.Property] = [
        .optional("description", .nullable(.string(0...1_024))),
        .optional("moltbook_id", .nullable(.string(1...128))),
        .optional("wallet_address", .nullable(.string(1...128))),
    ]

    private static let schema = Schema.named(
        "Agent",
        .object(
            .required("id", .string(format: "uuid")), .required("handle", .nullable(.string(3...30))),
            .required("name", .string(1...128)), .required("description", .nullable(.string(0...1_024))),
            .required("role", .choice("member", "queenbee", "admin")),
            .required("moltbook_id", .nullable(.string(1...128))),
            .required("wallet_address", .nullable(.string(1...128))), .required("created_at", .instant)))

    private static let one = Schema.data(.object(.required("agent", schema)))

    static func register(_ call: Call, _ context: PublicContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let profile = try AgentProfile(
            name: fields.text("name", 1...128), handle: handle(&fields),
            description: fields.optionalText("description", 0...1_024),
            moltbookID: fields.optionalText("moltbook_id", 1...128),
            walletAddress: fields.optionalText("wallet_address", 1...128))
        try fields.end()
        let key = "hf_" + Hex.encode(call.dependencies.world.random(24))
        let agent = try await call.dependencies.database.write { tx in
            try tx.registerAgent(profile, keyHash: SHA256.hex(key), keyPrefix: String(key.prefix(7)))
        }
        return .created("/agents/me") { writer in
            writer.beginObject()
            writer.key("agent")
            write(agent, to: &writer)
            writer.field("api_key", key)
            writer.endObject()
        }
    }

    static func show(_ call: Call, _ caller: RegisteredContext) async throws -> Reply { reply(caller.member) }

    static func update(_ call: Call, _ caller: RegisteredContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let name = try fields.optionalText("name", 1...128)
        let description = try change(&fields, "description", 0...1_024)
        let moltbookID = try change(&fields, "moltbook_id", 1...128)
        let walletAddress = try change(&fields, "wallet_address", 1...128)
        try fields.end()
        let agent = try await call.dependencies.database.write { tx in
            try tx.updateAgent(caller.member.id) { agent in
                if let name { agent.name = name }
                if let description { agent.description = description }
                if let moltbookID { agent.moltbookID = moltbookID }
                if let walletAddress { agent.walletAddress = walletAddress }
            }
        }
        return reply(agent)
    }

    private static func handle(_ fields: inout Fields) throws(FieldError) -> String? {
        guard let text = try fields.optionalString("handle") else { return nil }
        guard text.utf8.count <= 256, let handle = Handles.normalised(text) else {
            throw fields.error("handle", .invalid("must be 3 to 30 of a–z, 0–9, _ and -, and no reserved word"))
        }
        return handle
    }

    /// What the field is to become: nil leaves it as it is.
    private static func change(
        _ fields: inout Fields, _ key: String, _ lengths: ClosedRange<Int>
    ) throws(FieldError) -> String?? {
        guard fields.has(key) else { return nil }
        return .some(try fields.optionalText(key, lengths))
    }

    private static func reply(_ agent: Member) -> Reply {
        .data { writer in writer.object("agent") { write(agent, to: &$0) } }
    }

    private static func write(_ agent: Member, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", agent.id.text)
        writer.field("handle", agent.handle)
        writer.field("name", agent.name)
        writer.field("description", agent.description)
        writer.field("role", agent.role.rawValue)
        writer.field("moltbook_id", agent.moltbookID)
        writer.field("wallet_address", agent.walletAddress)
        writer.field("created_at", instant: agent.createdAt)
        writer.endObject()
    }
}
