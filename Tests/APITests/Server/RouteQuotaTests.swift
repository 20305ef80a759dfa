import API
import Bytes
import NIOHTTP1
import Store
import Support
import Synchronization
import Testing

/// The quotas that routes declare, and what callers are told of them in each system's words.
@Suite("A route's quota", .timeLimit(.minutes(2)))
struct RouteQuotaTests {
    private static let day: Int64 = 86_400_000

    /// Serves at noon, so that no day ends while a test runs; the clock moves server and database.
    private static func atNoon(
        on database: TestDatabase, _ configuration: AppConfiguration = .probe { $0.addressRate = .unlimited },
        _ body: (TestServer, TestClock) async throws -> Void
    ) async throws {
        let clock = TestClock()
        clock.advance(milliseconds: day - clock.now % day + day / 2)
        var world = World.live
        world.now = { clock.now }
        try await TestServer.run(configuration, world: world, store: try await database.open(clock: clock)) {
            server async throws in
            try await body(server, clock)
        }
    }

    /// When the day of the clock ends, in seconds since 1970.
    private static func midnight(after clock: TestClock) -> Int64 { (clock.now / day + 1) * day / 1_000 }

    /// A refusal in each of the shapes.
    private static func refusal(_ name: String, _ message: String, _ request: String, _ method: String) -> String {
        switch name {
        case "hatch": #"{"success":false,"error":"\#(message)","code":"rate_limited"}"#
        case "ink": #"{"error":"\#(message)","code":"RATE_LIMITED"}"#
        case "gate": #"{"error":{"code":"RATE_LIMITED","message":"\#(message)","details":{}}}"#
        case "bee": #"{"error":"\#(message)"}"#
        default:
            #"{"error":{"type":"http_exception","code":429,"message":"\#(message)","path":"\#(request)","#
                + #""method":"\#(method)"}}"#
        }
    }

    private static let reached = "the limit of 3 a day is reached"

