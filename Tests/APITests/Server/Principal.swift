import API
import Bytes
import Domain
import Store
import Support
import Testing

/// Whoever may call. What is called is always a thing of `own`'s.
enum Principal: String, Sendable {
    case none
    /// A bearer that never was a credential.
    case garbage
    /// `own`'s key with another digit.
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

    /// The token of `own`'s login.
    case ownByLogin
    case otherByLogin
    case otherByLoginAsOwn
    /// `own`'s token with another letter.
    case alteredLogin
    /// A token from before `own`'s password was changed.
    case endedLogin
    /// Properly signed, of a while ago.
    case expiredLogin
    /// What `own`'s token says, by the algorithm `none`.
    case unsignedLogin

    /// The columns of the matrix, in their order.
    static let columns: [Principal] = [
        .none, .garbage, .altered, .revoked, .expired, .other, .own, .admin, .queenbee, .operatorAlone, .operatorForOwn,
        .operatorForOther, .machine, .otherMachine, .alteredMachine, .otherAsOwn,
    ]

    /// Those that get what another column states: a login's token speaks for its member as a key does.
    static let alike: [(Principal, as: Principal)] = [
        (.ownByLogin, .own), (.otherByLogin, .other), (.otherByLoginAsOwn, .otherAsOwn), (.alteredLogin, .altered),
        (.endedLogin, .revoked), (.expiredLogin, .expired), (.unsignedLogin, .garbage),
    ]
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
        own = try await Self.member("maya", plane)
        other = try await Self.member("noor", plane)
        worker = try await plane.worker(of: own)
        otherWorker = try await plane.worker(of: other)
        let admin = try await plane.agent("Ada")
        let queenbee = "bhv_" + Hex.encode(World.live.random(24))
        try await plane.dependencies.database.write { tx in
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
        let logins = try await Self.logins(plane)
        let bearers: [Principal: String] = [
            .garbage: "not-a-credential", .altered: Self.altered(own.key), .revoked: revoked.key, .expired: expired.key,
            .other: other.key, .own: own.key, .admin: admin.key, .queenbee: queenbee, .otherAsOwn: other.key,
            .operatorAlone: ControlPlane.operatorToken, .operatorForOwn: ControlPlane.operatorToken,
            .operatorForOther: ControlPlane.operatorToken,
        ]
        keys = bearers.merging(logins) { $1 }
    }

    /// For `ControlPlane.run`: what the tokens of logins are signed with, and those of the gateway's customers.
    static var secret: Setting {
        Setting { configuration in
            configuration.tokenSecrets = [Array(Forger.secret.utf8)]
            GatewayLab.customers.apply(&configuration)
        }
    }

    /// A member with a login and a key.
    private static func member(_ name: String, _ plane: ControlPlane) async throws -> Caller {
        let id = try await plane.user(name)
        return Caller(owner: id, key: try await furtherKey(of: .operator(for: id), plane, [:]).key)
    }

    private static func logins(_ plane: ControlPlane) async throws -> [Principal: String] {
        let ended = try await plane.token("maya")
        let hash = try #require(Password.hash("a new one"))
        plane.clock.advance(milliseconds: 2_000)
        try await plane.dependencies.database.write { try $0.changePassword(of: "maya", hash: hash) }
        let (own, other) = (try await plane.token("maya", "a new one"), try await plane.token("noor"))
        var expired = Forger("maya")
        expired.set("iat", JSON(World.live.now() / 1_000 - 1_860))
        expired.set("exp", JSON(World.live.now() / 1_000 - 60))
        var unsigned = Forger("maya")
        unsigned.header = ["alg": "none", "typ": "JWT"]
        return [
            .ownByLogin: own, .otherByLogin: other, .otherByLoginAsOwn: other, .alteredLogin: altered(own),
            .endedLogin: ended, .expiredLogin: expired.token, .unsignedLogin: unsigned.message + ".",
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
        // Not the last letter: of base64 it may hold bits that don't count.
        let end = secret.dropLast(2)
        return String(end.dropLast()) + (end.hasSuffix("0") ? "1" : "0") + secret.suffix(2)
    }

    /// The bearer's text, with which policies and consents are signed.
    func key(of principal: Principal) -> String { keys[principal] ?? "" }

    func headers(of principal: Principal) -> [(String, String)] {
        let bearer = keys[principal].map { [("Authorization", "Bearer \($0)")] } ?? []
        return switch principal {
        case .operatorForOwn, .otherAsOwn, .otherByLoginAsOwn: bearer + [("X-Owner-ID", own.owner)]
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
