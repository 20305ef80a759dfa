import Bytes
import Domain
import Support
import Testing

@Suite("Consents", .timeLimit(.minutes(2)))
struct ControlPlaneConsentTests {
    @Test("a consent is signed over owner, worker and policy", arguments: TestDatabase.all)
    func create(on database: TestDatabase) async throws {
        // By Python's hmac.
        #expect(
            Caller.alice.sign("alice|wrk_0123456789abcdef|pol_0123456789abcdef")
                == "Fl1aL6Zq7iRjB/ZEOpVsxdqRGwXGFofjBzaWL3HFVOw=")
        try await ControlPlane.run(database) { plane in
            let machine = try await plane.machine(of: .alice)
            let policy = try await plane.policy(of: .alice)
            let body = plane.consentBody(.alice, worker: machine.id, policy: policy)
            let reply = try await plane.post("/consents", .alice, body)
            #expect(reply.status == 201)
            let consent = try #require(reply.data["consent"])
            #expect(consent["worker_id"]?.string == machine.id && consent["policy_id"]?.string == policy)
            #expect(consent["owner_id"] == "alice" && consent["revoked_at"] == .null)
            // A call that is repeated because its answer was lost leaves no second consent behind.
            #expect(try await plane.post("/consents", .alice, body).data["consent"] == consent)

            let id = try #require(consent["id"]?.string)
            let revoked = try await plane.post("/consents/\(id)/revoke", .alice).data["consent"]
            #expect(revoked?["revoked_at"]?.string.flatMap(RFC3339.parse) != nil)
            plane.clock.advance(by: .seconds(9))
            #expect(try await plane.post("/consents/\(id)/revoke", .alice, [:]).data["consent"] == revoked)
            #expect(try await plane.post("/consents/\(id)/revoke", .alice, ["x": 1]).status == 400)
            #expect(try await plane.post("/consents/con_0000000000000000/revoke", .alice).status == 404)

            let next = try await plane.post("/consents", .alice, body).data["consent"]
            #expect(next?["id"]?.string != id && next?["revoked_at"] == .null)
        }
    }

    @Test("given many times at once it is one, and revoking it ends it", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for _ in 0..<5 {
                let machine = try await plane.machine(of: .alice)
                let policy = try await plane.policy(of: .alice)
                let given = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<8 {
                        group.addTask { try await plane.consent(of: .alice, worker: machine.id, policy: policy) }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(given.count == 1)
            }
        }
    }

    @Test("of several faults the first in line is told: fields, owner, signature, then what is bound")
    func order() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let machine = try await plane.machine(of: .alice)
            let foreign = try await plane.machine(of: .bob)
            let (draft, active) = (
                try await plane.policy(of: .alice, active: false), try await plane.policy(of: .alice)
            )
            let foreignPolicy = try await plane.policy(of: .bob)
            func outcome(
                _ owner: Caller, _ worker: String, _ policy: String, signature: String? = nil
            ) async throws -> String {
                let signature = signature ?? owner.sign("\(owner.owner)|\(worker)|\(policy)")
                let reply = try await plane.post(
                    "/consents", .alice,
                    [
                        "owner_id": .string(owner.owner), "worker_id": .string(worker), "policy_id": .string(policy),
                        "signature": .string(signature),
                    ])
                return reply.outcome + " " + (reply.json["field"]?.string ?? "")
            }
            #expect(try await outcome(.bob, machine.id, "", signature: "x") == "400 invalid_field policy_id")
            #expect(try await outcome(.bob, machine.id, draft, signature: "x") == "403 forbidden ")
            #expect(try await outcome(.alice, "wrk_0", draft, signature: "x") == "401 bad_signature ")
            let slid = Caller.alice.sign("alice|\(machine.id)|\(active)|")
            #expect(try await outcome(.alice, machine.id, active, signature: slid) == "401 bad_signature ")
            #expect(try await outcome(.alice, "wrk_0", draft) == "400 invalid_field worker_id")
            #expect(try await outcome(.alice, foreign.id, active) == "400 invalid_field worker_id")
            #expect(try await outcome(.alice, machine.id, "pol_0") == "400 invalid_field policy_id")
            #expect(try await outcome(.alice, machine.id, foreignPolicy) == "400 invalid_field policy_id")
            #expect(try await outcome(.alice, machine.id, draft) == "400 invalid_field policy_id")
            #expect(try await outcome(.alice, machine.id, active) == "201 ")
        }
    }

    @Test("revoking ends heartbeats and claims, and running jobs are told to stop", arguments: TestDatabase.all)
    func revoke(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let headers = [("X-Machine-Token", worker.token)]
            let job = try await plane.post("/jobs", .alice, ["title": "t", "command": "true"])
            let id = try #require(job.json["id"]?.string, "\(job.text)")
            let claimed = try await plane.send(
                "POST", "/workers/\(worker.id)/jobs/claim", headers, bytes: Array(#"{"limit":1}"#.utf8))
            #expect(claimed.data["jobs"]?.array?.first?["id"]?.string == id, "\(claimed.text)")
            let second = try await plane.policy(of: .alice)
            let other = try await plane.consent(of: .alice, worker: worker.id, policy: second)

            // One of two consents: the worker may go on under the other.
            #expect(try await plane.post("/consents/\(worker.consent)/revoke", .alice).status == 200)
            #expect(try await plane.send(plane.beat(worker)).outcome == "403 no_consent")
            var moved = worker
            moved.policy = second
            #expect(try await plane.send(plane.beat(moved)).data["cancelled"] == [])

            #expect(try await plane.post("/consents/\(other)/revoke", .alice).status == 200)
            #expect(try await plane.send(plane.beat(moved)).outcome == "403 no_consent")
            let empty = try await plane.send(
                "POST", "/workers/\(worker.id)/jobs/claim", headers, bytes: Array(#"{"limit":1}"#.utf8))
            #expect(empty.data["jobs"] == [])
            // Under a new consent it hears of what it lost.
            _ = try await plane.consent(of: .alice, worker: worker.id, policy: worker.policy)
            #expect(try await plane.send(plane.beat(worker)).data["cancelled"] == [.string(id)])
        }
    }

    @Test("an owner lists all its consents, page by page", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            _ = try await plane.worker(of: .bob)
            var ids: Set<String> = []
            for _ in 0..<2 {
                let worker = try await plane.worker()
                ids.insert(worker.consent)
                let policy = try await plane.policy(of: .alice)
                ids.insert(try await plane.consent(of: .alice, worker: worker.id, policy: policy))
            }
            let revoked = try #require(ids.first)
            #expect(try await plane.post("/consents/\(revoked)/revoke", .alice).status == 200)
            var seen: [JSON] = []
            var cursor: String?
            repeat {
                let path = "/consents?limit=1" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await plane.get(path, .alice).data
                seen += page["consents"]?.array ?? []
                cursor = page["next_cursor"]?.string
            } while cursor != nil
            #expect(seen.count == 4 && Set(seen.compactMap { $0["id"]?.string }) == ids)
            #expect(seen.filter { $0["revoked_at"] != .null }.map { $0["id"]?.string } == [revoked])
        }
    }
}
