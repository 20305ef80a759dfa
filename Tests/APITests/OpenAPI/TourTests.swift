import API
import Bytes
import Store
import Support
import Testing

/// Calls every operation until each of its documented answers has been seen. Every answer is held against its schema
/// on the way (`ControlPlane.send`).
@Suite("A tour of the document", .timeLimit(.minutes(2)))
struct TourTests {
    final class Tour {
        let plane: ControlPlane
        let operations: [Operation]
        private let document: JSON
        var seen: Set<String> = []

        init(_ plane: ControlPlane) async throws {
            self.plane = plane
            document = try await plane.send("GET", "/openapi.json", base: "").json
            operations = Operation.all(in: document)
        }

        /// `GET /jobs/{job} 200` of every documented answer that is no error's.
        var documented: Set<String> {
            var all: Set<String> = []
            for path in document["paths"]?.members ?? [] {
                for operation in path.value.members ?? [] {
                    for answer in operation.value["responses"]?.members ?? [] where answer.key < "400" {
                        all.insert("\(operation.key.uppercased()) \(path.key) \(answer.key)")
                    }
                }
            }
            return all
        }

        @discardableResult
        func call(
            _ method: String, _ path: String, _ headers: [(String, String)] = [], _ bytes: [UInt8]? = nil, base: String
        ) async throws -> PlaneReply {
            let reply = try await plane.send(method, path, headers, bytes: bytes, base: base)
            // The document has one name of each.
            let target = (base.hasPrefix("/v1") ? "/api" + base : base) + path
            let operation = operations.filter { $0.method == method && $0.serves(target) }
                .min { $0.template.count { $0 == "{" } < $1.template.count { $0 == "{" } }
            let template = try #require(operation?.template, "\(method) \(base)\(path) is not documented")
            seen.insert("\(method) \(template) \(reply.status)")
            return reply
        }

        /// A file whole, a part of it, and again to one who has it.
        func file(
            _ path: String, _ headers: [(String, String)], _ part: (String, String), base: String
        ) async throws {
            let tag = try await call("GET", path, headers, base: base)["ETag"] ?? ""
            for more in [part, ("If-None-Match", tag)] { try await call("GET", path, headers + [more], base: base) }
        }
    }

    @Test("sees every answer that is documented", arguments: TestDatabase.all)
    func all(on database: TestDatabase) async throws {
        try await TourOracle.run { oracle async throws in
            try await ControlPlane.runWithIssuer(database, oracle: oracle) { visitor async throws in
                try await whole(visitor)
            }
        }
    }

    private func whole(_ visitor: Visitor) async throws {
        let plane = visitor.plane
        let tour = try await Tour(plane)
        try await signIn(tour, visitor)
        for base in ["/api/v1", "/v1"] {
            let worker = try await owners(tour, base)
            try await members(tour, base)
            try await wallet(tour, base)
            try await jobs(tour, base, worker)
        }
        for path in [
            "/health", "/healthz", "/readyz", "/version", "/metrics", "/metrics.json", "/openapi.json", "/docs",
        ] {
            try await tour.call("GET", path, path.hasPrefix("/metrics") ? ControlPlane.asOperator : [], base: "")
        }
        try await tour.call("GET", "/healthz", base: "/api/v1")
        try await tasks(tour, "/api/v1")
        try await tour.social()
        try await tour.bounties()
        try await tour.gateway()
        try await tour.inkling()
        plane.dependencies.drain.begin()
        try await tour.call("GET", "/readyz", base: "")
        #expect(tour.documented.subtracting(tour.seen).sorted() == [])
    }

    /// The control plane's side of it; a worker that may work.
    private func owners(_ tour: Tour, _ base: String) async throws -> Worker {
        let (plane, alice) = (tour.plane, Caller.alice.headers)
        let register: JSON = ["owner_id": "alice", "name": "box", "capacity": ["cpu_cores": 2, "memory_gb": 4]]
        let machine = try await tour.call("POST", "/machines/register", alice, register.bytes(), base: base).data
        let id = machine["machine"]?["id"]?.string ?? ""
        try await tour.call("GET", "/machines", alice, base: base)
        try await tour.call("GET", "/machines/\(id)", alice, base: base)
        let rules = Array(plane.policyBody(.alice, ControlPlane.rules).utf8)
        let draft = try await tour.call("POST", "/policies", alice, rules, base: base).data
        let policy = draft["policy"]?["id"]?.string ?? ""
        try await tour.call("POST", "/policies/\(policy)/activate", alice, base: base)
        try await tour.call("GET", "/policies", alice, base: base)
        try await tour.call("GET", "/policies/\(policy)", alice, base: base)
        let body = plane.consentBody(.alice, worker: id, policy: policy).bytes()
        let bound = try await tour.call("POST", "/consents", alice, body, base: base).data
        try await tour.call("GET", "/consents", alice, base: base)
        let consent = bound["consent"]?["id"]?.string ?? ""
        try await tour.call("POST", "/consents/\(consent)/revoke", alice, base: base)
        let again = try await tour.call("POST", "/consents", alice, body, base: base).data
        let worker = Worker(
            id: id, token: machine["machine_token"]?.string ?? "", policy: policy,
            consent: again["consent"]?["id"]?.string ?? "")
        let beat = plane.beat(worker)
        try await tour.call("POST", "/workers/\(id)/heartbeat", beat.headers, beat.body.bytes(), base: base)
        try await tour.call("GET", "/audit/events", alice, base: base)
        try await tour.call("GET", "/resources", alice, base: base)
        try await tour.call("GET", "/resources/prices", alice, base: base)
        return worker
    }

