import Bytes
import Support
import Testing

@Suite("Results", .timeLimit(.minutes(2)))
struct ResultTests {
    @Test("are accepted once, and repeated calls get the same answer", arguments: TestDatabase.all)
    func replay(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            for (result, attempts, state) in [
                (ControlPlane.success, 3, "completed"), (ControlPlane.failure, 1, "failed"),
                (ControlPlane.failure, 3, "pending"),
            ] as [(JSON, Int, String)] {
                let held = try await plane.held(by: worker, ["max_attempts": JSON(attempts)])
                let first = try await plane.report(held, "result", result)
                #expect(
                    first.data == [
                        "job_id": .string(held.job), "accepted": true, "status": .string(state), "attempt": 1,
                        "fence": 1, "paid_usdt": "0",
                    ])
                let before = try await plane.show(held.job)
                let refusal = state == "pending" ? "403 lease_lost" : "409 job_ended"
                let otherOutcome = state == "pending" ? "409 wrong_state" : "409 job_ended"
                for again in [result, ControlPlane.success, ControlPlane.failure] {
                    let reply = try await plane.report(held, "result", again)
                    if again == result {
                        #expect(reply.body == first.body)
                    } else {
                        #expect(reply.outcome == otherOutcome)
                    }
                }
                let many: JSON = ["results": [named(held, result)]]
                #expect(try await plane.call(worker, "jobs/results", many).data["results"] == [first.data])
                #expect(try await plane.report(held, "result", result, token: "x").outcome == refusal)
                #expect(try await plane.report(held, "result", result, by: sibling).outcome == refusal)
                #expect(try await plane.show(held.job) == before)
                _ = try await plane.send("DELETE", "/jobs/\(held.job)", Caller.alice.headers)
            }
        }
    }

    private func named(_ held: Held, _ result: JSON, token: String? = nil) -> JSON {
        .object(
            [.init("job_id", .string(held.job)), .init("claim_token", .string(token ?? held.token))]
                + (result.members ?? []))
    }

    @Test("sent together are judged one by one, in the order given", arguments: TestDatabase.all)
    func batch(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            for _ in 0..<6 { _ = try await plane.job() }
            let held = try await plane.claim(worker, ["limit": 5])
            let theirs = try #require(try await plane.claim(sibling).first)
            try await plane.finish(held[3])
            _ = try await plane.send("DELETE", "/jobs/\(held[4].job)", Caller.alice.headers)
            let results: [JSON] = [
                named(held[0], ControlPlane.failure), named(held[1], ControlPlane.success, token: "x"),
                named(theirs, ControlPlane.success), named(held[2], ControlPlane.success),
                named(held[3], ControlPlane.success), named(held[4], ControlPlane.success),
                named(held[0], ControlPlane.failure),
            ]
            let reply = try await plane.call(worker, "jobs/results", ["results": .array(results)])
            #expect(reply.status == 200, "\(reply.text)")
            let told = (reply.data["results"]?.array ?? []).map { result in
                result["accepted"] == true ? result["status"]?.string ?? "" : result["code"]?.string ?? ""
            }
            #expect(told == ["pending", "lease_lost", "lease_lost", "completed", "completed", "job_ended", "pending"])
            #expect(
                (reply.data["results"]?.array ?? []).compactMap { $0["job_id"]?.string }
                    == [held[0], held[1], theirs, held[2], held[3], held[4], held[0]].map(\.job))
            #expect(try await plane.status(theirs.job) == "running")
            #expect(try await plane.status(held[1].job) == "running")
            let again = try await plane.call(worker, "jobs/results", ["results": .array(results)])
            #expect(again.body == reply.body)
        }
    }

    @Test("whose fields are wrong are refused, all of a call", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            let good = ControlPlane.success.members ?? []
            for (key, value) in [
                ("status", "ok"), ("status", 1), ("status", .null), ("exit_code", 1.5), ("exit_code", 2_147_483_648),
                ("exit_code", "0"), ("output", 1), ("error", []),
                ("error", .string(String(repeating: "x", count: 65_537))),
                ("report", 1), ("report", "x"), ("executed_at", "now"), ("executed_at", 1), ("executed_at", .null),
                ("duration_ms", -1), ("duration_ms", 31_536_000_001), ("duration_ms", .null), ("duration_ms", 1.5),
                ("surprise", 1),
            ] as [(String, JSON)] {
                let fields = JSON.object(good.filter { $0.key != key } + [.init(key, value)])
                let reply = try await plane.report(held, "result", fields)
                #expect(reply.status == 400, "\(key) \(value.text().prefix(40))")
                #expect(reply.json["field"]?.string == key)
                let named = JSON.object(
                    [.init("job_id", .string(held.job)), .init("claim_token", .string(held.token))]
                        + (fields.members ?? []))
                let many = try await plane.call(worker, "jobs/results", ["results": [named]])
                #expect(many.status == 400)
                #expect(many.json["field"]?.string == "results[0].\(key)")
            }
            for (percent, status) in [(-0.1, 400), (100.1, 400), (0, 200), (100, 200)] as [(JSON, Int)] {
                #expect(try await plane.report(held, "progress", ["percent": percent]).status == status)
            }
            let long = JSON.string(String(repeating: "é", count: 513))
            #expect(try await plane.report(held, "progress", ["message": long]).json["field"] == "message")
            #expect(try await plane.report(held, "release", ["reason": long]).json["field"] == "reason")
            #expect(
                try await plane.report(held, "result", ControlPlane.success, token: "").json["field"] == "claim_token")
            let hundred = JSON.array(Array(repeating: named(held, ControlPlane.success), count: 101))
            #expect(try await plane.call(worker, "jobs/results", ["results": hundred]).status == 400)
            #expect(try await plane.call(worker, "jobs/results", ["results": []]).status == 400)
            #expect(try await plane.status(held.job) == "running")
        }
    }

    @Test("are taken as they are, whatever text is in them", arguments: TestDatabase.all)
    func text(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let odd = "\u{1}\u{7F}\u{85}\u{2028}\u{FFFF}\u{FEFF}🐣é\r\n\\\"'; DROP TABLE jobs; --"
            let held = try await plane.held(by: worker)
            let result: JSON = [
                "status": "success", "exit_code": -2_147_483_648, "output": .string(odd), "error": .string(odd),
                "report": ["a": [1, .null]], "executed_at": "0001-01-01T00:00:00Z", "duration_ms": 31_536_000_000,
            ]
            try await plane.finish(held, result)
            let job = try await plane.show(held.job)
            #expect(job["result"]?["output"]?.string == odd)
            #expect(job["result"]?["exit_code"] == -2_147_483_648)
            let big = try await plane.held(by: worker)
            let output = String(repeating: "x", count: 1_000_000)
            try await plane.finish(
                big,
                [
                    "status": "timeout", "output": .string(output), "executed_at": "9999-12-31T23:59:59Z",
                    "duration_ms": 0,
                ])
            #expect(try await plane.status(big.job) == "pending")
        }
    }
}
