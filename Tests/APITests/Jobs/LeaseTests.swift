import API
import Bytes
import Engine
import Support
import Testing

@Suite("A lease", .timeLimit(.minutes(2)))
struct LeaseTests {
    private func until(_ reply: PlaneReply) -> Int64? {
        reply.data["visible_until"]?.string.flatMap { RFC3339.parse($0) }
    }

    @Test("is extended from now, and never beyond twelve hours", arguments: TestDatabase.all)
    func extend(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            let ends = held.grant["lease_ends"]?.string.flatMap { RFC3339.parse($0) } ?? 0
            for milliseconds in [120_000, 1_000, 60_000] as [Int64] {
                let reply = try await plane.report(held, "extend", ["extension_ms": JSON(milliseconds)])
                #expect(reply.data["status"] == "extended")
                #expect(abs((until(reply) ?? 0) - plane.clock.now - milliseconds) < 20_000)
                #expect(reply.data["job_id"]?.string == held.job)
            }
            var reply = try await plane.report(held, "extend", ["extension_ms": 43_200_000])
            #expect(until(reply) == ends, "now is a little after the claim")
            plane.clock.advance(by: .seconds(43_140))
            reply = try await plane.report(held, "extend", ["extension_ms": 3_600_000])
            #expect(until(reply) == ends)
            plane.clock.advance(by: .seconds(61))
            #expect(try await plane.report(held, "extend", ["extension_ms": 1_000]).outcome == "403 lease_lost")
            for value in [999, 43_200_001, -1, 0] as [JSON] {
                let reply = try await plane.report(held, "extend", ["extension_ms": value])
                #expect(reply.outcome == "400 invalid_field")
                #expect(reply.json["field"] == "extension_ms")
            }
        }
    }

    @Test("is judged by itself when many are extended", arguments: TestDatabase.all)
    func extendMany(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            for _ in 0..<3 { _ = try await plane.job() }
            let mine = try await plane.claim(worker, ["limit": 2])
            let theirs = try #require(try await plane.claim(sibling).first)
            _ = try await plane.send("DELETE", "/jobs/\(mine[1].job)", Caller.alice.headers)
            func lease(_ job: String, _ token: String) -> JSON {
                ["job_id": .string(job), "claim_token": .string(token), "extension_ms": 90_000]
            }
            let reply = try await plane.call(
                worker, "jobs/extend",
                [
                    "leases": [
                        lease(mine[0].job, "stale"), lease(theirs.job, theirs.token), lease(mine[0].job, mine[0].token),
                        lease("nothing", "x"), lease(mine[1].job, mine[1].token),
                    ]
                ])
            let leases = reply.data["leases"]?.array ?? []
            #expect(leases.compactMap { $0["status"]?.string } == ["lost", "lost", "extended", "lost", "cancelled"])
            #expect(
                leases.compactMap { $0["job_id"]?.string }
                    == [mine[0].job, theirs.job, mine[0].job, "nothing", mine[1].job])
            #expect(leases.map { $0["visible_until"] != nil } == [false, false, true, false, false])
            for body in [
                "{}", #"{"leases":[]}"#, #"{"leases":{}}"#, #"{"leases":[1]}"#, #"{"leases":[{}]}"#,
                #"{"leases":[{"job_id":"a","claim_token":"b","extension_ms":1000,"x":1}]}"#,
            ] {
                #expect(
                    try await plane.post("/workers/\(worker.id)/jobs/extend", worker.caller, text: body).status == 400)
            }
            let many = JSON.array((0..<1_001).map { lease("j\($0)", "t") })
            #expect(try await plane.call(worker, "jobs/extend", ["leases": many]).status == 400)
        }
    }

    @Test("that is stale changes nothing", arguments: TestDatabase.all)
    func stale(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (worker, sibling) = (try await plane.worker(), try await plane.worker())
            let stranger = try await plane.worker(of: .bob)
            let held = try await plane.held(by: worker)
            _ = try await plane.report(held, "progress", ["percent": 10, "message": "m", "log": "l"])
            let before = try await plane.show(held.job)
            let calls: [(String, JSON)] = [
                ("extend", ["extension_ms": 600_000]), ("progress", ["percent": 99, "message": "evil", "log": "evil"]),
                ("release", ["reason": "evil"]), ("result", ControlPlane.success), ("result", ControlPlane.failure),
            ]
            for (call, fields) in calls {
                for (token, other) in [
                    ("0", worker), (held.token, sibling), (held.token, stranger), (held.token.uppercased(), worker),
                    (SHA256.hex(held.token), worker),
                ] {
                    let reply = try await plane.report(held, call, fields, token: token, by: other)
                    #expect(reply.outcome == "403 lease_lost", "\(call)")
                }
            }
            #expect(try await plane.show(held.job) == before)
            // The same token after its time, swept or not.
            plane.clock.advance(by: .seconds(60))
            for (call, fields) in calls {
                #expect(
                    try await plane.report(held, call, fields).outcome == "403 lease_lost", "\(call) when it is over")
            }
            #expect(try await plane.show(held.job) == before)
            try await plane.tick()
            plane.clock.advance(by: .seconds(3))
            try await plane.tick()
            let next = try #require(try await plane.claim(sibling).first)
            #expect(next.fence == held.fence + 1)
            let after = try await plane.show(held.job)
            #expect(after["losses"] == 1)
            for (call, fields) in calls {
                #expect(
                    try await plane.report(held, call, fields).outcome == "403 lease_lost", "\(call) when it is lost")
            }
            #expect(try await plane.show(held.job) == after)
            try await plane.finish(next)
            let ended = try await plane.show(held.job)
            for (call, fields) in calls {
                #expect(try await plane.report(held, call, fields).outcome == "409 job_ended", "\(call) after the end")
            }
            #expect(try await plane.show(held.job) == ended)
        }
    }

    @Test("given back refunds the attempt, not the fence", arguments: TestDatabase.all)
    func release(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker, ["max_attempts": 1])
            #expect(try await plane.report(held, "release", ["reason": "no room"]).data == ["released": true])
            #expect(try await plane.report(held, "release").outcome == "403 lease_lost")
            try await plane.tick()
            let again = try #require(try await plane.claim(worker).first)
            #expect(again.grant["attempt"] == 1)
            #expect(again.fence == 2)
            let attempts = try await plane.show(held.job)["attempts"]?.array ?? []
            #expect(attempts.map { $0["outcome"] } == ["released", .null])
            #expect(attempts.first?["error"] == "no room")
            #expect(try await plane.report(again, "release", ["lost": 1]).outcome == "400 invalid_field")
        }
    }

    @Test("whose work a killed daemon lost count as leases that ran out", arguments: TestDatabase.all)
    func lost(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let id = try await plane.job(["max_attempts": 1])
            for fence in 1...3 as ClosedRange<Int64> {
                let held = try #require(try await plane.claim(worker).first)
                #expect(held.fence == fence)
                let reply = try await plane.report(held, "release", ["lost": true, "reason": "killed \(fence)"])
                #expect(reply.data == ["released": true])
                plane.clock.advance(by: .seconds(2))
                try await plane.tick()
            }
            let job = try await plane.show(id)
            #expect([job["status"], job["reason"], job["losses"]] == ["failed", "poison", 3])
            let attempts = job["attempts"]?.array ?? []
            #expect(attempts.map { $0["outcome"] } == ["lost", "lost", "lost"])
            #expect(attempts.map { $0["error"] } == ["killed 1", "killed 2", "killed 3"])
            #expect(plane.dependencies.broker.stats.snapshot.lostLeases == 3)
        }
    }

    @Test("lost by three workers in a row is a poisoned job's", arguments: TestDatabase.all)
    func poison(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let id = try await plane.job(["max_attempts": 1])
            for fence in 1...3 {
                try await plane.tick()
                let held = try #require(
                    try await plane.claim(worker, ["limit": 1, "visibility_timeout_ms": 1_000]).first)
                #expect(held.fence == Int64(fence))
                // A moment at a time: a long silence would be an outage, and forgiven. So that what the calls
                // themselves take is none either, little is added to it.
                for _ in 0..<18 {
                    try await plane.tick()
                    plane.clock.advance(by: .milliseconds(250))
                }
                try await plane.tick()
            }
            let job = try await plane.show(id)
            #expect(job["status"] == "failed")
            #expect(job["reason"] == "poison")
            #expect(job["losses"] == 3)
            #expect(job["attempts"]?.array?.compactMap { $0["outcome"]?.string } == ["lost", "lost", "lost"])
        }
    }
}
