import API
import Bytes
import Engine
import Store
import Support
import Testing

@Suite("Keys over HTTP", .timeLimit(.minutes(2)))
struct KeyTests {
    private func key(_ reply: PlaneReply, of caller: Caller) throws -> (id: String, caller: Caller) {
        let text = try #require(reply.data["api_key"]?.string, "\(reply.text)")
        return (try #require(reply.data["key"]?["id"]?.string), Caller(owner: caller.owner, key: text))
    }

    @Test("a further key is shown once, listed without its text, and ends at once", arguments: TestDatabase.all)
    func life(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let maya = try await plane.agent("Maya")
            let made = try await plane.post("/agents/me/keys", maya, ["name": "laptop"])
            #expect(made.status == 201 && made.data["key"]?["name"] == "laptop")
            let (id, laptop) = try key(made, of: maya)
            #expect(id.wholeMatch(of: #/key_[0-9a-f]{16}/#) != nil)
            let listed = try await plane.get("/agents/me/keys", laptop)
            #expect(listed.data["keys"]?.array?.count == 2)
            #expect(!listed.text.contains(laptop.key) && !listed.text.contains(SHA256.hex(laptop.key)))
            for _ in 0..<2 {
                let ended = try await plane.send("DELETE", "/agents/me/keys/\(id)", maya.headers)
                #expect(ended.status == 200 && ended.data["key"]?["revoked_at"]?.string != nil)
                #expect(try await plane.get("/agents/me", laptop).outcome == "401 unauthorized")
            }
            #expect(try await plane.get("/agents/me", maya).status == 200)
            let none = try await plane.send("DELETE", "/agents/me/keys/key_none", maya.headers)
            #expect(none.outcome == "404 not_found")
            let events = try await plane.get("/audit/events", maya).data["events"]?.array ?? []
            let types = events.compactMap { $0["type"]?.string }.filter { $0.hasPrefix("api_key") }
            #expect(types == ["api_key_created", "api_key_revoked"])
            #expect(!events.contains { $0.text().contains(laptop.key) })
        }
    }

