import Bytes
import Support
import Testing

@Suite("Tenants of the control plane", .timeLimit(.minutes(2)))
struct ControlPlaneIsolationTests {
    @Test("nobody sees or touches what is another's", arguments: TestDatabase.all)
    func matrix(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let draft = try await plane.policy(of: .alice, active: false)
            let before = try await plane.get("/audit/events", .alice).data
            let carol = try await plane.agent("Carol")
            for caller in [Caller.bob, carol] {
                let consent = plane.consentBody(caller, worker: worker.id, policy: worker.policy)
                let asAlice = Caller(owner: "alice", key: caller.key, headers: caller.headers)
                let signedAsAlice = plane.consentBody(asAlice, worker: worker.id, policy: worker.policy)
                for (method, path, body, outcome) in [
                    ("GET", "/machines/\(worker.id)", nil, "404 not_found"),
                    ("GET", "/policies/\(worker.policy)", nil, "404 not_found"),
                    ("POST", "/policies/\(draft)/activate", nil, "403 forbidden"),
                    ("POST", "/consents/\(worker.consent)/revoke", nil, "403 forbidden"),
                    ("POST", "/consents", consent, "400 invalid_field"),
                    ("POST", "/consents", signedAsAlice, "403 forbidden"),
                    ("POST", "/machines/register", ["owner_id": "alice", "name": "m"], "403 forbidden"),
                    (
                        "POST", "/policies", try JSON(parsing: plane.policyBody(asAlice, ControlPlane.rules)),
                        "403 forbidden"
                    ),
                ] as [(String, String, JSON?, String)] {
                    let reply = try await plane.send(method, path, caller.headers, bytes: body?.bytes())
                    #expect(reply.outcome == outcome, "\(method) \(path)")
                }
                for list in ["machines", "policies", "consents"] {
                    #expect(try await plane.get("/\(list)", caller).data[list] == [])
                }
                let events = try await plane.get("/audit/events", caller).data["events"]?.array ?? []
                #expect(!events.contains { $0.text().contains(worker.id) || $0.text().contains(draft) })
            }
            #expect(try await plane.get("/audit/events", .alice).data == before)
        }
    }

    @Test("a member's key can't name another owner, and a machine's token no other machine")
    func impersonation() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let carol = try await plane.agent("Carol")
            let headers = carol.headers + [("X-Owner-ID", "alice")]
            for path in ["/machines", "/policies", "/consents", "/audit/events", "/agents/me"] {
                #expect(try await plane.send("GET", path, headers).outcome == "403 forbidden")
                #expect(try await plane.get(path, .nobody).outcome == "401 unauthorized")
            }
            let (mine, theirs) = (try await plane.worker(of: carol), try await plane.worker(of: .alice))
            var beat = plane.beat(theirs)
            beat.token = mine.token
            #expect(try await plane.send(beat).outcome == "401 invalid_heartbeat_auth")
            beat = plane.beat(mine)
            beat.policy = theirs.policy
            #expect(try await plane.send(beat).outcome == "403 no_consent")
        }
    }
}
