import API
import Bytes
import Support
import Testing

/// Good words said again, or by another, have no effect (PROMISES S1, N1, I3).
@Suite("Replays by other principals", .timeLimit(.minutes(2)))
struct PrincipalReplayTests {
    @Test("a heartbeat counts once, as it was signed and for whom", arguments: TestDatabase.all)
    func heartbeats(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, Principals.secret) { plane in
            let all = try await Principals(plane)
            let good = plane.beat(all.worker)
            #expect(try await plane.send(good).status == 200)
            let other = try await plane.worker(of: all.other)
            let consented = try await plane.worker(of: all.own)
            var cases: [(String, Beat, String)] = [("again", good, "401 nonce_seen")]
            func altered(_ name: String, _ outcome: String, _ change: (inout Beat) -> Void) {
                var beat = plane.beat(all.worker)
                beat.signature = beat.body["signature"]?.string
                change(&beat)
                cases.append((name, beat, outcome))
            }
            altered("another nonce", "401 invalid_heartbeat_auth") { $0.nonce += "0" }
            altered("another time", "401 invalid_heartbeat_auth") {
                $0.timestamp = RFC3339.format(plane.clock.now + 1_000)
            }
            altered("another policy", "401 invalid_heartbeat_auth") { $0.policy = consented.policy }
            altered("another machine of the owner's", "401 invalid_heartbeat_auth") { $0.worker = consented.id }
            altered("another owner's machine", "401 invalid_heartbeat_auth") { $0.worker = other.id }
            altered("another owner's token", "401 invalid_heartbeat_auth") { $0.token = other.token }
            var late = plane.beat(all.worker, off: -150_000)
            cases.append(("too old", late, "401 clock_skew"))
            late = plane.beat(all.worker, off: 150_000)
            cases.append(("too new", late, "401 clock_skew"))
            let before = try await DatabaseContents.read(plane.dependencies.database)
            for (name, beat, outcome) in cases {
                #expect(try await plane.send(beat).outcome == outcome, "\(name)")
                let after = try await DatabaseContents.read(plane.dependencies.database)
                #expect(after.differences(from: before) == [], "\(name)")
            }
        }
    }

    @Test("an idempotency key is its owner's: another's call with it is another call", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, Principals.secret) { plane in
            let all = try await Principals(plane)
            let (body, more) = (JSON.object([.init("title", "once")]).bytes(), [("Idempotency-Key", "k-1")])
            func submit(_ principal: Principal, _ body: [UInt8]) async throws -> PlaneReply {
                try await plane.send("POST", "/jobs", all.headers(of: principal) + more, bytes: body)
            }
            let first = try await submit(.own, body)
            #expect(first.status == 201)
            let before = try await DatabaseContents.read(plane.dependencies.database)
            for (principal, status) in [
                (.own, 201), (.operatorForOwn, 201), (.none, 401), (.altered, 401), (.revoked, 401), (.expired, 401),
                (.operatorAlone, 400), (.otherAsOwn, 403), (.machine, 401),
            ] as [(Principal, Int)] {
                let reply = try await submit(principal, body)
                #expect(reply.status == status, "\(principal)")
                #expect((reply.json["id"] == first.json["id"]) == (status == 201), "\(principal)")
                if status == 201 { #expect(reply["Idempotency-Replayed"] == "true", "\(principal)") }
            }
            let changed = JSON.object([.init("title", "twice")]).bytes()
            #expect(try await submit(.own, changed).status == 422)
            let after = try await DatabaseContents.read(plane.dependencies.database)
            #expect(after.differences(from: before) == [])
            var ids = [first.json["id"]?.string]
            for principal in [Principal.other, .admin, .queenbee] {
                let reply = try await submit(principal, body)
                #expect(reply.status == 201 && reply["Idempotency-Replayed"] == nil, "\(principal)")
                ids.append(reply.json["id"]?.string)
            }
            #expect(Set(ids).count == 4)
            #expect(try await submit(.operatorForOther, body).json["id"]?.string == ids[1])
        }
    }

    @Test("a claim's request id and a lease's token are their machine's", arguments: TestDatabase.all)
    func leases(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, Principals.secret) { plane in
            let all = try await Principals(plane)
            let queue = try await all.queued()
            let claim: JSON = ["limit": 1, "queues": [.string(queue)], "request_id": "r-1"]
            let held = try #require(try await plane.claim(all.worker, claim).first)
            #expect(try await plane.claim(all.worker, claim).map(\.token) == [held.token])
            let (sibling, stranger) = (try await plane.worker(of: all.own), try await plane.worker(of: all.other))
            for worker in [sibling, stranger] {
                #expect(try await plane.claim(worker, claim).isEmpty)
                for call in ["extend", "progress", "release", "result"] {
                    let fields =
                        call == "extend" ? ["extension_ms": 1_000] : call == "result" ? ControlPlane.success : [:]
                    let reply = try await plane.report(held, call, fields, by: worker)
                    #expect(reply.outcome == "403 lease_lost", "\(call)")
                }
            }
            let first = try await plane.finish(held)
            let before = try await DatabaseContents.read(plane.dependencies.database)
            #expect(try await plane.report(held, "result", ControlPlane.success).data == first.data)
            // Another outcome under the same token is none (CONTRACT 4).
            #expect(try await plane.report(held, "result", ControlPlane.failure).outcome == "409 job_ended")
            for worker in [sibling, stranger] {
                #expect(try await plane.report(held, "result", ControlPlane.success, by: worker).status >= 400)
            }
            let after = try await DatabaseContents.read(plane.dependencies.database)
            #expect(after.differences(from: before) == [])
        }
    }

    @Test("a policy or consent that another signed is none of one's own", arguments: TestDatabase.all)
    func signatures(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, Principals.secret) { plane in
            let all = try await Principals(plane)
            let own = Caller(owner: all.own.owner, key: all.other.key, headers: all.own.headers)
            let machine = try await plane.machine(of: all.own)
            let consent = plane.consentBody(own, worker: machine.id, policy: all.worker.policy)
            let before = try await DatabaseContents.read(plane.dependencies.database)
            let policy = try await plane.post("/policies", own, text: plane.policyBody(own, ControlPlane.rules))
            #expect(policy.outcome == "401 bad_signature")
            #expect(try await plane.post("/consents", own, consent).outcome == "401 bad_signature")
            let after = try await DatabaseContents.read(plane.dependencies.database)
            #expect(after.differences(from: before) == [])
        }
    }
}
