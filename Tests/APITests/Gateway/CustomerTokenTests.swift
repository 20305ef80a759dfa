import API
import Bytes
import Support
import Testing

/// Customers' tokens are another issuer's, with whom we share a secret (CONTRACT 3 and 6).
@Suite("Customers' tokens", .timeLimit(.minutes(2)))
struct CustomerTokenTests {
    private struct Token: Sendable {
        let name: String
        let make: @Sendable (inout Forger) -> Void

        init(_ name: String, _ make: @escaping @Sendable (inout Forger) -> Void) {
            self.name = name
            self.make = make
        }
    }

    /// What the list of devices answers to whoever has this bearer.
    private func ask(_ lab: GatewayLab, _ bearer: String) async throws -> PlaneReply {
        try await lab.plane.send("GET", "/customer/devices", [("Authorization", "Bearer \(bearer)")])
    }

    private static let bad: [Token] = [
        Token("no exp") { $0.set("exp", nil) }, Token("exp as text") { $0.set("exp", "9999999999") },
        Token("exp null") { $0.set("exp", .null) }, Token("exp true") { $0.set("exp", true) },
        Token("exp 0") { $0.set("exp", 0) }, Token("exp an object") { $0.set("exp", [:]) },
        Token("exp of a day ago, with a fraction") { $0.set("exp", .number("1700000000.5")) },
        Token("exp beyond integers") { $0.set("exp", .number("1e400")) },
        Token("no aud") { $0.set("aud", nil) }, Token("another aud") { $0.set("aud", "anon") },
        Token("our logins' aud") { $0.set("aud", "hatchfarm-api") },
        Token("aud in capitals") { $0.set("aud", "AUTHENTICATED") }, Token("aud null") { $0.set("aud", .null) },
        Token("aud a list of others") { $0.set("aud", ["anon", "hatchfarm-api"]) },
        Token("aud an empty list") { $0.set("aud", []) },
        Token("aud in a list of lists") { $0.set("aud", [["authenticated"]]) },
        Token("no sub") { $0.set("sub", nil) }, Token("sub empty") { $0.set("sub", "") },
        Token("sub null") { $0.set("sub", .null) }, Token("sub 7") { $0.set("sub", 7) },
        Token("sub with a blank") { $0.set("sub", "a b") }, Token("sub in Norwegian") { $0.set("sub", "åse") },
        Token("sub of 129") { $0.set("sub", .string(String(repeating: "a", count: 129))) },
        Token("sub of a path") { $0.set("sub", "../acme") },
        Token("alg none") { $0.header = ["alg": "none", "typ": "JWT"] },
        Token("alg HS512") { $0.header = ["alg": "HS512", "typ": "JWT"] },
        Token("alg HS384") { $0.header = ["alg": "HS384", "typ": "JWT"] },
        Token("alg RS256") { $0.header = ["alg": "RS256", "typ": "JWT"] },
        Token("alg in lower case") { $0.header = ["alg": "hs256"] }, Token("no alg") { $0.header = ["typ": "JWT"] },
        Token("a critical extension") { $0.header = ["alg": "HS256", "crit": ["x"], "x": 1] },
        Token("another secret") { $0.key = Array("another secret, which is of more than 32 bytes".utf8) },
        Token("an empty secret") { $0.key = [] },
        Token("our logins' secret") { $0.key = Array(Forger.secret.utf8) },
        Token("the operator's token as secret") { $0.key = Array(ControlPlane.operatorToken.utf8) },
        Token("a claim twice") { $0.claims.append(.init("sub", "globex")) }, Token("no claims") { $0.claims = [] },
    ]

    @Test("one that isn't a customer's is 401, whatever is wrong with it", arguments: TestDatabase.all)
    func bad(on database: TestDatabase) async throws {
        try await GatewayLab.run(database, .set(\.tokenSecrets, [Array(Forger.secret.utf8)])) { lab in
            _ = try await lab.enroll()
            for bad in Self.bad {
                let reply = try await ask(lab, lab.token(of: .acme, bad.make))
                #expect(reply.says == "401 UNAUTHORIZED", "\(bad.name): \(reply.text)")
                #expect(reply["WWW-Authenticate"] == "Bearer", "\(bad.name)")
                let made = try await lab.plane.send(
                    "POST", "/customer/devices/provision",
                    [("Authorization", "Bearer \(lab.token(of: .acme, bad.make))")],
                    bytes: Array(#"{"deviceId":"forged"}"#.utf8))
                #expect(made.status == 401, "\(bad.name)")
            }
            #expect(try await lab.devices(of: .acme) == "1 of 1: edge-1 offline")
        }
    }

    @Test("nor is one of another form", arguments: TestDatabase.all)
    func forms(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let good = Forger(customer: .acme, now: lab.now / 1_000)
            let parts = good.token.split(separator: ".").map(String.init)
            var longer = good
            longer.header = ["alg": "HS384", "typ": "JWT"]
            var unsigned = good
            unsigned.header = ["alg": "none", "typ": "JWT"]
            for token in [
                "", "x", "a.b.c", "..", parts[1], "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[1]).",
                "\(parts[1]).\(parts[0]).\(parts[2])", good.token + ".x", good.token + "A", "\(unsigned.message).",
                good.sealed([UInt8](repeating: 0, count: 32)), good.sealed(SHA256.hash(good.message)),
                String(good.token.dropLast(2)), try await longer.longer(), ControlPlane.operatorToken,
            ] {
                #expect(try await ask(lab, token).says == "401 UNAUTHORIZED", "\(token)")
            }
            for headers: [(String, String)] in [
                [], [("Authorization", good.token)], [("Authorization", "Basic \(good.token)")],
                [("X-Device-Token", good.token)], [("Cookie", "token=\(good.token)")],
            ] {
                let reply = try await lab.plane.send("GET", "/customer/devices", headers)
                #expect(reply.says == "401 UNAUTHORIZED", "\(headers)")
            }
            let query = try await lab.plane.send("GET", "/customer/devices?token=\(good.token)")
            #expect(query.says == "401 UNAUTHORIZED", "that is for sockets")
            try lab.must(await ask(lab, good.token))
        }
    }

    @Test("names its customer: customer_id, else sub", arguments: TestDatabase.all)
    func customers(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            _ = try await lab.enroll("edge-1")
            _ = try await lab.enroll("edge-2", of: .globex)
            func first(_ change: (inout Forger) -> Void) async throws -> String? {
                let reply = try await ask(lab, lab.token(of: Customer(id: "user-1"), change))
                return reply.status == 200
                    ? reply.json["devices"]?.array?.first?["id"]?.string ?? "none" : reply.says
            }
            #expect(try await first { $0.set("sub", "acme") } == "edge-1")
            #expect(try await first { $0.set("customer_id", "globex") } == "edge-2")
            #expect(try await first { $0.set("customer_id", "nobody") } == "none")
            #expect(try await first { $0.set("customer_id", "a b") } == "401 UNAUTHORIZED")
            #expect(try await first { $0.set("customer_id", 7) } == "401 UNAUTHORIZED")
            let only = try await first { forger in
                forger.set("sub", nil)
                forger.set("customer_id", "acme")
            }
            #expect(only == "edge-1", "the customer is named, so nothing is missing")
        }
    }

