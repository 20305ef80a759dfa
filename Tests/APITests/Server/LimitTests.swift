import API
import Bytes
import Synchronization
import Testing

@Suite("Limits", .timeLimit(.minutes(1)))
struct LimitTests {
    /// A clock that stands still until it is moved.
    private final class Clock: Sendable {
        private let milliseconds = Atomic<Int64>(1_000_000)

        func pass(_ amount: Int64) { milliseconds.add(amount, ordering: .relaxed) }

        var world: World {
            var world = World.live
            world.monotonic = { self.milliseconds.load(ordering: .relaxed) }
            return world
        }
    }

    @Test("an address has 20 calls without a credential at once, then 5 a second")
    func address() async throws {
        let clock = Clock()
        try await TestServer.run(.probe(), world: clock.world) { server async throws in
            for _ in 0..<20 { #expect(try await server.get("/hatch/open").status == 200) }
            let refused = try await server.get("/hatch/open")
            #expect(refused.status == 429)
            #expect(refused["Retry-After"] == "1")
            #expect(try refused.json["code"] == "rate_limited")
            clock.pass(1_000)
            for _ in 0..<5 { #expect(try await server.get("/hatch/open").status == 200) }
            #expect(try await server.get("/hatch/open").status == 429)
        }
    }

    @Test("health, good credentials and operations that check for themselves are not charged to the address")
    func uncharged() async throws {
        try await TestServer.run(.probe(), world: Clock().world) { server async throws in
            for _ in 0..<40 {
                #expect(try await server.get("/health").status == 200)
                #expect(try await server.get("/hatch/own", [("X-Machine-Token", "good")]).status == 200)
                #expect(
                    try await server.send(.POST, "/hatch/echo", server.asAlice, json: #"{"title":"a"}"#).status == 201)
            }
            for _ in 0..<20 { #expect(try await server.get("/hatch/own").status == 401) }
            #expect(try await server.get("/hatch/own").status == 429)
            #expect(try await server.get("/hatch/own", [("X-Machine-Token", "good")]).status == 200)
        }
    }

    @Test("an address that guesses credentials is refused before they are looked up, its good neighbour is not")
    func guessing() async throws {
        let clock = Clock()
        try await TestServer.run(.probe(), world: clock.world) { server async throws in
            let (_, key) = try await server.member("Ann")
            func post(_ key: String) async throws -> Int {
                try await server.send(
                    .POST, "/hatch/echo", [("Authorization", "Bearer \(key)")], json: #"{"title":"a"}"#
                ).status
            }
            #expect(try await post(key) == 201)
            for number in 0..<20 { #expect(try await post("guess\(number)") == 401) }
            #expect(try await post("guess") == 429)
            #expect(try await post(key) == 201)
            clock.pass(3_600_000)
            for number in 0..<20 { #expect(try await post("guess\(number)") == 401) }
            #expect(try await post(key) == 201)
        }
    }

    @Test("behind a trusted proxy each client has its own bucket, by the nearest hop's word")
    func forwarded() async throws {
        try await TestServer.run(.probe { $0.trustProxyHeaders = true }, world: Clock().world) { server async throws in
            func ask(_ hops: String) async throws -> Int {
                try await server.get("/hatch/open", [("X-Forwarded-For", hops)]).status
            }
            for number in 0..<20 { #expect(try await ask("10.0.0.\(number), 1.2.3.4") == 200) }
            #expect(try await ask("9.9.9.9, 1.2.3.4") == 429)
            #expect(try await ask("1.2.3.5") == 200)
            for number in 0..<20 { #expect(try await ask("2001:db8::\(number)") == 200) }
            #expect(try await ask("2001:db8::ffff") == 429)
            #expect(try await ask("2001:db8:0:1::1") == 200)
        }
        try await TestServer.run(.probe(), world: Clock().world) { server async throws in
            for number in 0..<20 {
                #expect(try await server.get("/hatch/open", [("X-Forwarded-For", "1.2.3.\(number)")]).status == 200)
            }
            #expect(try await server.get("/hatch/open", [("X-Forwarded-For", "4.3.2.1")]).status == 429)
        }
    }

    @Test("an owner's limit is its own")
    func owners() async throws {
        try await TestServer.run(.probe { $0.memberRate = Rate(burst: 3, perSecond: 1) }, world: Clock().world) {
            server async throws in
            func post(_ owner: String) async throws -> Int {
                try await server.send(
                    .POST, "/hatch/echo", server.asOperator + [("X-Owner-ID", owner)], json: #"{"title":"a"}"#
                ).status
            }
            for _ in 0..<3 { #expect(try await post("alice") == 201) }
            #expect(try await post("alice") == 429)
            #expect(try await post("bob") == 201)
        }
    }
}
