internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// What binds a machine to a policy: without it there is no heartbeat and no claim (CONTRACT 5).
enum Consents {
    static let routes: [Route] = [
        .post(
            "/consents", "createConsent",
            "Binds a machine to an active policy; the standing consent if there is one already.", tag: "Consents",
            body: .object(
                .required("owner_id", .owner, "Whom the call acts for."), .required("worker_id", .string(1...128)),
                .required("policy_id", .string(1...128)),
                .required(
                    "signature", .signature, "By the bearer credential, over `owner_id|worker_id|policy_id`.")),
            answers: [.created(one)], create),
        .get(
            "/consents", "listConsents", "The consents of your machines, revoked ones too.", tag: "Consents",
            query: Route.Parameter.page, answers: [.ok(.list("consents", schema))], list),
        .post(
            "/consents/{consent}/revoke", "revokeConsent",
            "Ends a consent: no further claim or heartbeat; running jobs are told to stop.", tag: "Consents",
            answers: [.ok(one)], revoke),
    ]

    private static let schema = Schema.named(
        "Consent",
        .object(
            .required("id", .identifier("con")), .required("owner_id", .owner),
            .required("worker_id", .identifier("wrk")), .required("policy_id", .identifier("pol")),
            .required("created_at", .instant), .required("revoked_at", .nullable(.instant))))

    private static let one = Schema.data(.object(.required("consent", schema)))

    static func create(_ call: Call, _ member: MemberContext) async throws -> Reply {
        var fields = try await call.body().fields()
        let owner = try fields.string("owner_id")
        let worker = try fields.text("worker_id", 1...128)
        let policy = try fields.text("policy_id", 1...128)
        let signature = try fields.text("signature", 1...128)
        try fields.end()
        try member.require(owner)
        let message = Array("\(owner)|\(worker)|\(policy)".utf8)
        guard let tag = Base64.decode(signature),
            HMACSHA256.verify(tag, key: Array(member.bearer.utf8), message: message)
        else { throw Refusal.badSignature }
        let consent = try await call.dependencies.database.write { tx in
            try tx.createConsent(
                owner: member.owner, actor: member.actor, worker: MachineID(worker), policy: PolicyID(policy))
        }
        return .created("/consents/\(consent.id)") { writer in writer.object("consent") { write(consent, to: &$0) } }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let after = try page.after.map(place)
        let consents = try await call.dependencies.database.read { tx in
            try tx.consents(of: member.owner, after: after, limit: page.limit + 1)
        }
        return .list(
            "consents", consents, limit: page.limit, cursor: { "\($0.worker)|\($0.id)" },
            write: { write($0, to: &$1) })
    }

    static func revoke(_ call: Call, _ member: MemberContext) async throws -> Reply {
        try await call.body().expectNothing()
        let consent = try await call.dependencies.broker.revokeConsent(
            call.parameter("consent", as: ConsentID.self), owner: member.owner, actor: member.actor)
        return .data { writer in writer.object("consent") { write(consent, to: &$0) } }
    }

    /// Where the page before ended.
    private static func place(_ cursor: String) throws(FieldError) -> (worker: MachineID, consent: ConsentID) {
        let parts = cursor.split(separator: "|")
        guard parts.count == 2 else { throw FieldError("cursor", .invalid("is not one that this list gave")) }
        return (MachineID(String(parts[0])), ConsentID(String(parts[1])))
    }

    private static func write(_ consent: Consent, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", consent.id.text)
        writer.field("owner_id", consent.owner.text)
        writer.field("worker_id", consent.worker.text)
        writer.field("policy_id", consent.policy.text)
        writer.field("created_at", instant: consent.createdAt)
        writer.field("revoked_at", instant: consent.revokedAt)
        writer.endObject()
    }
}