    private func signIn(_ tour: Tour, _ visitor: Visitor) async throws {
        try await tour.plane.user("ann")
        let body = JSON.object([.init("username", "ann"), .init("password", "secret")]).bytes()
        try await tour.call("POST", "/auth/login", [], body, base: "")
        let opened = try await offThread { [port = tour.plane.port] in try RawWebSocket(port: port, "/ws").reply.status
        }
        tour.seen.insert("GET /ws \(opened)")
        try await tour.call("GET", "/auth/oidc", base: "")
        let reply = try await tour.call("GET", "/auth/oidc/test/start", base: "")
        let cookie = reply["Set-Cookie"]?.split(separator: ";").first.map(String.init) ?? ""
        let back = try await visitor.consent(reply["Location"] ?? "")
        try await tour.call("GET", back, [("Cookie", cookie)], base: "")
    }

    private func members(_ tour: Tour, _ base: String) async throws {
        let agent = try await tour.call(
            "POST", "/agents/register", [], JSON.object([.init("name", "Carol")]).bytes(), base: base)
        let carol = [("Authorization", "Bearer \(agent.data["api_key"]?.string ?? "")")]
        try await tour.call("GET", "/agents/me", carol, base: base)
        let made = try await tour.call("POST", "/agents/me/keys", carol, [0x7B, 0x7D], base: base).data
        let key = made["key"]?["id"]?.string ?? ""
        let turned = try await tour.call("POST", "/agents/me/keys/\(key)/rotate", carol, base: base).data
        try await tour.call("DELETE", "/agents/me/keys/\(turned["key"]?["id"]?.string ?? "")", carol, base: base)
        try await tour.call("GET", "/agents/me/keys", carol, base: base)
        try await tour.call("PUT", "/agents/me", carol, JSON.object([.init("name", "Caroline")]).bytes(), base: base)
        try await forum(tour, base, carol)
    }

    private func forum(_ tour: Tour, _ base: String, _ carol: [(String, String)]) async throws {
        let text: JSON = ["title": "Hello", "content": "world"]
        let post = try await tour.call("POST", "/forum/posts", carol, text.bytes(), base: base).data["post"]
        let path = "/forum/posts/\(post?["id"]?.string ?? "")"
        let reply: JSON = ["content": "hi"]
        try await tour.call("POST", "\(path)/comments", carol, reply.bytes(), base: base)
        for path in ["/forum/posts", path, "\(path)/comments"] { try await tour.call("GET", path, base: base) }
    }

    private func tasks(_ tour: Tour, _ base: String) async throws {
        let (alice, content) = (Caller.alice.headers, ControlPlane.content.bytes())
        let task = try await tour.call("POST", "/collab/tasks", alice, content, base: base).json
        let path = "/collab/tasks/\(task["id"]?.string ?? "")"
        try await tour.call("PUT", path, alice + [("If-Match", "*")], content, base: base)
        for path in [path, "/collab/state/tasks"] {
            let tag = try await tour.call("GET", path, alice, base: base)["ETag"] ?? ""
            try await tour.call("GET", path, alice + [("If-None-Match", tag)], base: base)
        }
        try await tour.call("DELETE", path, alice, base: base)
    }

    private func wallet(_ tour: Tour, _ base: String) async throws {
        let alice = Caller.alice.headers
        func post(_ path: String, _ body: JSON? = nil, _ more: [(String, String)] = []) async throws -> JSON {
            try await tour.call("POST", path, alice + more, body?.bytes(), base: base).data
        }
        _ = try await post(
            "/wallet/deposits",
            ["owner_id": "alice", "asset": "USDT", "amount": "9", "reference": .string("tour\(base)")])
        for path in ["balance", "transactions"] { try await tour.call("GET", "/wallet/\(path)", alice, base: base) }
        for (number, action) in ["paid", "reject"].enumerated() {
            let made = try await post(
                "/wallet/withdraw", ["amount": 1, "address": "x", "asset": "USDT"],
                [("Idempotency-Key", "\(base)\(number)")])
            let path = "/wallet/withdrawals/\(made["withdrawal"]?["id"]?.string ?? "")"
            try await tour.call("GET", path, alice, base: base)
            _ = try await post("\(path)/approve")
            _ = try await post("\(path)/\(action)", action == "paid" ? ["txid": "x"] : ["reason": "r"])
        }
        for path in ["/wallet/withdrawals", "/admin/withdrawals"] {
            try await tour.call("GET", path, alice, base: base)
        }
    }

