internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store
internal import Wire

/// What binds a machine to a policy: without it there is no heartbeat and no claim (CONTRACT 5).
enum Consents {
    static let routes = [
        Route(
            .post, "/consents", "createConsent",
            "Binds a machine to an active policy; the standing consent if there is one already.", body: newConsent,
            .created(consent.under("consent")) { "/consents/\($0.id)" }, create),
        Route(.get, "/consents", "listConsents", "The consents of your machines, revoked ones too.", consents, list),
        Route(
            .post, "/consents/{consent}/revoke", "revokeConsent",
            "Ends a consent: no further claim or heartbeat; running jobs are told to stop.", body: .nothing,
            .ok(consent.under("consent")), revoke),
    ].tagged("Consents")

    private typealias NewConsent = (String, MachineID, PolicyID, String)

    private static let newConsent = Input {
        required("owner_id", .string, "Whom the call acts for.")
        required("worker_id", Format<MachineID>.id())
        required("policy_id", Format<PolicyID>.id())
        required("signature", .signature, "By the bearer credential, over `owner_id|worker_id|policy_id`.")
    }

    private static let consent = Shape<Consent>("Consent") {
        field("id", .id("con")) { $0.id }
        field("owner_id", .owner) { $0.owner }
        field("worker_id", .id("wrk")) { $0.worker }
        field("policy_id", .id("pol")) { $0.policy }
        field("created_at", .instant) { $0.createdAt }
        field("revoked_at", .nullable(.instant)) { $0.revokedAt }
    }

    private typealias Place = (MachineID, ConsentID)

    private static let consents = PagedList<Consent, Place>(
        "consents", of: consent, by: .pair(.id(), .id())
    ) { ($0.worker, $0.id) }

    private static func create(
        _ call: Call, _ member: MemberContext, _ body: NewConsent
    ) async throws -> Consent {
        let (owner, worker, policy, signature) = body
        try member.require(owner)
        let message = SignedMessage.consent(owner: member.owner, worker: worker, policy: policy)
        guard message.isSigned(signature, key: member.bearer) else { throw Refusal.badSignature }
        return try await call.database.write { tx in
            try tx.createConsent(owner: member.owner, actor: member.actor, worker: worker, policy: policy)
        }
    }

    private static func list(
        _ call: Call, _ member: MemberContext, _ page: Page<Place>
    ) async throws -> [Consent] {
        try await call.database.read {
            try $0.consents(
                of: member.owner, after: page.after.map { (worker: $0.0, consent: $0.1) }, limit: page.wanted)
        }
    }

    static func revoke(_ call: Call, _ member: MemberContext, _ nothing: Void) async throws -> Consent {
        try await call.dependencies.broker.revokeConsent(
            try call.parameter("consent", as: ConsentID.self), owner: member.owner, actor: member.actor)
    }
}

extension Format where Value == String {
    /// Standard base64 of HMAC-SHA256.
    static var signature: Format {
        Format(.string(WireLimits.wordCharacters, pattern: "^[A-Za-z0-9+/]+={0,2}$").example("c2lnbmVk")) {
            $1.string($0)
        } read: { json throws(FieldError) in
            try text(WireLimits.wordCharacters).read(json)
        }
    }
}
