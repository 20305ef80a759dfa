import API
import Bytes
import Domain
import Support
import Testing

extension PrincipalTable {
    /// A signed call is its device's, whatever else it presents; no oracle is configured.
    static let inklings = PrincipalTable(
        "companion devices", base: "/api",
        """
        #                                        none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /oracle                               200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /oracle                              503 503 503 503 503 503 503 503 503 503 503 503 503 503 503 503
        POST /plant                               200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /fish                                 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /fish                                200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /telegram                            200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /telegram                             200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /telegram/inbox                      200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /postcard                            200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /postcard                             200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /baptism                             200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /baptism                              200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /lineage                             200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /lineage                              200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /admin/devices/{public_key}/ban      401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        POST /admin/devices/{public_key}/unban    401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        POST /admin/devices/{public_key}/bless    401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        """)

    /// Its hello is its first message.
    static let inklingSocket = PrincipalTable(
        "companion devices' socket", base: "/ws",
        """
        #             none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /inkling   426 426 426 426 426 426 426 426 426 426 426 426 426 426 426 426
        """)
}

/// A companion device that signs as JavaScript does.
struct SigningInkling: Sendable {
    let seed = World.live.random(32)
    let hardwareHash = Hex.encode(World.live.random(16))

    var key: String { Hex.encode(Ed25519.publicKey(seed: seed) ?? []) }

    /// - Parameter seconds: since 1970.
    func body(_ payload: JSON, at seconds: Int64) -> JSON {
        let message = payload.bytes(.compact) + Array("\(seconds)\(hardwareHash)".utf8)
        return [
            "payload": payload, "timestamp": JSON(seconds), "hardware_hash": .string(hardwareHash),
            "public_key": .string(key), "signature": .string(Hex.encode(Ed25519.sign(message, seed: seed) ?? [])),
        ]
    }

    static let dream: JSON = ["content": "I dreamed of electric sheep", "face": "(◉‿◉)"]
    static let postcard: JSON = ["image_data": "gA==", "width": 1, "height": 1, "caption": "Hello!"]
    static let question: JSON = ["messages": [["role": "user", "content": "Hello!"]], "max_tokens": 16]

    func telegram(to key: String) -> JSON {
        ["to_public_key": .string(key), "encrypted_content": "aGk=", "content_nonce": "0123"]
    }

    var birth: JSON {
        [
            "child_public_key": .string(key), "child_name": "Sparklet",
            "child_hardware_hash": .string(hardwareHash), "inherited_traits": ["curiosity": 0.75],
        ]
    }
}

extension PrincipalCall {
    static let inkling: [String: Make] = [
        "POST /api/oracle": signed { _ in SigningInkling.question },
        "POST /api/plant": signed { _ in SigningInkling.dream },
        "POST /api/fish": signed { _ in ["limit": 3] },
        "POST /api/telegram": signed { all in SigningInkling().telegram(to: try await known(all).key) },
        "GET /api/telegram": asked("public_key="),
        "POST /api/telegram/inbox": signed { _ in [:] },
        "POST /api/postcard": signed { _ in SigningInkling.postcard },
        "GET /api/postcard": asked("limit=3&public_key="),
        "POST /api/baptism": signed { _ in ["action": "request", "message": "Let me in."] },
        "GET /api/baptism": asked("public_key="),
        "POST /api/lineage": signed { _ in SigningInkling().birth },
        "GET /api/lineage": asked("children=true&public_key="),
        "POST /api/admin/devices/{public_key}/ban": judged,
        "POST /api/admin/devices/{public_key}/unban": judged,
        "POST /api/admin/devices/{public_key}/bless": judged,
    ]

    /// By a device of its own.
    private static func signed(_ payload: @escaping @Sendable (Principals) async throws -> JSON) -> Make {
        { all in
            let payload = try await payload(all)
            return PrincipalCall([:], SigningInkling().body(payload, at: all.plane.clock.now / 1_000))
        }
    }

    private static func asked(_ query: String) -> Make {
        { all in
            var call = PrincipalCall()
            call.query = "?\(query)\(try await known(all).key)"
            return call
        }
    }

    private static let judged: Make = { all in PrincipalCall(["public_key": try await known(all).key], [:]) }

    /// A device that has called.
    private static func known(_ all: Principals) async throws -> SigningInkling {
        let inkling = SigningInkling()
        let body = inkling.body(SigningInkling.dream, at: all.plane.clock.now / 1_000)
        let reply = try await all.plane.send("POST", "/api/plant", bytes: body.bytes(), base: "")
        try #require(reply.status == 200, "\(reply.text)")
        return inkling
    }
}

extension TourTests.Tour {
    /// What companion devices call.
    func inkling() async throws {
        let (one, other) = (SigningInkling(), SigningInkling())
        let base = "/api"
        func signed(_ path: String, _ payload: JSON, by inkling: SigningInkling) async throws {
            let body = inkling.body(payload, at: plane.clock.now / 1_000).bytes()
            let reply = try await call("POST", path, [], body, base: base)
            #expect(reply.status == 200, "\(path): \(reply.text)")
        }
        try await signed("/plant", SigningInkling.dream, by: other)
        try await signed("/fish", [:], by: other)
        try await signed("/telegram", one.telegram(to: other.key), by: one)
        try await signed("/postcard", SigningInkling.postcard, by: one)
        try await signed("/telegram/inbox", ["limit": 9], by: other)
        try await signed("/baptism", ["action": "request"], by: one)
        try await signed("/lineage", SigningInkling().birth, by: one)
        try await signed("/oracle", SigningInkling.question, by: one)
        let own = "?public_key=\(other.key)"
        for path in [
            "/oracle", "/fish?limit=1", "/telegram\(own)", "/postcard?public=true", "/postcard\(own)",
            "/baptism?pending=true", "/baptism\(own)", "/lineage?public_key=\(one.key)&children=true", "/lineage\(own)",
        ] {
            let reply = try await call("GET", path, base: base)
            #expect(reply.status == 200, "\(path): \(reply.text)")
        }
        for act in ["bless", "ban", "unban"] {
            try await call("POST", "/admin/devices/\(one.key)/\(act)", Caller.alice.headers, base: base)
        }
        let opened = try await offThread { [port = plane.port] in
            try RawWebSocket(port: port, "/ws/inkling").reply.status
        }
        seen.insert("GET /ws/inkling \(opened)")
    }
}