    /// Jobs and leases.
    private func jobs(_ tour: Tour, _ base: String, _ worker: Worker) async throws {
        let (plane, alice) = (tour.plane, Caller.alice.headers)
        let file = try await tour.call("POST", "/artifacts", alice, [1, 2], base: base).json["artifact"] ?? .null
        let input: JSON = ["inputs": [["path": "in", "artifact": file]], "max_attempts": 1]
        try await tour.call("POST", "/jobs", alice, ControlPlane.request(input).bytes(), base: base)
        let many: JSON = ["jobs": [ControlPlane.request(["priority": 0]), ControlPlane.request(["priority": 0])]]
        try await tour.call("POST", "/jobs/batch", alice, many.bytes(), base: base)
        func work(_ method: String, _ path: String, _ body: JSON) async throws -> JSON {
            try await tour.call(
                method, "/workers/\(worker.id)/\(path)", worker.caller.headers, body.bytes(), base: base
            ).data
        }
        let grants = try await work("POST", "jobs/claim", ["limit": 3])["jobs"]?.array ?? []
        try #require(grants.count == 3)
        let held = grants.map { Held(worker: worker, grant: $0) }
        let token = JSON.Member("claim_token", .string(held[0].token))
        let id = held[0].job
        let extend = JSON.object([token, .init("extension_ms", 60_000)])
        _ = try await work("POST", "jobs/\(id)/extend", extend)
        _ = try await work(
            "POST", "jobs/extend",
            ["leases": [.object([token, .init("job_id", .string(id)), .init("extension_ms", 1_000)])]])
        _ = try await work("POST", "jobs/\(id)/progress", .object([token, .init("log", "x"), .init("percent", 5)]))
        let claim = worker.caller.headers + [("X-Claim-Token", held[0].token)]
        try await tour.call("PUT", "\(held[0].path)/artifacts/out", claim, [1], base: base)
        let piece = claim + [("Content-Range", "bytes 0-0/2")]
        try await tour.call("PUT", "\(held[0].path)/artifacts/parts", piece, [1], base: base)
        try await tour.call("HEAD", "\(held[0].path)/artifacts/parts", claim, base: base)
        let part = ("Range", "bytes=0-0")
        try await tour.file("\(held[0].path)/inputs/in", claim, part, base: base)
        _ = try await work("POST", "jobs/\(id)/result", .object([token] + (ControlPlane.failure.members ?? [])))
        _ = try await work("POST", "jobs/\(held[1].job)/release", ["claim_token": .string(held[1].token)])
        let named: [JSON.Member] = [
            .init("job_id", .string(held[2].job)), .init("claim_token", .string(held[2].token)),
        ]
        let both: [JSON] = [
            .object(named + (ControlPlane.success.members ?? [])),
            .object(
                [.init("job_id", "none"), .init("claim_token", "x")] + (ControlPlane.success.members ?? [])),
        ]
        _ = try await work("POST", "jobs/results", ["results": .array(both)])
        _ = try await work("POST", "drain", ["draining": true])
        for path in ["/jobs", "/jobs/\(id)", "/jobs/\(id)/graph", "/jobs/\(id)/artifacts"] {
            let tag = try await tour.call("GET", path, alice, base: base)["ETag"] ?? ""
            try await tour.call("GET", path, alice + [("If-None-Match", tag)], base: base)
        }
        try await tour.file("/jobs/\(id)/artifacts/out", alice, part, base: base)
        for path in ["logs", "events"] {
            try await tour.call("GET", "/jobs/\(id)/\(path)", alice, base: base)
        }
        try await tour.call("POST", "/jobs/\(id)/retry", alice, base: base)
        try await tour.call("DELETE", "/jobs/\(id)", alice, base: base)
        try await tour.call("DELETE", "/jobs/\(id)/record", alice, base: base)
        let spare: JSON = ["owner_id": .string(Caller.alice.owner), "name": "spare"]
        let machine = try await tour.call("POST", "/machines/register", alice, spare.bytes(), base: base).data
        try await tour.call("DELETE", "/machines/\(machine["machine"]?["id"]?.string ?? "")", alice, base: base)
        let last = try await tour.call("POST", "/artifacts", alice, [9, 9], base: base).json["artifact"]?.string ?? ""
        try await tour.call("DELETE", "/artifacts/\(last)", alice, base: base)
        _ = plane
    }
}

extension Operation {
    /// Whether a path is one of this template's.
    fileprivate func serves(_ path: String) -> Bool {
        let (wanted, given) = (template.split(separator: "/"), path.prefix { $0 != "?" }.split(separator: "/"))
        return wanted.count == given.count && zip(wanted, given).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
    }
}
