import Bytes
import Domain
import Store
import Support
import Testing
@testable import API

@Suite("Metrics", .timeLimit(.minutes(2)))
struct MetricsTests {
    private static func bearer(_ key: String) -> [(String, String)] { [("Authorization", "Bearer \(key)")] }

    @Test("are for the operator, an admin and a key for them alone; that key does nothing else")
    func readers() async throws {
        try await TestServer.run(systems: Probe.tables + [.hatchFarm]) { server async throws in
            let (_, member) = try await server.member("Ann")
            let (admin, adminKey) = try await server.member("Ada")
            let reader = "hf_" + Hex.encode(World.live.random(24))
            try await server.dependencies.database.write { tx in
                _ = try tx.changeRole(of: MemberID(admin), to: .admin, actor: "operator")
                _ = try tx.makeKey(
                    KeyText(reader), name: nil, expiresAt: nil, scope: .metricsRead, for: MemberID(admin),
                    by: KeyChanger(actor: "operator", bearerHash: nil))
            }
            for path in ["/metrics", "/metrics.json"] {
                #expect(try await server.get(path).status == 401)
                #expect(try await server.get(path, Self.bearer("hf_none")).status == 401)
                #expect(try await server.get(path, Self.bearer(member)).status == 403)
                for headers in [server.asOperator, Self.bearer(adminKey), Self.bearer(reader)] {
                    let reply = try await server.get(path, headers)
                    #expect(reply.status == 200 && reply.text.contains("hatchfarm_dependency_up"))
                }
            }
            for path in ["/api/v1/agents/me", "/api/v1/agents/me/keys", "/api/v1/admin/withdrawals"] {
                let reply = try await server.get(path, Self.bearer(reader))
                #expect(reply.status == 403, "\(path): \(reply.text)")
                #expect(try await server.get(path, Self.bearer(adminKey)).status == 200)
            }
            let keys = try await server.get("/api/v1/agents/me/keys", Self.bearer(adminKey)).json["data"]?["keys"]
            let scopes = (keys?.array ?? []).map { $0["scope"]?.string ?? "all" }
            #expect(scopes.sorted() == ["all", "metrics:read"])
        }
    }

    @Test("a rotated key stays what it is for, and is not the one that its member acts by")
    func scope() async throws {
        let (own, reader, next) = (KeyText("own"), KeyText("reader"), KeyText("next"))
        let database = try await TestDatabase.sqlite.open()
        _ = try await database.migrate(Migration.all)
        let (scope, isKept, end) = try await database.write { tx in
            let operated = KeyChanger(actor: "operator", bearerHash: nil)
            let key = try tx.makeKey(own, name: nil, expiresAt: nil, for: Member.queenbee, by: operated)
            let scoped = try tx.makeKey(
                reader, name: nil, expiresAt: nil, scope: .metricsRead, for: Member.queenbee, by: operated)
            let member = KeyChanger(actor: "queenbee", bearerHash: own.hash)
            let rotated = try tx.rotateKey(scoped.id, to: next, grace: 0, of: Member.queenbee, by: member)
            var isKept = false
            do { _ = try tx.revokeKey(key.id, of: Member.queenbee, by: member) } catch is Refusal { isKept = true }
            let end = try tx.revokeKey(rotated.new.id, of: Member.queenbee, by: member).key.revokedAt
            return (rotated.new.scope, isKept, end)
        }
        #expect(scope == .metricsRead && isKept && end != nil)
        await database.close()
    }

    @Test("on the operator's own address need no credential, and nothing else is there")
    func ownAddress() async throws {
        let port = try Tool.freePort()
        let configuration = AppConfiguration.probe {
            $0.metricsListen = ListenAddress("127.0.0.1:\(port)")
            $0.requireHTTPS = true
        }
        try await TestServer.run(configuration) { server async throws in
            let own = TestServer(
                dependencies: server.dependencies, app: server.app, port: port, group: server.group)
            for path in ["/metrics", "/metrics.json"] {
                let reply = try await own.get(path)
                #expect(reply.status == 200 && reply.text.contains("hatchfarm_http_requests_total"), "\(reply.text)")
                #expect(try await server.get(path).status == 426)
            }
            for path in ["/hatch/open", "/health", "/openapi.json"] { #expect(try await own.get(path).status == 404) }
        }
    }

    @Test("where to listen is a host and a port")
    func addresses() {
        for (text, host, port) in [("127.0.0.1:9464", "127.0.0.1", 9_464), ("[::1]:1", "::1", 1), ("db:0", "db", 0)] {
            let place = ListenAddress(text)
            #expect(place?.host == host && place?.port == port && place?.description == text)
        }
        for text in ["", "9464", ":1", "::1:9", "a:b", "a:65536", "a:-1", "[::1]", "a b:1"] {
            #expect(ListenAddress(text) == nil, "\(text)")
        }
    }

    @Test("of jobs are counted once in a while, however often they are read", arguments: TestDatabase.all)
    func counted(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let clock = TestClock()
            var world = World.live
            world.monotonic = { clock.offset }
            for _ in 0..<3 { _ = try await plane.job(["queue": "a"]) }
            _ = try await plane.job(["queue": "b"])
            let metrics = JobMetrics(plane.dependencies.broker, world: world)
            func depth(_ queue: String) async throws -> String? {
                let text = MetricSnapshot(try await metrics.families()).prometheus()
                let line = text.split(separator: "\n").first {
                    $0.hasPrefix("hatchfarm_jobs{") && $0.contains("queue=\"\(queue)\"")
                }
                return line?.split(separator: " ").last.map(String.init)
            }
            #expect(try await depth("a") == "3")
            #expect(try await depth("b") == "1")
            _ = try await plane.job(["queue": "a"])
            for _ in 0..<20 { #expect(try await depth("a") == "3") }
            clock.advance(by: .seconds(6))
            try await eventually("it is counted again", within: .seconds(20)) { try await depth("a") == "4" }
        }
    }

    @Test("live jobs are counted in bites, each once", arguments: TestDatabase.all)
    func bites(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for _ in 0..<7 { _ = try await plane.job() }
            for limit in [1, 3, 7, 8] {
                var (total, after): (Int64, JobID?) = (0, nil)
                repeat {
                    let start = after
                    let (counts, end) = try await plane.dependencies.database.read {
                        try $0.countJobs(after: start, atMost: limit)
                    }
                    #expect(counts.reduce(0) { $0 + $1.count } <= Int64(limit))
                    total += counts.reduce(0) { $0 + $1.count }
                    after = end
                } while after != nil
                #expect(total == 7, "by \(limit)")
            }
        }
    }

    @Test("tell so many queues apart, and the rest together")
    func queues() {
        var figures: [JobCensus.Line: JobCensus.Figure] = [:]
        for number in 0..<5_000 {
            let line = JobCensus.Line(kind: "compute", queue: "q\(number)", state: "pending")
            figures[line] = JobCensus.Figure(count: Int64(number), oldest: Int64(number))
        }
        let bounded = JobCensus.bounded(figures)
        #expect(bounded.count == JobCensus.maxQueues + 1)
        #expect(bounded.values.reduce(0) { $0 + $1.count } == (0..<5_000).reduce(0, +))
        #expect(bounded.keys.contains { $0.queue == "q4999" } && !bounded.keys.contains { $0.queue == "q0" })
        #expect(bounded.first { $0.key.queue == JobCensus.otherQueue }?.value.oldest == 0)
    }
}