    @Test("a rotated key gives way at once, or after its grace", arguments: TestDatabase.all)
    func rotate(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let maya = try await plane.agent("Maya")
            let first = try await plane.get("/agents/me/keys", maya).data["keys"]?.array?.first?["id"]?.string ?? ""
            let (second, next) = try key(try await plane.post("/agents/me/keys/\(first)/rotate", maya), of: maya)
            #expect(try await plane.get("/agents/me", maya).status == 401)
            #expect(try await plane.get("/agents/me", next).status == 200)
            let slow = try await plane.post("/agents/me/keys/\(second)/rotate", next, ["grace_hours": 1.5])
            #expect(
                slow.data["previous"]?["revoked_at"] == .null && slow.data["previous"]?["expires_at"]?.string != nil)
            let (_, last) = try key(slow, of: maya)
            for caller in [next, last] { #expect(try await plane.get("/agents/me", caller).status == 200) }
            plane.clock.advance(by: .seconds(5_401))
            try await eventually("the grace is over", within: .seconds(10)) {
                try await plane.get("/agents/me", next).status == 401
            }
            #expect(try await plane.get("/agents/me", last).status == 200)
            #expect(try await plane.post("/agents/me/keys/\(second)/rotate", last).outcome == "409 wrong_state")
            for hours in [-1, 24.5, "1"] as [JSON] {
                let reply = try await plane.post("/agents/me/keys/\(second)/rotate", last, ["grace_hours": hours])
                #expect(reply.outcome == "400 invalid_field", "\(hours)")
            }
        }
    }

    @Test("a key is 401 from the moment that it ends, also when it was in use until then")
    func expiry() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let maya = try await plane.agent("Maya")
            let end = plane.clock.now + 5_000
            let made = try await plane.post(
                "/agents/me/keys", maya, ["expires_at": .string(RFC3339.format(end))])
            let (_, brief) = try key(made, of: maya)
            var refusedAt: Int64?
            try await eventually("it has ended", within: .seconds(20)) {
                let before = plane.clock.now
                let status = try await plane.get("/agents/me", brief).status
                // A call that began before the end may be served after it.
                if status == 200 { #expect(before <= end) } else { refusedAt = refusedAt ?? plane.clock.now }
                return status == 401
            }
            let firstRefused = try #require(refusedAt)
            #expect(firstRefused >= end)
        }
    }

    @Test("the operator makes and ends a member's keys, also the last one, and has none of an owner who is no member")
    func `operator`() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let maya = try await plane.agent("Maya")
            let inHerName = Caller.operator(for: maya.owner)
            let ids = try await plane.get("/agents/me/keys", inHerName).data["keys"]?.array?.compactMap {
                $0["id"]?.string
            }
            let only = try #require(ids?.first)
            let own = try await plane.send("DELETE", "/agents/me/keys/\(only)", maya.headers)
            #expect(own.outcome == "409 wrong_state")
            #expect(try await plane.send("DELETE", "/agents/me/keys/\(only)", inHerName.headers).status == 200)
            #expect(try await plane.get("/agents/me", maya).status == 401)
            let (_, again) = try key(try await plane.post("/agents/me/keys", inHerName, [:]), of: maya)
            #expect(try await plane.get("/agents/me", again).status == 200)
            for path in ["/agents/me", "/agents/me/keys"] {
                let reply = try await plane.get(path, .alice)
                #expect(reply.outcome == "404 not_found" && reply.text.contains("no registered member"))
            }
        }
    }

    @Test("a key that lasts an hour can't make itself last", arguments: TestDatabase.all)
    func bounds(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let maya = try await plane.agent("Maya")
            func at(_ milliseconds: Int64) -> JSON { .string(RFC3339.format(plane.clock.now + milliseconds)) }
            let made = try await plane.post("/agents/me/keys", maya, ["expires_at": at(3_600_000)])
            let (_, brief) = try key(made, of: maya)
            for body in [[:], ["expires_at": at(7_200_000)], ["expires_at": at(-1)], ["expires_at": "soon"]] as [JSON] {
                #expect(try await plane.post("/agents/me/keys", brief, body).outcome == "400 invalid_field", "\(body)")
            }
            let first = try await plane.get("/agents/me/keys", maya).data["keys"]?.array?.first {
                $0["expires_at"] == .null
            }
            let id = first?["id"]?.string ?? ""
            #expect(try await plane.post("/agents/me/keys/\(id)/rotate", brief).outcome == "409 wrong_state")
            #expect(try await plane.post("/agents/me/keys", brief, ["expires_at": at(60_000)]).status == 201)
        }
    }

    @Test("a key that was revoked at one server is none at the other", arguments: TestDatabase.all)
    func twoServers(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        try await ControlPlane.run(database, url: url) { first in
            try await ControlPlane.run(database, url: url) { second in
                // What is told before a server listens is lost to it.
                if database == .postgres {
                    try await eventually("both listen") { try await first.listeners() == 2 }
                }
                let maya = try await first.agent("Maya")
                let (id, lent) = try key(try await first.post("/agents/me/keys", maya, [:]), of: maya)
                #expect(try await second.get("/agents/me", lent).status == 200)
                #expect(try await first.send("DELETE", "/agents/me/keys/\(id)", maya.headers).status == 200)
                #expect(try await first.get("/agents/me", lent).status == 401)
                // PostgreSQL tells; without that it is believed for two seconds.
                let bound: Duration = database == .postgres ? .milliseconds(1_500) : .milliseconds(4_000)
                let start = ContinuousClock.now
                try await eventually("the other server knows", within: .seconds(10)) {
                    try await second.get("/agents/me", lent).status == 401
                }
                #expect(ContinuousClock.now - start < bound)
            }
        }
    }

    @Test("its last use is told to about a minute")
    func uses() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let maya = try await plane.agent("Maya")
            _ = try await plane.dependencies.keyUses.round()
            _ = try await plane.get("/agents/me", maya)
            _ = try await plane.dependencies.keyUses.round()
            let key = try await plane.get("/agents/me/keys", maya).data["keys"]?.array?.first
            let used = try #require(key?["last_used_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(abs(used - plane.clock.now) < 60_000)
        }
    }
}

extension ControlPlane {
    /// How many servers listen for what is told on their PostgreSQL database.
    fileprivate func listeners() async throws -> Int64? {
        try await dependencies.database.read { tx in
            try tx.first(
                """
                SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'
                """
            ) { try $0.integer() }
        }
    }
}
