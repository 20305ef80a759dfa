internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Baptism: devices that are verified vouch for others (CONTRACT 8).
enum Baptisms {
    static let routes = [
        Route.signed(
            "/baptism", "actOnBaptism", "Asks to be baptized, endorses another device, or takes that back.",
            .ok(outcome), daily: .baptism, act),
        Route(
            .get, "/baptism", "showBaptism", "Who vouches for a device, or with pending=true who asks for it.",
            query: [InklingShapes.keyParameter.parameter, pending.parameter] + endorsements.parameters, .ok(view),
            show),
    ].tagged("Baptism")

    private enum Act: SignedPayload {
        case request(message: String?)
        case endorse(InklingKey, message: String?)
        case revoke(InklingKey)

        private enum Action: String, CaseIterable { case request, endorse, revoke }

        static let signed = Input {
            required("action", Format<Action>.choice)
            optional("target_public_key", InklingShapes.key, "Of whom to endorse, or not any more.")
            optional("message", InklingShapes.message)
        }
        .map { action, target, message throws(FieldError) in
            guard action != .request else { return Act.request(message: message) }
            guard let target else { throw FieldError("target_public_key", .missing) }
            return action == .endorse ? .endorse(target, message: message) : .revoke(target)
        }
        .signed
    }

    private struct Outcome: Sendable {
        let message: String
        let baptism: Baptism
    }

    private static let outcome = Shape<Outcome> {
        field("message", .string) { $0.message }
        field("endorsement_count", InklingShapes.count) { $0.baptism.endorsements }
        field("needed", InklingShapes.count) { _ in Baptism.needed }
        field("baptized", .boolean) { $0.baptism.isVerified }
        field("trust_score", .number()) { $0.baptism.score }
    }

    private static func act(_ call: Call, _ caller: SignedContext<Act>) -> Effect<Outcome> {
        Effect { tx in
            switch caller.payload {
            case .request(let message):
                let baptism = try tx.requestBaptism(of: caller.key, message: message)
                return Outcome(
                    message: baptism.isVerified ? "Already baptized" : "Baptism requested", baptism: baptism)
            case .endorse(let target, let message):
                let (baptism, isNew) = try tx.endorse(target, by: caller.key, message: message)
                return Outcome(message: isNew ? "Endorsement recorded" : "Already endorsed", baptism: baptism)
            case .revoke(let target):
                let (baptism, isNew) = try tx.revokeEndorsement(of: target, by: caller.key)
                return Outcome(message: isNew ? "Endorsement revoked" : "There was no endorsement", baptism: baptism)
            }
        }
    }

    // MARK: Reading

    private static let pending = InklingShapes.flag("pending", "Those who ask for it instead.")

    private struct Standing: Sendable {
        let inkling: Inkling
        let baptism: Baptism
        let page: CutPage<Endorsement>
    }

    private static let endorsement = Shape<Endorsement>("Endorsement") {
        field("endorser_name", .string) { $0.endorserName }
        field("endorser_public_key", InklingShapes.key) { $0.endorser }
        field("trust_level", .integer(1...Baptism.topLevel)) { $0.level }
        field("message", .nullable(.string)) { $0.message }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let standing = Shape<Standing> {
        field("device_name", .string) { $0.inkling.name }
        field("public_key", InklingShapes.key) { $0.inkling.key }
        field("is_verified", .boolean) { $0.baptism.isVerified }
        field("status", .choice) { $0.baptism.status }
        field("endorsement_count", InklingShapes.count) { $0.baptism.endorsements }
        field("needed", InklingShapes.count) { _ in Baptism.needed }
        field("trust_score", .number()) { $0.baptism.score }
        field("threshold", .number()) { _ in Baptism.threshold }
        field("endorsements", .array(endorsement)) { $0.page.items }
        field("next_cursor", .nullable(.string)) { $0.page.next }
    }

    private static let request = Shape<BaptismRequest>("BaptismRequest") {
        field("public_key", InklingShapes.key) { $0.key }
        field("device_name", .string) { $0.name }
        field("message", .nullable(.string)) { $0.message }
        field("endorsement_count", InklingShapes.count) { $0.baptism.endorsements }
        field("trust_score", .number()) { $0.baptism.score }
        field("requested_at", .instant) { $0.requestedAt }
    }

    private static let endorsements = PagedList(
        "endorsements", of: endorsement, by: .text, limit: InklingShapes.limit
    ) { $0.id }
    private static let requests = PagedList("pending", of: request, by: .text, limit: InklingShapes.limit) { $0.id }

    private enum View: Sendable {
        case standing(Standing)
        case pending(CutPage<BaptismRequest>)
    }

    private static let view = Shape<View>(.either([standing.schema, requests.success.shape.schema])) { view, writer in
        switch view {
        case .standing(let value): standing.write(value, &writer)
        case .pending(let page): requests.success.shape.write(page, &writer)
        }
    }

    private static func show(_ call: Call, _ anyone: PublicContext) async throws -> View {
        guard try !(call.query[pending] ?? false) else {
            // Not asked for, but wrong all the same.
            _ = try call.query[InklingShapes.keyParameter]
            let page = try call.page(of: requests)
            let found = try await call.database.read { tx in
                try tx.baptismRequests(before: page.after, limit: page.wanted)
            }
            return .pending(requests.cut(found, to: page))
        }
        let (key, page) = (try call.askedInkling, try call.page(of: endorsements))
        return try await call.database.read { tx in
            let inkling = try tx.knownInkling(key)
            let found = try tx.endorsements(of: key, before: page.after, limit: page.wanted)
            return .standing(
                Standing(
                    inkling: inkling, baptism: try tx.baptism(of: key), page: endorsements.cut(found, to: page)))
        }
    }
}
