import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The audit log", .timeLimit(.minutes(2)))
struct ControlPlaneAuditTests {
    private func events(
        _ plane: ControlPlane, _ query: String = "", of caller: Caller = .alice
    ) async throws -> [JSON] {
        try #require(try await plane.get("/audit/events\(query)", caller).data["events"]?.array)
    }

    /// Whether each event is bound to the one before it.
    private func expectChain(_ events: [JSON], after start: String = String(repeating: "0", count: 64)) {
        var last = start
        for event in events {
            let fields = ["actor", "created_at", "id", "metadata", "object_id", "type"].map { name in
                "\"\(name)\": \((event[name] ?? .null).text(.canonical))"
            }
            #expect(event["prev_hash"]?.string == last)
            let hash = SHA256.hex(last + "{\(fields.joined(separator: ", "))}")
            #expect(event["hash"]?.string == hash)
            last = hash
        }
    }

    @Test("a client reads what it did at once, oldest first, in a chain it can verify", arguments: TestDatabase.all)
    func chain(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            #expect(try await events(plane) == [])
            let worker = try await plane.worker()
            #expect(try await plane.send(plane.beat(worker)).status == 200)
            #expect(try await plane.post("/consents/\(worker.consent)/revoke", .alice).status == 200)
            _ = try await plane.machine(of: .alice, "Zürich \u{1F41D} \"q\"\n")
            let all = try await events(plane)
            try #require(
                all.compactMap { $0["type"]?.string } == [
                    "machine_registered", "policy_created", "policy_activated", "consent_created", "worker_heartbeat",
                    "consent_revoked", "machine_registered",
                ])
            #expect(
                all.compactMap { $0["object_id"]?.string }.prefix(6) == [
                    worker.id, worker.policy, worker.policy, worker.consent, worker.id, worker.consent,
                ])
            #expect(all[4]["actor"]?.string == worker.id && all[0]["actor"] == "operator")
            #expect(all[3]["metadata"] == ["worker_id": .string(worker.id), "policy_id": .string(worker.policy)])
            expectChain(all)
            expectChain(Array(all.dropFirst(3)), after: try #require(all[2]["hash"]?.string))
            // What is refused and what changes nothing is no event.
            #expect(try await plane.post("/consents/\(worker.consent)/revoke", .alice).status == 200)
            #expect(try await plane.post("/policies/\(worker.policy)/activate", .alice).status == 200)
            #expect(try await plane.send(plane.beat(worker)).status == 403)
            #expect(try await events(plane) == all)
        }
    }

    @Test("limit and offset cut the log into pages, each within its bounds", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.dependencies.database.write { tx in
                for number in 0..<620 {
                    let (id, metadata) = ("aud_\(1_000_000_000_000_000 + number)", "{\"n\":\(number)}")
                    try tx.execute(
                        """
                        INSERT INTO recorded_events (id, owner_id, type, actor, object_id, metadata, created_at)
                        VALUES (\(id), 'alice', 'job_ended', 'system', 'job', \(metadata), \(tx.now))
                        """)
                }
                try tx.execute(
                    """
                    INSERT INTO unsealed_events (seq, owner_id, events, numbers)
                    SELECT seq, owner_id, 1, CAST(seq AS TEXT) FROM events WHERE owner_id = 'alice'
                    """)
            }
            _ = try await plane.machine(of: .bob)
            func numbers(_ query: String) async throws -> [Int64] {
                try await events(plane, query).compactMap { $0["metadata"]?["n"]?.int }
            }
            #expect(try await numbers("") == Array(0..<100))
            #expect(try await numbers("?limit=3") == [0, 1, 2])
            #expect(try await numbers("?limit=3&offset=5") == [5, 6, 7])
            #expect(try await numbers("?limit=9999") == Array(0..<500))
            #expect(try await numbers("?limit=99999999999999999999&offset=600") == Array(600..<620))
            #expect(try await numbers("?offset=620") == [])
            #expect(try await numbers("?offset=99999999999999999999") == [])
            let page = try await plane.get("/audit/events?limit=501&offset=2", .alice).data
            #expect(page["limit"] == 500 && page["offset"] == 2)
            for query in [
                "limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1e2", "limit=%31%00", "limit=0x10",
                "offset=-1", "offset=x", "offset=", "limit=-99999999999999999999", "offset=%zz", "limit=٣",
            ] {
                let reply = try await plane.get("/audit/events?\(query)", .alice)
                #expect(reply.outcome == "400 invalid_field", "\(query)")
            }
            expectChain(try await events(plane, "?limit=500"))
        }
    }

    @Test("chains stay whole when many write and seal at once, on two servers", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        try await ControlPlane.run(database, url: url) { one in
            try await ControlPlane.run(database, url: url) { other in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<8 {
                        group.addTask {
                            let plane = number % 2 == 0 ? one : other
                            let caller: Caller = number % 4 < 2 ? .alice : .bob
                            for _ in 0..<5 {
                                let machine = try await plane.machine(of: caller)
                                let own = try await events(plane, "?limit=500", of: caller)
                                #expect(own.contains { $0["object_id"]?.string == machine.id })
                                expectChain(own)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for caller in [Caller.alice, .bob] {
                    let own = try await events(one, "?limit=500", of: caller)
                    #expect(own.count == 20)
                    expectChain(own)
                }
            }
        }
    }
}