    @Test(
        "of a day is told on every reply that counts, and refuses in each system's words", arguments: TestDatabase.all)
    func daily(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, clock in
            let end = Self.midnight(after: clock)
            for (name, _) in Probe.shapes {
                let owner = "\(name)-owner"
                for left in [2, 1, 0] {
                    let answer = try await server.daily("/\(name)", as: owner)
                    #expect(answer.status == 201, "\(name): \(answer.text)")
                    #expect(answer.standing == "3 \(left) \(end)", "\(name)")
                    #expect(answer["Retry-After"] == nil)
                }
                for base in ["/\(name)", "/alias/\(name)"] {
                    let refused = try await server.daily(base, as: owner)
                    #expect(refused.status == 429, "\(base)")
                    #expect(refused.text == Self.refusal(name, Self.reached, "\(base)/daily", "POST"))
                    #expect(refused.standing == "3 0 \(end)", "\(base)")
                    let wait = try #require(refused["Retry-After"].flatMap { Int64($0) }, "\(base)")
                    #expect((end - clock.now / 1_000 - 1...end - clock.now / 1_000 + 60).contains(wait), "\(wait)")
                }
            }
        }
    }

    @Test(
        "of a day doesn't count what was refused, broken or rolled back, and such a call leaves nothing",
        arguments: TestDatabase.all)
    func uncounted(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, clock in
            let end = Self.midnight(after: clock)
            let before = try await DatabaseContents.read(server.dependencies.database)
            func fail() async throws {
                for (title, status) in [("fail", 409), ("bug", 500), ("", 400)] {
                    let answer = try await server.daily("/hatch", as: "alice", title)
                    #expect(answer.status == status, "\(title): \(answer.text)")
                    #expect(answer.standing == "none", "\(title)")
                }
                let unknown = try await server.send(.POST, "/hatch/daily", json: #"{"title":"a"}"#)
                #expect(unknown.status == 401)
                #expect(unknown.standing == "none")
            }
            for _ in 0..<2 { try await fail() }
            #expect(try await DatabaseContents.read(server.dependencies.database).differences(from: before) == [])
            for left in [2, 1, 0] {
                #expect(try await server.daily("/hatch", as: "alice").standing == "3 \(left) \(end)")
                if left > 0 { try await fail() }
            }
            let full = try await DatabaseContents.read(server.dependencies.database)
            #expect(full.differences(from: before) == ["daily_counts"])
            for title in ["a", "fail", "bug"] {
                #expect(try await server.daily("/hatch", as: "alice", title).status == 429, "\(title)")
            }
            #expect(try await DatabaseContents.read(server.dependencies.database) == full)
        }
    }

    @Test(
        "of a day is each member's own, however it signs in, and one for all operations that share its name",
        arguments: TestDatabase.all)
    func members(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, _ in
            for base in ["/hatch", "/ink", "/alias/bee"] {
                #expect(try await server.daily(base, as: "alice").status == 201)
            }
            for (name, _) in Probe.shapes {
                #expect(try await server.daily("/\(name)", as: "alice").status == 429, "\(name)")
            }
            #expect(try await server.daily("/hatch", as: "bob").json["owner"] == "bob")
            let (id, key) = try await server.member("Ann")
            for status in [201, 201, 201, 429] {
                let answer = try await server.send(
                    .POST, "/hatch/daily", [("Authorization", "Bearer \(key)")], json: #"{"title":"a"}"#)
                #expect(answer.status == status)
            }
            #expect(try await server.daily("/hatch", as: id).status == 429)
            #expect(try await server.daily("/hatch", as: "bob").standing.hasPrefix("3 1 "))
        }
    }

    @Test("of a day is there again with the next day of UTC, and not before", arguments: TestDatabase.all)
    func nextDay(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, clock in
            let end = Self.midnight(after: clock)
            for _ in 0..<3 { #expect(try await server.daily("/hatch", as: "alice").status == 201) }
            clock.advance(by: .seconds(11 * 3_600))
            let refused = try await server.daily("/hatch", as: "alice")
            #expect(refused.status == 429)
            #expect(refused.standing == "3 0 \(end)")
            #expect(try (3_480...3_600).contains(#require(refused["Retry-After"].flatMap { Int($0) })))
            clock.advance(by: .seconds(3_600))
            for left in [2, 1, 0] {
                let answer = try await server.daily("/hatch", as: "alice")
                #expect(answer.status == 201)
                #expect(answer.standing == "3 \(left) \(end + 86_400)")
            }
            #expect(try await server.daily("/hatch", as: "alice").status == 429)
        }
    }

    @Test("of a day lets exactly as many through when they come at once", arguments: TestDatabase.all)
    func together(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, clock in
            let end = Self.midnight(after: clock)
            let answers = try await server.atOnce(20) { _ in try await server.daily("/hatch", as: "alice") }
            let done = answers.filter { $0.status == 201 }
            #expect(done.map(\.standing).sorted() == ["3 0 \(end)", "3 1 \(end)", "3 2 \(end)"])
            #expect(answers.count { $0.status == 429 && $0.standing == "3 0 \(end)" } == 17)
            // Those that are rolled back beside them take nobody's place.
            let mixed = try await server.atOnce(20) { number in
                try await server.daily("/hatch", as: "bob", ["a", "fail", "bug"][number % 3])
            }
            #expect(mixed.count { $0.status == 201 } == 3, "\(mixed.map(\.status))")
            #expect(Set(mixed.map(\.status)).isSubset(of: [201, 409, 429, 500]))
        }
    }

    @Test(
        "of a day and of a window: a repeated call counts in the window only, and the one used up first is told",
        arguments: TestDatabase.all)
    func both(on database: TestDatabase) async throws {
        let configuration = AppConfiguration.probe {
            $0.addressRate = .unlimited
            $0.taskQuota = Quota(limit: 7, seconds: 10_000)
        }
        try await Self.atNoon(on: database, configuration) { server, clock in
            let end = Self.midnight(after: clock)
            @Sendable func call(_ key: String) async throws -> Answer {
                try await server.send(
                    .POST, "/hatch/both", server.asAlice + [("Idempotency-Key", key)], json: #"{"title":"a"}"#)
            }
            let first = try await call("k1")
            #expect(first.status == 201)
            #expect(first.standing == "2 1 \(end)")
            let again = try await call("k1")
            #expect(again.text == first.text)
            #expect(again.standing.hasPrefix("7 5 "))
            #expect(try await call("k2").standing == "2 0 \(end)")
            let refused = try await call("k3")
            #expect(refused.status == 429)
            #expect(refused.text == Self.refusal("hatch", "the limit of 2 a day is reached", "", ""))
            #expect(refused.standing == "2 0 \(end)")
            #expect(refused["Retry-After"] != nil)
            #expect(try await call("k1").text == first.text)
            #expect(try await server.send(.POST, "/hatch/both", server.asAlice, json: "{").standing.hasPrefix("7 1 "))
            #expect(try await call("k1").standing.hasPrefix("7 0 "))
            let over = try await call("k1")
            #expect(over.status == 429)
            #expect(over.standing.hasPrefix("7 0 "))
            #expect(over.text.contains("too many requests"))
        }
    }

    @Test("of a day counts a call once that comes twenty times at once with one key", arguments: TestDatabase.all)
    func twins(on database: TestDatabase) async throws {
        try await Self.atNoon(on: database) { server, clock in
            @Sendable func call(_ key: String) async throws -> Answer {
                try await server.send(
                    .POST, "/hatch/both", server.asAlice + [("Idempotency-Key", key)], json: #"{"title":"a"}"#)
            }
            let answers = try await server.atOnce(20) { _ in try await call("k1") }
            #expect(answers.map(\.status) == Array(repeating: 201, count: 20))
            #expect(Set(answers.map(\.text)).count == 1)
            let end = Self.midnight(after: clock)
            // The others repeat it: they are told of the window alone.
            #expect(answers.map(\.standing).filter { $0.hasPrefix("2 ") } == ["2 1 \(end)"])
            #expect(try await call("k2").standing == "2 0 \(end)")
            #expect(try await call("k3").status == 429)
        }
    }

    /// Clocks that stand still until they are moved.
    private final class Clock: Sendable {
        static let start: Int64 = 1_700_000_000_000
        private let milliseconds = Atomic<Int64>(0)

        func pass(_ amount: Int64) { milliseconds.add(amount, ordering: .relaxed) }

        var world: World {
            var world = World.live
            world.monotonic = { self.milliseconds.load(ordering: .relaxed) }
            world.now = { Self.start + self.milliseconds.load(ordering: .relaxed) }
            return world
        }
    }

    private static let twoAMinute = AppConfiguration.probe {
        $0.addressRate = .unlimited
        $0.trustProxyHeaders = true
        $0.loginQuota = Quota(limit: 2, seconds: 60)
    }

    @Test("of a window begins with the first call, is told on every reply, and refuses in each system's words")
    func window() async throws {
        let clock = Clock()
        try await TestServer.run(Self.twoAMinute, world: clock.world) { server async throws in
            for (name, _) in Probe.shapes {
                clock.pass(1_000_000)
                let end = clock.world.now() / 1_000 + 60
                let (base, alias) = ("/\(name)/window", "/alias/\(name)/window")
                #expect(try await server.get(base).standing == "2 1 \(end)", "\(name)")
                clock.pass(30_000)
                let second = try await server.get(alias)
                #expect(second.status == 200)
                #expect(second.standing == "2 0 \(end)", "\(name)")
                #expect(second["Retry-After"] == nil)
                for (passing, wait) in [(0, 30), (28_999, 2), (1, 1), (999, 1)] as [(Int64, Int)] {
                    clock.pass(passing)
                    let refused = try await server.get(base)
                    #expect(refused.status == 429, "\(name) \(wait)")
                    #expect(refused["Retry-After"] == "\(wait)", "\(name)")
                    #expect(refused.standing.hasPrefix("2 0 "), "\(name)")
                    let message = "too many requests; try again in \(wait) s"
                    #expect(refused.text == Self.refusal(name, message, base, "GET"))
                }
                clock.pass(1)
                #expect(try await server.get(base).standing == "2 1 \(end + 60)", "\(name)")
            }
        }
    }

    @Test("of a window is each address's where nobody is known, and each member's, from wherever it calls")
    func subjects() async throws {
        try await TestServer.run(Self.twoAMinute, world: Clock().world) { server async throws in
            func get(_ path: String, from address: String, as owner: String? = nil) async throws -> Int {
                let caller = owner.map { server.asOperator + [("X-Owner-ID", $0)] } ?? []
                return try await server.get(path, caller + [("X-Forwarded-For", address)]).status
            }
            for address in ["1.2.3.4", "1.2.3.5"] {
                for status in [200, 200, 429, 429] {
                    #expect(try await get("/hatch/window", from: address) == status, "\(address)")
                }
            }
            // Each operation has windows of its own.
            #expect(try await get("/ink/window", from: "1.2.3.4") == 200)
            for owner in ["alice", "bob"] {
                for (address, status) in [("1.2.3.4", 200), ("1.2.3.6", 200), ("1.2.3.4", 429), ("1.2.3.7", 429)] {
                    #expect(try await get("/hatch/turns", from: address, as: owner) == status, "\(owner)")
                }
            }
            // Who isn't known to be a member takes nobody's turn.
            let unknown = try await server.get("/hatch/turns", [("X-Owner-ID", "carol")])
            #expect(unknown.status == 401)
            #expect(unknown.standing == "none")
            #expect(try await get("/hatch/turns", from: "1.2.3.8", as: "carol") == 200)
        }
    }

    @Test("of a window lets exactly as many through when they come at once")
    func windowTogether() async throws {
        let configuration = AppConfiguration.probe {
            $0.addressRate = .unlimited
            $0.loginQuota = Quota(limit: 3, seconds: 60)
        }
        try await TestServer.run(configuration, world: Clock().world) { server async throws in
            for path in ["/hatch/window", "/hatch/turns"] {
                let answers = try await server.atOnce(20) { _ in try await server.get(path, server.asAlice) }
                let done = answers.filter { $0.status == 200 }
                let end = Clock.start / 1_000 + 60
                #expect(done.map(\.standing).sorted() == ["3 0 \(end)", "3 1 \(end)", "3 2 \(end)"], "\(path)")
                #expect(answers.count { $0.status == 429 && $0["Retry-After"] == "60" } == 17, "\(path)")
            }
        }
    }
}

extension TestServer {
    /// A call of the operation that each member has three of a day.
    fileprivate func daily(_ base: String, as owner: String, _ title: String = "a") async throws -> Answer {
        try await send(
            .POST, "\(base)/daily", asOperator + [("X-Owner-ID", owner)], json: #"{"title":"\#(title)"}"#)
    }

    /// The answers to so many calls that are under way together.
    fileprivate func atOnce(
        _ count: Int, _ call: @escaping @Sendable (_ number: Int) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for number in 0..<count { group.addTask { try await call(number) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension Answer {
    /// Limit, what remains, and when all of it is there again, as the headers tell; each of their values, if it came
    /// more than once.
    fileprivate var standing: String {
        let values = ["Limit", "Remaining", "Reset"].map { headers["X-RateLimit-\($0)"].joined(separator: "+") }
        return values.allSatisfy(\.isEmpty) ? "none" : values.joined(separator: " ")
    }
}