    @Test("is good whatever else it says, until it ends", arguments: TestDatabase.all)
    func good(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            _ = try await lab.enroll()
            for token in [
                Token("as issued") { _ in }, Token("service_role") { $0.set("role", "service_role") },
                Token("no role") { $0.set("role", nil) }, Token("no iat") { $0.set("iat", nil) },
                Token("no typ") { $0.header = ["alg": "HS256"] },
                Token("aud in a list") { $0.set("aud", ["authenticated"]) },
                Token("two auds") { $0.set("aud", ["anon", "authenticated"]) },
                Token("what the issuer adds") { forger in
                    forger.set("iss", "https://x.supabase.co/auth/v1")
                    forger.set("email", "a@b.example")
                    forger.set("app_metadata", ["provider": "email", "providers": ["email"]])
                    forger.set("session_id", "0190b5f0-0000-7000-8000-000000000001")
                    forger.set("is_anonymous", false)
                },
                Token("a kid") { $0.header = ["alg": "HS256", "kid": "abc", "typ": "JWT"] },
            ] {
                let reply = try await ask(lab, lab.token(of: .acme, token.make))
                #expect(reply.status == 200, "\(token.name): \(reply.text)")
            }
            let token = lab.token(of: .acme)
            try lab.must(await ask(lab, token))
            try await lab.pass(.seconds(3_540))
            try lab.must(await ask(lab, token))
            try await lab.pass(.seconds(61))
            #expect(try await ask(lab, token).says == "401 UNAUTHORIZED", "it ended")
        }
    }

    @Test("of a role that is no customer's is 403", arguments: TestDatabase.all)
    func roles(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for role in ["anon", "admin", "Authenticated", ""] as [JSON] {
                let token = lab.token(of: .acme) { $0.set("role", role) }
                #expect(try await ask(lab, token).says == "403 FORBIDDEN", "\(role.text())")
                let reply = try await lab.plane.send(
                    "POST", "/customer\(device.path)/suspend", [("Authorization", "Bearer \(token)")])
                #expect(reply.says == "403 FORBIDDEN", "\(role.text())")
            }
            try lab.must(await lab.beat(device))
        }
    }

    @Test("without the secret every customer's call is 401", arguments: TestDatabase.all)
    func unset(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let lab = GatewayLab(plane: plane)
            var empty = Forger(customer: .acme, now: lab.now / 1_000)
            empty.key = []
            for token in [lab.token(of: .acme), empty.token] {
                #expect(try await ask(lab, token).says == "401 UNAUTHORIZED")
            }
            #expect(try await lab.upgrade("/ws/customer?token=\(empty.token)").status == 401)
        }
    }

    @Test("is worth nothing elsewhere, and nobody else's is worth anything here", arguments: TestDatabase.all)
    func elsewhere(on database: TestDatabase) async throws {
        try await GatewayLab.run(database, .set(\.tokenSecrets, [Array(Forger.secret.utf8)])) { lab in
            let member = try await lab.plane.agent("acme")
            let login = try await lab.plane.signedIn("ann")
            for caller in [member, login, Caller.alice] {
                let reply = try await lab.plane.send("GET", "/customer/devices", caller.headers)
                #expect(reply.says == "401 UNAUTHORIZED", "\(reply.text)")
            }
            let device = try await lab.enroll()
            for bearer in [lab.token(of: .acme), lab.token(of: Customer(id: member.owner)), device.token] {
                for path in ["/jobs", "/agents/me", "/wallet/balance", "/machines"] {
                    let headers = [("Authorization", "Bearer \(bearer)")]
                    #expect(try await lab.plane.send("GET", path, headers).status == 401, "\(path)")
                }
            }
        }
    }
}
