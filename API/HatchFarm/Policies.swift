internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store
internal import Wire

/// What an owner allows on the machines that consent to it (CONTRACT 5).
enum Policies {
    static let routes = [
        Route(
            .post, "/policies", "createPolicy", "Creates a draft: the owner's next version.", body: newPolicy,
            .created(policy.under("policy")) { "/policies/\($0.id)" }, create),
        Route(.get, "/policies", "listPolicies", "Your policies, the newest version first.", policies, list),
        Route(.get, "/policies/{policy}", "showPolicy", "One of your policies.", .ok(policy.under("policy")), show),
        Route(
            .post, "/policies/{policy}/activate", "activatePolicy", "Makes a draft active; an active one stays so.",
            body: .nothing, .ok(policy.under("policy")), activate),
    ].tagged("Policies")

    private typealias NewPolicy = (String, SignedRules, String)

    /// Rules, and the JSON they came as.
    private struct SignedRules: Sendable {
        let rules: PolicyRules
        let json: JSON
    }

    private static let newPolicy = Input {
        required("owner_id", .string, "Whom the call acts for.")
        required("rules", signedRules)
        required(
            "signature", .signature,
            "By the bearer credential, over `owner_id|` and the rules as sent, or their sorted compact form.")
    }

    private static let signedRules = Input(PolicyRules.schema) { json throws(FieldError) in
        SignedRules(rules: try PolicyRules(Fields(json)), json: json)
    }

    private static let policy = Shape<Policy>("Policy") {
        field("id", .id("pol")) { $0.id }
        field("owner_id", .owner) { $0.owner }
        field("version", .integer(1...Int64.max)) { $0.version }
        field("state", .choice) { $0.isActive ? PolicyState.active : .draft }
        field("rules", Shape<String>(PolicyRules.schema) { $1.raw($0) }) { $0.rules }
        field("created_at", .instant) { $0.createdAt }
        field("activated_at", .nullable(.instant)) { $0.activatedAt }
    }

    private enum PolicyState: String, CaseIterable { case draft, active }

    private static let policies = PagedList("policies", of: policy, by: .integer) { $0.version }

    private static func create(_ call: Call, _ member: MemberContext, _ body: NewPolicy) async throws -> Policy {
        let (owner, rules, signature) = body
        try member.require(owner)
        let sent = RawJSON.slice(ofTopLevelKey: "rules", in: try await call.body().bytes) ?? []
        let forms = [sent, rules.json.bytes(.sortedCompact)[...]]
        guard
            forms.contains(where: { form in
                SignedMessage.policy(owner: member.owner, rules: form).isSigned(signature, key: member.bearer)
            })
        else { throw Refusal.badSignature }
        return try await call.database.write { tx in
            try tx.createPolicy(
                owner: member.owner, actor: member.actor, rules: rules.rules, text: rules.json.text(.compact))
        }
    }

    static func list(_ call: Call, _ member: MemberContext, _ page: Page<Int64>) async throws -> [Policy] {
        try await call.database.read { try $0.policies(of: member.owner, before: page.after, limit: page.wanted) }
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Policy {
        let id = try call.parameter("policy", as: PolicyID.self)
        let policy = try await call.database.read { try $0.policy(id) }
        guard let policy, policy.owner == member.owner else { throw Refusal.notFound("policy") }
        return policy
    }

    static func activate(_ call: Call, _ member: MemberContext, _ nothing: Void) async throws -> Policy {
        let id = try call.parameter("policy", as: PolicyID.self)
        return try await call.database.write {
            try $0.activatePolicy(id, owner: member.owner, actor: member.actor)
        }
    }
}
