import API
import AsyncHTTPClient
import Bytes
import NIOCore
import NIOHTTP1
import Store
import Support
import Testing

/// Somebody with a browser who signs in to a farm by an issuer's word.
struct Visitor {
    static let farm = "https://farm.example"

    let plane: ControlPlane

    /// Where the start sends the browser, and the cookie it sets.
    func start() async throws -> (address: String, cookie: String) {
        let reply = try await plane.send("GET", "/auth/oidc/test/start", base: "")
        #expect(reply.status == 302, "\(reply.text)")
        let cookie = try #require(reply["Set-Cookie"]?.split(separator: ";").first)
        return (try #require(reply["Location"]), String(cookie))
    }

    /// The farm's path that the issuer sends the browser back to.
    func consent(_ address: String) async throws -> String {
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
        do {
            let response = try await client.execute(HTTPClientRequest(url: address), timeout: .seconds(30))
            let back = try #require(response.headers.first(name: "Location"), "\(response.status)")
            try await client.shutdown()
            #expect(back.hasPrefix(Self.farm + "/auth/oidc/test/callback?"))
            return String(back.dropFirst(Self.farm.count))
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    func end(_ path: String, _ cookie: String?) async throws -> PlaneReply {
        try await plane.send("GET", path, cookie.map { [("Cookie", $0)] } ?? [], base: "")
    }

    /// From the start to the end.
    func signIn() async throws -> PlaneReply {
        let (address, cookie) = try await start()
        return try await end(try await consent(address), cookie)
    }

    /// The member of a sign-in that has to succeed.
    func member() async throws -> JSON {
        let reply = try await signIn()
        let token = try #require(reply.json["access_token"]?.string, "\(reply.text)")
        let me = try await plane.get("/agents/me", Caller(owner: "", key: token))
        return try #require(me.data["agent"], "\(me.text)")
    }

    func countMembers() async throws -> Int64? {
        try await plane.dependencies.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM members") { try $0.integer() }
        }
    }
}

extension ControlPlane {
    /// A farm that takes the word of an issuer.
    static func run(
        _ database: TestDatabase, by issuer: TestIssuer, clock: TestClock = TestClock(),
        patience: Duration = .seconds(5), oracle: OracleSettings = OracleSettings(),
        _ body: (Visitor) async throws -> Void
    ) async throws {
        var world = World.live
        world.now = { clock.now }
        world.monotonic = { World.live.monotonic() + clock.offset }
        world.sleep = { try await World.live.sleep($0 == .seconds(5) ? patience : $0) }
        try await run(
            database, .set(\.issuers, [issuer.settings]), .set(\.publicURL, Visitor.farm),
            .set(\.tokenSecrets, [Array(Forger.secret.utf8)]), .set(\.oracle, oracle), GatewayLab.customers,
            world: world
        ) { plane in try await body(Visitor(plane: plane)) }
    }
    /// A farm, and the issuer whose word it takes.
    static func runWithIssuer(
        _ database: TestDatabase, oracle: OracleSettings = OracleSettings(), _ body: (Visitor) async throws -> Void
    ) async throws {
        try await TestIssuer.run { issuer async throws in
            try await run(database, by: issuer, oracle: oracle) { visitor async throws in try await body(visitor) }
        }
    }
}
