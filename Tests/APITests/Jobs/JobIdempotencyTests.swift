import Bytes
import Support
import Testing

@Suite("An idempotency key", .timeLimit(.minutes(2)))
struct JobIdempotencyTests {
    private let body = ControlPlane.request(["description": "é"])

    private func same(_ left: PlaneReply, _ right: PlaneReply) -> Bool {
        left.status == right.status && left.body == right.body
            && ["ETag", "Location", "Content-Type", "Cache-Control"].allSatisfy { left[$0] == right[$0] }
    }

    @Test("makes a repeated call answer as the first did, whatever became of the job", arguments: TestDatabase.all)
    func replay(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let caller = Caller.alice.with(("Idempotency-Key", "k-1"))
            let first = try await plane.post("/jobs", caller, body)
            #expect(first.status == 201)
            #expect(first["Idempotency-Replayed"] == nil)
            let id = try #require(first.json["id"]?.string)
            #expect(try await plane.send("DELETE", "/jobs/\(id)", caller.headers).status == 200)
            plane.clock.advance(by: .seconds(3_600))
            for base in ["/api/v1", "/v1"] {
                let again = try await plane.send("POST", "/jobs", caller.headers, bytes: body.bytes(), base: base)
                #expect(same(again, first))
                #expect(again["Idempotency-Replayed"] == "true")
            }
            let batch: JSON = ["jobs": [body, body]]
            let many = try await plane.post("/jobs/batch", caller, batch)
            #expect(many.ids.count == 2, "another endpoint, another key: \(many.text)")
            #expect(try await same(plane.post("/jobs/batch", caller, batch), many))
            #expect(try await plane.get("/jobs", .alice).ids.count == 3)
        }
    }

    @Test("with another body does nothing", arguments: TestDatabase.all)
    func otherBody(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let caller = Caller.alice.with(("Idempotency-Key", "k"))
            _ = try await plane.post("/jobs", caller, body)
            for other in [ControlPlane.request(), ControlPlane.request(["title": "u"])] {
                let reply = try await plane.post("/jobs", caller, other)
                #expect(reply.blame == "422 Idempotency-Key", "\(reply.text)")
            }
            #expect(try await plane.get("/jobs", .alice).ids.count == 1)
        }
    }

    @Test("is private to its member", arguments: TestDatabase.all)
    func scope(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let carol = try await plane.agent("Carol")
            var ids: Set<String> = []
            for caller in [Caller.alice, .bob, carol] {
                let reply = try await plane.post("/jobs", caller.with(("Idempotency-Key", "shared")), body)
                ids.insert(try #require(reply.json["id"]?.string))
                #expect(try await plane.get("/jobs", caller).ids.count == 1)
            }
            #expect(ids.count == 3)
            // The operator in her name is she.
            let asCarol = Caller.operator(for: carol.owner).with(("Idempotency-Key", "shared"))
            let reply = try await plane.post("/jobs", asCarol, body)
            #expect(reply["Idempotency-Replayed"] == "true")
        }
    }

    @Test("shown many times at once makes one job", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for round in 0..<5 {
                let caller = Caller.alice.with(("Idempotency-Key", "crowd-\(round)"))
                let replies = try await withThrowingTaskGroup(of: PlaneReply.self) { group in
                    for _ in 0..<16 { group.addTask { try await plane.post("/jobs", caller, body) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(replies.map(\.text)).count == 1)
                #expect(replies.allSatisfy { $0.status == 201 })
                #expect(replies.count { $0["Idempotency-Replayed"] == nil } == 1)
                #expect(try await plane.get("/jobs", .alice).ids.count == round + 1)
            }
        }
    }

    @Test("shown many times at once makes one job, where there is money for one", arguments: TestDatabase.all)
    func crowdWithMoney(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for round in 0..<8 {
                try await plane.fund(.alice, "1")
                let caller = Caller.alice.with(("Idempotency-Key", "crowd-\(round)"))
                let priced = ControlPlane.request(["max_price_usdt": "1"])
                let replies = try await withThrowingTaskGroup(of: PlaneReply.self) { group in
                    for _ in 0..<16 { group.addTask { try await plane.post("/jobs", caller, priced) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(replies.map(\.text)).count == 1)
                #expect(replies.allSatisfy { $0.status == 201 })
            }
        }
    }

    @Test("is not spent by a refused call, and must be well formed", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let caller = Caller.alice.with(("Idempotency-Key", "k"))
            #expect(try await plane.post("/jobs", caller, ["title": ""]).status == 422)
            let missing: JSON = ["title": "t", "depends_on": ["0190b5f0-0000-7000-8000-000000000001"]]
            #expect(try await plane.post("/jobs", caller, missing).status == 422)
            #expect(try await plane.post("/jobs", caller, body).status == 201)
            for key in ["", "a b", "é", String(repeating: "k", count: 256)] {
                let reply = try await plane.post("/jobs", .alice.with(("Idempotency-Key", key)), body)
                #expect(reply.status == 400, "\(key.prefix(10)) \(reply.text)")
            }
            let long = Caller.alice.with(("Idempotency-Key", String(repeating: "~", count: 255)))
            #expect(try await plane.post("/jobs", long, body).status == 201)
            #expect(try await plane.get("/jobs", .alice).ids.count == 2)
        }
    }
}
