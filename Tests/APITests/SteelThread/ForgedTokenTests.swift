import API
import Bytes
import Support
import Testing

/// Tokens that nobody was given, each tried on an endpoint that reads and on one that writes.
@Suite("Forged tokens", .timeLimit(.minutes(2)))
struct ForgedTokenTests {
    struct Forgery: Sendable, CustomTestStringConvertible {
        let name: String
        let make: @Sendable (Forger) throws -> String
        var testDescription: String { name }

        /// A token that is changed before it is signed.
        static func changed(_ name: String, _ change: @escaping @Sendable (inout Forger) -> Void) -> Forgery {
            Forgery(name: name) { forger in
                var forger = forger
                change(&forger)
                return forger.token
            }
        }

        /// A token whose parts are put together in another way.
        static func built(_ name: String, _ build: @escaping @Sendable (Forger, [String]) -> String) -> Forgery {
            Forgery(name: name) { build($0, $0.token.split(separator: ".").map(String.init)) }
        }
    }

    private static let attacker = Array("an attacker's own secret of more than 32 bytes".utf8)

    private static let headers: [Forgery] = [
        .changed("alg None") { $0.header = ["alg": "None", "typ": "JWT"] },
        .changed("alg NONE") { $0.header = ["alg": "NONE"] },
        .changed("alg empty") { $0.header = ["alg": ""] },
        .changed("alg null") { $0.header = ["alg": .null] },
        .changed("alg in a list") { $0.header = ["alg": ["HS256"]] },
        .changed("alg with a blank") { $0.header = ["alg": "HS256 "] },
        .changed("alg HS512") { $0.header = ["alg": "HS512", "typ": "JWT"] },
        .changed("alg ES256") { $0.header = ["alg": "ES256", "typ": "JWT"] },
        .changed("alg EdDSA") { $0.header = ["alg": "EdDSA", "typ": "JWT"] },
        .changed("alg PS256") { $0.header = ["alg": "PS256", "typ": "JWT"] },
        .changed("typ of an id token") { $0.header = ["alg": "HS256", "typ": "id_token+jwt"] },
        .changed("typ 7") { $0.header = ["alg": "HS256", "typ": 7] },
        .changed("no critical extension, but the word") { $0.header = ["alg": "HS256", "crit": []] },
        .changed("kid of a file") { $0.header = ["alg": "HS256", "kid": "../../../dev/null"] },
        .changed("kid of SQL") { $0.header = ["alg": "HS256", "kid": "x' UNION SELECT 'k'--"] },
        .changed("kid empty") { $0.header = ["alg": "HS256", "kid": ""] },
        .changed("a header that is text") { $0.header = "HS256" },
        .changed("its own key in the header") {
            $0.key = attacker
            $0.header = [
                "alg": "HS256", "jwk": ["kty": "oct", "k": .string(Base64.encodeURL(attacker))],
            ]
        },
        .changed("a place to fetch the key from") {
            $0.key = attacker
            $0.header = ["alg": "HS256", "jku": "https://evil.example/keys"]
        },
    ]

    private static let keys: [Forgery] = [
        .changed("the word secret as key") { $0.key = Array("secret".utf8) },
        .changed("the issuer as key") { $0.key = Array("hatchfarm".utf8) },
        .changed("zeros as key") { $0.key = [UInt8](repeating: 0, count: 32) },
        .changed("the secret without its end") { $0.key.removeLast() },
        .changed("the secret's digest as key") { $0.key = SHA256.hash(Forger.secret) },
        .changed("the operator's token as key") { $0.key = Array(ControlPlane.operatorToken.utf8) },
        .built("a digest without a key") { forger, _ in forger.sealed(SHA256.hash(forger.message)) },
        .built("a signature of zeros") { forger, _ in forger.sealed([UInt8](repeating: 0, count: 32)) },
        .built("a signature of the payload alone") { forger, parts in
            forger.sealed(HMACSHA256.sign(key: forger.key, message: Array(parts[1].utf8)))
        },
        .built("half a signature") { forger, _ in
            forger.sealed(Array(HMACSHA256.sign(key: forger.key, message: Array(forger.message.utf8)).prefix(16)))
        },
        .built("a signature twice") { forger, _ in
            let signature = HMACSHA256.sign(key: forger.key, message: Array(forger.message.utf8))
            return forger.sealed(signature + signature)
        },
        .built("a signature in hex") { forger, parts in
            let signature = HMACSHA256.sign(key: forger.key, message: Array(forger.message.utf8))
            return "\(parts[0]).\(parts[1]).\(Hex.encode(signature))"
        },
        .built("the signature of another payload") { forger, parts in
            var other = forger
            other.set("exp", JSON(World.live.now() / 1_000 + 60))
            return other.message + "." + parts[2]
        },
    ]

