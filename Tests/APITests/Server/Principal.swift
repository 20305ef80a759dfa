import API
import Bytes
import Domain
import Store
import Support
import Testing

/// Whoever may call, in the order of the matrix's columns. What is called is always a thing of `own`'s.
enum Principal: String, Sendable, CaseIterable {
    case none
    /// A bearer that never was a credential.
    case garbage
    /// `own`'s key with another last digit.
    case altered
    /// A key of `own`'s that was in use until it was revoked.
    case revoked
    case expired
    /// Another member.
    case other
    /// The member whose things they are.
    case own
    case admin
    case queenbee
    /// The operator's token without `X-Owner-ID`.
    case operatorAlone
    case operatorForOwn
    case operatorForOther
    /// The token of the machine that is called, which is `own`'s.
    case machine
    /// The token of another member's machine.
    case otherMachine
    case alteredMachine
    /// The other member's key, with `own` in `X-Owner-ID`.
    case otherAsOwn
}

/// All principals, on one server.
struct Principals: Sendable {
    let plane: ControlPlane
    let own: Caller
    let other: Caller
    let worker: Worker
    private let otherWorker: Worker
    private let keys: [Principal: String]

    init(_ plane: ControlPlane) async throws {
        self.plane = plane
        (own, other) = (try await plane.agent("Maya"), try await plane.agent("Noor"))
        worker = try await plane.worker(of: own)
        otherWorker = try await plane.worker(of: other)
        let admin = try await plane.agent("Ada")
        let queenbee = "bhv_" + Hex.encode(World.live.random(24))
        try await plane.services.database.write { tx in
            _ = try tx.changeRole(of: MemberID(admin.owner), to: .admin, actor: "operator")
            _ = try tx.makeKey(
                KeyText(queenbee), name: nil, expiresAt: nil, for: Member.queenbee,
                by: KeyChanger(actor: "operator", bearerHash: nil))
        }
        let revoked = try await Self.furtherKey(of: own, plane, [:])
        #expect(try await plane.get("/agents/me", Caller(owner: own.owner, key: revoked.key)).status == 200)
        _ = try await plane.send("DELETE", "/agents/me/keys/\(revoked.id)", own.headers)
        let end = JSON.string(RFC3339.format(plane.clock.now + 60_000))
        let expired = try await Self.furtherKey(of: own, plane, ["expires_at": end])
        plane.clock.advance(by: .seconds(61))
        keys = [
            .garbage: "not-a-credential", .altered: Self.altered(own.key), .revoked: revoked.key, .expired: expired.key,
            .other: other.key, .own: own.key, .admin: admin.key, .queenbee: queenbee, .otherAsOwn: other.key,
            .operatorAlone: ControlPlane.operatorToken, .operatorForOwn: ControlPlane.operatorToken,
            .operatorForOther: ControlPlane.operatorToken,
        ]
    }

    static func furtherKey(
        of caller: Caller, _ plane: ControlPlane, _ body: JSON
    ) async throws -> (id: String, key: String) {
        let reply = try await plane.post("/agents/me/keys", caller, body)
        return (
            try #require(reply.data["key"]?["id"]?.string, "\(reply.text)"),
            try #require(reply.data["api_key"]?.string)
        )
    }

    private static func altered(_ secret: String) -> String {
        String(secret.dropLast()) + (secret.hasSuffix("0") ? "1" : "0")
    }

    /// The bearer's text, with which policies and consents are signed.
    func key(of principal: Principal) -> String { keys[principal] ?? "" }

    func headers(of principal: Principal) -> [(String, String)] {
        let bearer = keys[principal].map { [("Authorization", "Bearer \($0)")] } ?? []
        return switch principal {
        case .operatorForOwn, .otherAsOwn: bearer + [("X-Owner-ID", own.owner)]
        case .operatorForOther: bearer + [("X-Owner-ID", other.owner)]
        case .machine: [("X-Machine-Token", worker.token)]
        case .otherMachine: [("X-Machine-Token", otherWorker.token)]
        case .alteredMachine: [("X-Machine-Token", Self.altered(worker.token))]
        default: bearer
        }
    }
}

extension Caller {
    /// The same words of `own`'s, signed with what another presents.
    func signing(with key: String) -> Caller { Caller(owner: owner, key: key, headers: headers) }
}
