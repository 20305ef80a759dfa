import API
import Bytes
import Engine
import Support
import Testing

@Suite("Claiming jobs", .timeLimit(.minutes(2)))
struct ClaimTests {
    @Test("gives the lease and the work", arguments: TestDatabase.all)
    func grant(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            var fields = JobSubmitTests.everything.members ?? []
            fields.removeAll { ["queue", "isolation", "resources", "max_price_usdt"].contains($0.key) }
            let id = try await plane.job(.object(fields))
            try await plane.tick()
            let grant = try #require(try await plane.claim(worker).first).grant
            for (key, value) in [
                ("id", .string(id)), ("kind", "compute"), ("queue", "default"), ("fence", 1), ("attempt", 1),
                ("visibility_timeout_ms", 60_000), ("duration_minutes", 30), ("isolation", "sandbox"),
                ("network", false), ("title", "Wörter zählen 🐣"), ("command", ["wc", "-w", "in.txt"]),
                ("env", ["LANG": "C", "_X1": ""]), ("stdin", "x"), ("outputs", ["out/a.txt"]),
                ("inputs", [["path": "in.txt", "size": 5, "sha256": .string(SHA256.hex("hello"))]]),
            ] as [(String, JSON)] {
                #expect(grant[key] == value, "\(key): \(grant[key]?.text() ?? "none")")
            }
            #expect(Hex.isHex(grant["claim_token"]?.string ?? "", lengths: 48...48))
            let until = try #require(grant["visible_until"]?.string.flatMap { RFC3339.parse($0) })
            let ends = try #require(grant["lease_ends"]?.string.flatMap { RFC3339.parse($0) })
            #expect(ends - until == 43_200_000 - 60_000)
            #expect(abs(until - plane.clock.now - 60_000) < 20_000)
            let line = try await plane.held(by: worker, ["command": "echo $HOME"])
            #expect(line.grant["command"] == ["/bin/sh", "-c", "echo $HOME"])
            #expect(try await plane.claim(worker).isEmpty)
        }
    }

    @Test("again with the same request id gives the same leases", arguments: TestDatabase.all)
    func requestID(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            for _ in 0..<6 { _ = try await plane.job() }
            let body: JSON = ["limit": 2, "request_id": "r-1"]
            let first = try await plane.call(worker, "jobs/claim", body)
            #expect(first.data["jobs"]?.array?.count == 2)
            let again = try await plane.call(worker, "jobs/claim", body)
            let tokens = { (reply: PlaneReply) in
                Set((reply.data["jobs"]?.array ?? []).compactMap { $0["claim_token"]?.string })
            }
            #expect(tokens(again) == tokens(first))
            #expect(
                Set(again.data["jobs"]?.array?.map { $0.text() } ?? [])
                    == Set(first.data["jobs"]?.array?.map { $0.text() } ?? []))
            #expect(tokens(try await plane.call(sibling, "jobs/claim", body)).isDisjoint(with: tokens(first)))
            let other = try await plane.call(worker, "jobs/claim", ["limit": 1, "request_id": "r-2"])
            #expect(tokens(other).isDisjoint(with: tokens(first)))
            let held = try #require(first.data["jobs"]?.array?.first.map { Held(worker: worker, grant: $0) })
            try await plane.finish(held)
            let rest = try await plane.call(worker, "jobs/claim", body)
            #expect(rest.data["jobs"]?.array?.count == 1, "what is still held of it")
            #expect(tokens(rest).isSubset(of: tokens(first)))
        }
    }

    @Test("waits for a job, and is woken by one", arguments: TestDatabase.all)
    func longPoll(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            async let claimed = plane.claim(worker, ["limit": 1, "wait_ms": 20_000])
            try await eventually("the claim waits") { plane.dependencies.broker.waitingClaims == 1 }
            let start = World.live.monotonic()
            let id = try await plane.job()
            #expect(try await claimed.map(\.job) == [id])
            #expect(World.live.monotonic() - start < 4_000, "woken, not by its own look five seconds later")
            let before = World.live.monotonic()
            #expect(try await plane.claim(worker, ["limit": 1, "wait_ms": 300]).isEmpty)
            #expect(World.live.monotonic() - before >= 300)
        }
    }

    @Test("is for those with the machine's own token", arguments: TestDatabase.all)
    func credentials(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            _ = try await plane.job()
            let path = "/workers/\(worker.id)/jobs/claim"
            for caller in [
                Caller.nobody, .alice, sibling.caller, Caller(owner: "", key: worker.token),
                Caller(owner: "", key: "", headers: [("X-Machine-Token", "")]),
                Caller(owner: "", key: "", headers: [("X-Machine-Token", worker.token.uppercased())]),
                Caller(owner: "", key: "", headers: [("X-Machine-Token", ControlPlane.operatorToken)]),
            ] {
                let reply = try await plane.post(path, caller, ["limit": 1])
                #expect(reply.outcome == "401 unauthorized", "\(caller.headers)")
            }
            #expect(try await plane.post("/workers/wrk_0/jobs/claim", worker.caller, ["limit": 1]).status == 401)
            #expect(try await plane.claim(worker).count == 1)
        }
    }

    @Test("names the field that is wrong", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            _ = try await plane.job()
            for (fields, blamed) in [
                (#""limit":0"#, "limit"), (#""limit":101"#, "limit"), (#""limit":"1""#, "limit"),
                (#""limit":1e2"#, "limit"),
                (#""limit":null"#, "limit"), (#""limit":1,"wait_ms":-1"#, "wait_ms"),
                (#""limit":1,"wait_ms":20001"#, "wait_ms"),
                (#""limit":1,"visibility_timeout_ms":999"#, "visibility_timeout_ms"),
                (#""limit":1,"visibility_timeout_ms":43200001"#, "visibility_timeout_ms"),
                (#""limit":1,"kinds":["manual"]"#, "kinds"), (#""limit":1,"kinds":["x"]"#, "kinds"),
                (#""limit":1,"kinds":"compute""#, "kinds"), (#""limit":1,"kinds":[1]"#, "kinds[0]"),
                (#""limit":1,"queues":[""]"#, "queues[0]"), (#""limit":1,"queues":{}"#, "queues"),
                (#""limit":1,"capacity":[]"#, "capacity"),
                (#""limit":1,"capacity":{"cpu_cores":-1}"#, "capacity.cpu_cores"),
                (#""limit":1,"capacity":{"memory_gb":1e400}"#, "capacity.memory_gb"),
                (#""limit":1,"capacity":{"gpu":1.5}"#, "capacity.gpu"),
                (#""limit":1,"capacity":{"x":1}"#, "capacity.x"),
                (#""limit":1,"capacity":{"isolation":"docker"}"#, "capacity.isolation"),
                (#""limit":1,"capacity":{"labels":[""]}"#, "capacity.labels[0]"),
                (#""limit":1,"request_id":"""#, "request_id"), (#""limit":1,"request_id":1"#, "request_id"),
                (#""limit":1,"requestId":"x""#, "requestId"),
            ] {
                let reply = try await plane.post("/workers/\(worker.id)/jobs/claim", worker.caller, text: "{\(fields)}")
                #expect(reply.status == 400, "\(fields): \(reply.text)")
                #expect(reply.json["field"]?.string == blamed)
            }
            #expect(try await plane.claim(worker).count == 1, "nothing was taken meanwhile")
        }
    }

    @Test("goes by the machine, its owner's policy and the consent at that moment", arguments: TestDatabase.all)
    func rights(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let id = try await plane.job(["duration_minutes": 30])
            let machine = try await plane.machine(of: .bob)
            var worker = Worker(id: machine.id, token: machine.token, policy: "", consent: "")
            #expect(try await plane.claim(worker).isEmpty, "no consent")
            let strict = try await plane.policy(of: .bob, rules: #"{"max_cpu_percent":50,"max_job_minutes":29}"#)
            worker.consent = try await plane.consent(of: .bob, worker: worker.id, policy: strict)
            #expect(try await plane.claim(worker).isEmpty, "a shorter policy")
            #expect(try await plane.post("/consents/\(worker.consent)/revoke", .bob).status == 200)
            let lax = try await plane.policy(
                of: .bob, rules: #"{"max_cpu_percent":50,"max_job_minutes":30,"network":true}"#)
            worker.consent = try await plane.consent(of: .bob, worker: worker.id, policy: lax)
            #expect(try await plane.call(worker, "drain", nil).data == ["draining": true])
            #expect(try await plane.claim(worker).isEmpty, "draining")
            #expect(try await plane.call(worker, "drain", ["draining": false]).data == ["draining": false])
            let held = try #require(try await plane.claim(worker).first)
            #expect(held.job == id)
            #expect(held.grant["network"] == true)
            #expect(try await plane.post("/consents/\(worker.consent)/revoke", .bob).status == 200)
            #expect(try await plane.report(held, "extend", ["extension_ms": 1_000]).outcome == "403 lease_lost")
            #expect(try await plane.report(held, "result", ControlPlane.success).outcome == "403 lease_lost")
            try await plane.tick()
            #expect(try await plane.claim(worker).isEmpty, "revoked")
            #expect(try await plane.status(id) == "pending")
            for (body, status) in [
                ("{\"draining\":1}", 400), (#"{"drain":true}"#, 400), ("[]", 400), ("x", 400), ("{}", 200),
            ] {
                #expect(try await plane.post("/workers/\(worker.id)/drain", worker.caller, text: body).status == status)
            }
        }
    }
}