    private static let claims: [Forgery] = [
        .changed("exp true") { $0.set("exp", true) }, .changed("exp an object") { $0.set("exp", [:]) },
        .changed("exp 0") { $0.set("exp", 0) }, .changed("exp -1") { $0.set("exp", -1) },
        .changed("exp with a fraction") { $0.set("exp", .number("\(World.live.now() / 1_000 + 60).5")) },
        .changed("exp of the largest integer") { $0.set("exp", JSON(Int64.max)) },
        .changed("exp beyond integers") { $0.set("exp", .number("99999999999999999999")) },
        .changed("exp in milliseconds") { $0.set("exp", JSON(World.live.now() + 1_800_000)) },
        .changed("iat null") { $0.set("iat", .null) }, .changed("iat -1") { $0.set("iat", -1) },
        .changed("aud null") { $0.set("aud", .null) }, .changed("aud nothing") { $0.set("aud", []) },
        .changed("aud in capitals") { $0.set("aud", "HATCHFARM-API") },
        .changed("iss null") { $0.set("iss", .null) }, .changed("iss in capitals") { $0.set("iss", "HatchFarm") },
        .changed("iss in a list") { $0.set("iss", ["hatchfarm"]) },
        .changed("sub null") { $0.set("sub", .null) }, .changed("sub empty") { $0.set("sub", "") },
        .changed("sub queenbee") { $0.set("sub", "queenbee") }, .changed("sub operator") { $0.set("sub", "operator") },
        .changed("sub of SQL") { $0.set("sub", "x' OR '1'='1") },
        .changed("member empty") { $0.set("member", "") }, .changed("member 7") { $0.set("member", 7) },
        .changed("epoch as text") { $0.set("epoch", "0") }, .changed("no claims") { $0.claims = [] },
        .changed("a claim twice") { $0.claims.append(.init("sub", "queenbee")) },
    ]

    private static let forms: [Forgery] = [
        .built("no signature") { _, parts in "\(parts[0]).\(parts[1])." },
        .built("two parts") { _, parts in "\(parts[0]).\(parts[1])" },
        .built("four parts") { _, parts in parts.joined(separator: ".") + "." + parts[2] },
        .built("five parts, as encrypted") { _, parts in (parts + parts.prefix(2)).joined(separator: ".") },
        .built("parts swapped") { _, parts in "\(parts[1]).\(parts[0]).\(parts[2])" },
        .built("no header") { _, parts in ".\(parts[1]).\(parts[2])" },
        .built("dots") { _, _ in ".." }, .built("words") { _, _ in "header.payload.signature" },
        .built("padding") { _, parts in "\(parts[0])=.\(parts[1]).\(parts[2])" },
        .built("the payload alone") { _, parts in parts[1] },
        .built("as JSON") { _, parts in
            #"{"payload":"\#(parts[1])","protected":"\#(parts[0])","signature":"\#(parts[2])"}"#
        },
        .built("alg none without a signature") { forger, _ in
            var forger = forger
            forger.header = ["alg": "none", "typ": "JWT"]
            return forger.message + "."
        },
        .built("a message of more than 4,096 bytes") { forger, _ in
            var forger = forger
            forger.set("padding", .string(String(repeating: "x", count: 4_096)))
            return forger.token
        },
    ]

    private static var all: [Forgery] {
        headers + keys + claims + forms
            + LoginTokenTests.claimFlaws.map { name, change in Forgery.changed("\(name), as of logins", change) }
    }

    @Test("none of more than 60 is accepted, and none has an effect")
    func none() async throws {
        let secret = Array(Forger.secret.utf8)
        try await ControlPlane.run(.sqlite, .set(\.tokenSecrets, [secret])) { plane async throws in
            try await plane.user("ann")
            let forger = Forger("ann")
            let good = Caller(owner: "", key: forger.token)
            #expect(try await plane.get("/collab/state/tasks", good).status == 200)
            var tokens: Set<String> = []
            for forgery in Self.all {
                let token = try forgery.make(forger)
                tokens.insert(token)
                let caller = Caller(owner: "", key: token)
                let read = try await plane.get("/collab/state/tasks", caller)
                #expect(read.status == 401, "\(forgery.name)")
                #expect(read.error?["message"] == "Could not validate credentials", "\(forgery.name)")
                #expect(read["WWW-Authenticate"] == "Bearer" && read["ETag"] == nil)
                let written = try await plane.post("/collab/tasks", caller, ControlPlane.content)
                #expect(written.status == 401, "\(forgery.name)")
            }
            #expect(tokens.count >= 100 && !tokens.contains(forger.token))
            #expect(try await plane.taskCount() == 0)
            #expect(try await plane.get("/collab/state/tasks", good).status == 200)
        }
    }
}
