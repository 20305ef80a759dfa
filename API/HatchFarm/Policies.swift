internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What an owner allows on the machines that consent to it (CONTRACT 5).
enum Policies {
    static let routes: [Route] = [
        .post(
            "/policies", "createPolicy", "Creates a draft: the owner's next version.", tag: "Policies",
            body: .object(
                .required("owner_id", .owner, "Whom the call acts for."), .required("rules", PolicyRules.schema),
                .required(
                    "signature", .signature,
                    "By the bearer credential, over `owner_id|` and the rules as sent, or their sorted compact form.")),
            answers: [.created(one)], create),
        .get(
            "/policies", "listPolicies", "Your policies, the newest version first.", tag: "Policies",
            query: Route.Parameter.page, answers: [.ok(.list("policies", schema))], list),
        .get("/policies/{policy}", "showPolicy", "One of your policies.", tag: "Policies", answers: [.ok(one)], show),
        .post(
            "/policies/{policy}/activate", "activatePolicy", "Makes a draft active; an active one stays so.",
            tag: "Policies", answers: [.ok(one)], activate),
    ]

    private static let schema = Schema.named(
        "Policy",
        .object(
            .required("id", .identifier("pol")), .required("owner_id", .owner),
            .required("version", .integer(1...Int64.max)), .required("state", .choice("draft", "active")),
            .required("rules", PolicyRules.schema), .required("created_at", .instant),
            .required("activated_at", .nullable(.instant))))

    private static let one = Schema.data(.object(.required("policy", schema)))

    static func create(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let owner = try fields.string("owner_id")
        let json = try fields.raw("rules")
        let rules = try PolicyRules(Fields(json, path: "rules"))
        let signature = try fields.text("signature", 1...128)
        try fields.end()
        try member.require(owner)
        guard
            isSigned(
                signature, key: member.bearer, owner: owner,
                forms: [RawJSON.slice(ofTopLevelKey: "rules", in: body.bytes) ?? [], json.bytes(.sortedCompact)[...]])
        else { throw Refusal.badSignature }
        let policy = try await call.dependencies.database.write { tx in
            try tx.createPolicy(owner: member.owner, actor: member.actor, rules: rules, text: json.text(.compact))
        }
        return .created("/policies/\(policy.id)") { writer in writer.object("policy") { write(policy, to: &$0) } }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let before = page.after.map { Int64($0) }
        if before == .some(nil) { throw FieldError("cursor", .invalid("is not one that this list gave")) }
        let policies = try await call.dependencies.database.read { tx in
            try tx.policies(of: member.owner, before: before ?? nil, limit: page.limit + 1)
        }
        return .list(
            "policies", policies, limit: page.limit, cursor: { String($0.version) },
            write: { write($0, to: &$1) })
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("policy", as: PolicyID.self)
        let policy = try await call.dependencies.database.read { try $0.policy(id) }
        guard let policy, policy.owner == member.owner else { throw Refusal.notFound("policy") }
        return reply(policy)
    }

    static func activate(_ call: Call, _ member: MemberContext) async throws -> Reply {
        try await call.body().expectNothing()
        let id = call.parameter("policy", as: PolicyID.self)
        return try await reply(
            call.dependencies.database.write { try $0.activatePolicy(id, owner: member.owner, actor: member.actor) })
    }

    /// Whether the signature is that of `owner_id|` and the rules in one of the forms.
    private static func isSigned(
        _ signature: String, key: String, owner: String, forms: [ArraySlice<UInt8>]
    ) -> Bool {
        guard let tag = Base64.decode(signature) else { return false }
        return forms.contains { form in
            HMACSHA256.verify(tag, key: Array(key.utf8), message: Array("\(owner)|".utf8) + form)
        }
    }

    private static func reply(_ policy: Policy) -> Reply {
        .data { writer in writer.object("policy") { write(policy, to: &$0) } }
    }

    private static func write(_ policy: Policy, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", policy.id.text)
        writer.field("owner_id", policy.owner.text)
        writer.field("version", policy.version)
        writer.field("state", policy.isActive ? "active" : "draft")
        writer.key("rules")
        writer.raw(policy.rules)
        writer.field("created_at", instant: policy.createdAt)
        writer.field("activated_at", instant: policy.activatedAt)
        writer.endObject()
    }
}
