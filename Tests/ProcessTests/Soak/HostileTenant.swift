import Bytes
import Support
import Synchronization

/// A tenant that does one thing that hurts, again and again.
struct HostileTenant: Sendable {
    enum Deed: String, CaseIterable, Sendable {
        /// Few bytes that unpack to many.
        case bomb
        /// Bodies that never come to their end.
        case slowBody
        /// Requests that never come to their body.
        case slowHead
        /// Each job needs something else.
        case classes
        /// Hundreds of jobs that wait for one, which is cancelled.
        case cascade
        /// More jobs than an owner may have.
        case flood
        /// Long jobs, and lists of them.
        case lists
        /// Claims with an id used before, other outcomes under a used token.
        case claims
        /// A job whose log grows line by line.
        case log
        /// What is no request at all.
        case junk
    }

    let deed: Deed
    let owner: FarmOwner
    let machine: FarmMachine
    let port: Int
    let record: SoakRecord

    /// Live jobs that a tenant may have in these tests.
    static let liveJobs = 2_000
    private static let queue = "hostile"

    static func enroll(_ number: Int, at farm: Farm, _ record: SoakRecord) async throws -> HostileTenant {
        let owner = FarmOwner(farm.server.client(of: "hostile-\(number)"), id: "hostile-\(number)")
        let deeds = Deed.allCases
        return HostileTenant(
            deed: deeds[number % deeds.count], owner: owner,
            machine: try await owner.machine("hostile", hourlyPrice: "1"),
            port: farm.server.port, record: record)
    }

    /// Goes on until its task is cancelled, whatever it is answered; but nobody may bring a 500 about.
    func run() async {
        var count = 0
        while !Task.isCancelled {
            count += 1
            do { try await act(count) } catch { try? await World.live.sleep(.milliseconds(100)) }
        }
    }

    private func act(_ count: Int) async throws {
        switch deed {
        case .bomb: try await bomb()
        case .slowBody: try await hold(20, body: true)
        case .slowHead: try await hold(40, body: false)
        case .classes: try await classes(count)
        case .cascade: try await cascade()
        case .flood: try await flood()
        case .lists: try await lists(count)
        case .claims: try await claims(count)
        case .log: try await appendLog()
        case .junk: try await junk(count)
        }
    }

    @discardableResult
    private func see(_ reply: FarmReply) -> FarmReply {
        if reply.status >= 500, ![503, 504].contains(reply.status) {
            record.complain("a hostile tenant (\(deed)) brought about \(reply.status): \(reply.text)")
        }
        return reply
    }

    private func job(_ more: [JSON.Member] = []) -> JSON {
        .object([.init("title", "hostile"), .init("command", ["true"]), .init("queue", .string(Self.queue))] + more)
    }

    private func submit(_ jobs: [JSON]) async throws -> [String] {
        let reply = see(try await owner.client.post("/api/v1/jobs/batch", ["jobs": .array(jobs)]))
        if reply.status == 429 { try await World.live.sleep(.milliseconds(200)) }
        return (reply.json["jobs"]?.array ?? []).compactMap { $0["id"]?.string }
    }

    private func taken() async throws -> [FarmMachine.Grant] {
        let reply = see(try await machine.claim(4, lease: 2_000, queues: [Self.queue]))
        return reply.status == 200 ? try FarmMachine.grants(reply) : []
    }

    private static let packed = try? Zstd.compress([UInt8](repeating: 0, count: 60 << 20))

    private func bomb() async throws {
        let reply = try await owner.client.send(
            "POST", "/api/v1/artifacts", bytes: Self.packed ?? [],
            [("Content-Encoding", "zstd"), ("Content-Type", "application/octet-stream")])
        see(reply)
    }

    private func hold(_ connections: Int, body: Bool) async throws {
        let head = body ? "Content-Length: 60000000\r\n\r\nabc" : "X-Slow: "
        let credentials = owner.client.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        let text = "POST /api/v1/artifacts HTTP/1.1\r\nHost: 127.0.0.1\r\n\(credentials)\(head)"
        var sockets: [HeldSocket] = []
        for _ in 0..<connections { sockets.append(try HeldSocket(port: port, Array(text.utf8))) }
        for _ in 0..<20 where !Task.isCancelled {
            try await World.live.sleep(.milliseconds(250))
            for socket in sockets { socket.trickle() }
        }
    }

    private func classes(_ count: Int) async throws {
        let jobs = (0..<20).map { number -> JSON in
            job([.init("resources", ["cpu_cores": 1, "memory_gb": 1, "labels": ["l\(count)-\(number)"]])])
        }
        for id in try await submit(jobs) { see(try await owner.client.delete("/api/v1/jobs/\(id)")) }
    }

    private func cascade() async throws {
        guard let parent = try await submit([job()]).first else { return }
        for _ in 0..<2 {
            _ = try await submit((0..<300).map { _ in job([.init("depends_on", [.string(parent)])]) })
        }
        see(try await owner.client.delete("/api/v1/jobs/\(parent)"))
    }

    private func flood() async throws {
        _ = try await submit((0..<200).map { _ in job() })
    }

    private func lists(_ count: Int) async throws {
        if count % 8 == 1 {
            let long = JSON.string(String(repeating: "x", count: 200_000))
            _ = try await submit([job([.init("stdin", long)]), job([.init("stdin", long)])])
        }
        let paths = [
            "jobs?limit=100", "jobs?limit=100&status=running", "jobs?limit=100&status=pending", "resources",
            "audit/events?limit=500",
        ]
        for path in paths { see(try await owner.client.get("/api/v1/\(path)")) }
        for grant in try await taken() {
            see(try await machine.finish(grant, output: String(repeating: "y", count: 60_000)))
        }
    }

    private func claims(_ count: Int) async throws {
        _ = try await submit([job(), job()])
        let request = "again-\(count / 5)"
        let reply = see(
            try await machine.claim(4, lease: 1_000 + count % 2_000, request: request, queues: [Self.queue]))
        for grant in (try? FarmMachine.grants(reply)) ?? [] {
            for status in ["success", "failure", "success", "timeout"] {
                see(try await machine.finish(grant, status))
            }
            see(try await machine.extend(grant, by: 10_000))
            see(try await machine.release(grant))
        }
    }

    private func appendLog() async throws {
        _ = try await submit([job()])
        for grant in try await taken() {
            for _ in 0..<50 { see(try await machine.progress(grant, log: String(repeating: "z\n", count: 500))) }
            see(try await machine.heartbeat())
        }
    }

    private func junk(_ count: Int) async throws {
        let depth = String(repeating: "[", count: 5_000)
        for body in [depth, "{\"title\":\"\\u0000\"}", "{", "\u{0}", "{\"title\":1e999,\"command\":[]}"] {
            let reply = try await owner.client.send(
                "POST", "/api/v1/jobs", bytes: Array(body.utf8), [("Content-Type", "application/json")])
            see(reply)
        }
        see(try await owner.client.get("/api/v1/jobs?limit=100&cursor=\(count)"))
        let socket = try HeldSocket(port: port, World.live.random(512))
        try await World.live.sleep(.milliseconds(20))
        _ = socket
    }
}
