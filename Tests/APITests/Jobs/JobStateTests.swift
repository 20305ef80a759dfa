import Bytes
import Support
import Testing

@Suite("A job's states", .timeLimit(.minutes(2)))
struct JobStateTests {
    private func delete(_ plane: ControlPlane, _ id: String) async throws -> PlaneReply {
        try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers)
    }

    @Test("are shown with attempts, result, error and why it waits", arguments: TestDatabase.all)
    func show(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let first = try await plane.held(
                by: worker, ["max_attempts": 2, "backoff": ["initial_ms": 0, "max_ms": 0]])
            var job = try await plane.show(first.job)
            #expect(job["status"] == "running")
            #expect(job["pending_reason"] == .null)
            #expect(job["attempts"]?.array?.count == 1)
            #expect(job["attempts"]?.array?.first?["outcome"] == .null)
            #expect(job["attempts"]?.array?.first?["worker_id"]?.string == worker.id)
            #expect(job["visible_until"]?.string == first.grant["visible_until"]?.string)
            let again = try await plane.finish(first, ControlPlane.failure)
            #expect(again.data["status"] == "pending")
            job = try await plane.show(first.job)
            #expect(job["status"] == "pending")
            #expect(job["pending_reason"]?.string?.isEmpty == false)
            #expect(job["result"] == .null)
            try await plane.tick()
            let second = try #require(try await plane.claim(worker).first)
            try await plane.finish(second, ControlPlane.failure)
            job = try await plane.show(first.job)
            #expect(job["status"] == "failed")
            #expect(job["error"] == "it broke")
            #expect(job["result"]?["exit_code"] == 3)
            #expect(job["result"]?["duration_ms"] == 5)
            let attempts = job["attempts"]?.array ?? []
            #expect(attempts.compactMap { $0["attempt"]?.int } == [1, 2])
            #expect(attempts.compactMap { $0["outcome"]?.string } == ["failure", "failure"])
            #expect(attempts.compactMap { $0["exit_code"]?.int } == [3, 3])
            #expect(attempts.allSatisfy { $0["error"] == "it broke" && $0["ended_at"]?.string != nil })
            #expect(job["ended_at"]?.string != nil)
            let good = try await plane.held(by: worker)
            try await plane.finish(good)
            job = try await plane.show(good.job)
            #expect(job["status"] == "completed")
            #expect(job["result"] == ["exit_code": 0, "output": "done", "duration_ms": 5])
            #expect(job["error"] == .null)
        }
    }

    @Test("before the end can be cancelled, once", arguments: TestDatabase.all)
    func cancel(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let pending = try await plane.job()
            let later = try await plane.job(["run_at": "9999-01-01T00:00:00Z"])
            let manual = try await plane.job(["command": .null])
            let blocked = try await plane.job(["depends_on": [.string(pending), .string(later)]])
            let behind = try await plane.job(["depends_on": [.string(blocked)]])
            for id in [later, manual] {
                let reply = try await delete(plane, id)
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply.json["status"] == "cancelled")
                #expect(reply.json["reason"] == "cancelled")
                #expect(reply["ETag"] == reply.tag)
                let again = try await delete(plane, id)
                #expect(again.status == 409)
                #expect(again.json["error"]?["type"] == "http_exception")
            }
            for id in [blocked, behind] {
                let job = try await plane.show(id)
                #expect(job["status"] == "cancelled")
                #expect(job["reason"] == "dependency")
            }
            #expect(try await plane.status(pending) == "pending")
            let born = try await plane.post("/jobs", .alice, ControlPlane.request(["depends_on": [.string(later)]]))
            #expect(born.json["status"] == "cancelled")
            #expect(born.json["reason"] == "dependency")
            for id in ["0190b5f0-0000-7000-8000-000000000001", "x", "%E2%84%AA", "null"] {
                #expect(try await delete(plane, id).status == 404)
            }
        }
    }

    @Test(
        "of a running job that is cancelled are told to its worker, who is not heard any more",
        arguments: TestDatabase.all)
    func cancelRunning(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            #expect(try await delete(plane, held.job).status == 200)
            let leases: JSON = [
                ["job_id": .string(held.job), "claim_token": .string(held.token), "extension_ms": 60_000]
            ]
            let extended = try await plane.call(worker, "jobs/extend", ["leases": leases])
            #expect(extended.data["leases"] == [["job_id": .string(held.job), "status": "cancelled"]])
            #expect(try await plane.send(plane.beat(worker)).data["cancelled"] == [.string(held.job)])
            let before = try await plane.show(held.job)
            for (call, fields) in [
                ("extend", ["extension_ms": 60_000]), ("progress", ["percent": 50, "log": "late"]), ("release", [:]),
                ("result", ControlPlane.success), ("result", ControlPlane.failure),
            ] as [(String, JSON)] {
                #expect(try await plane.report(held, call, fields).outcome == "409 job_ended", "\(call)")
            }
            #expect(try await plane.keep(held, "late.txt", [1]).outcome == "409 job_ended")
            #expect(try await plane.show(held.job) == before)
            #expect(before["attempts"]?.array?.first?["outcome"] == "cancelled")
            #expect(try await plane.get("/jobs/\(held.job)/logs", .alice).json["logs"] == [])
            #expect(try await plane.claim(worker).isEmpty)
        }
    }

    @Test("that are the end stay", arguments: TestDatabase.all)
    func terminal(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let done = try await plane.held(by: worker)
            try await plane.finish(done)
            let failed = try await plane.failed(by: worker)
            for id in [done.job, failed] {
                let before = try await plane.get("/jobs/\(id)", .alice)
                #expect(try await delete(plane, id).status == 409)
                #expect(try await plane.get("/jobs/\(id)", .alice).body == before.body)
            }
        }
    }

    @Test("begin anew when a failed job is retried, and only then", arguments: TestDatabase.all)
    func retry(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let id = try await plane.failed(by: worker)
            let reply = try await plane.post("/jobs/\(id)/retry", .alice)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply.json["status"] == "pending")
            #expect(reply.json["error"] == .null)
            #expect(reply["ETag"] == reply.tag)
            #expect(try await plane.post("/jobs/\(id)/retry", .alice).status == 409, "it has not failed")
            try await plane.tick()
            let held = try #require(try await plane.claim(worker).first)
            #expect(held.job == id)
            #expect(held.fence == 2)
            #expect(held.grant["attempt"] == 2)
            #expect(try await plane.post("/jobs/\(id)/retry", .alice).status == 409)
            try await plane.finish(held)
            #expect(try await plane.post("/jobs/\(id)/retry", .alice).status == 409)
            #expect(try await plane.show(id)["attempts"]?.array?.count == 2)
            let cancelled = try await plane.job()
            _ = try await delete(plane, cancelled)
            #expect(try await plane.post("/jobs/\(cancelled)/retry", .alice).status == 409)
            #expect(try await plane.post("/jobs/nothing/retry", .alice).status == 404)
            let other = try await plane.failed(by: worker)
            #expect(
                try await plane.post("/jobs/\(other)/retry", .alice, ["max_attempts": 9]).blame == "422 max_attempts")
            #expect(try await plane.status(other) == "failed")
            #expect(try await plane.post("/jobs/\(other)/retry", .alice, [:]).status == 200)
        }
    }

    @Test("follow those of the jobs it depends on", arguments: TestDatabase.all)
    func dependencies(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let (one, two) = (try await plane.job(), try await plane.job())
            let both = try await plane.job(["depends_on": [.string(one), .string(two.uppercased()), .string(one)]])
            #expect(try await plane.status(both) == "blocked")
            #expect(try await plane.show(both)["pending_reason"]?.string?.contains(one) == true)
            let held = try await plane.claim(worker, ["limit": 10])
            #expect(Set(held.map(\.job)) == [one, two])
            for (index, lease) in held.enumerated() {
                #expect(try await plane.status(both) == "blocked", "after \(index)")
                let reason = try await plane.show(both)["pending_reason"]?.string
                #expect(
                    held[..<index].allSatisfy { reason?.contains($0.job) == false }, "what has ended isn't waited for")
                try await plane.finish(lease)
            }
            try await plane.tick()
            #expect(try await plane.claim(worker).map(\.job) == [both])
            let ready = try await plane.post("/jobs", .alice, ControlPlane.request(["depends_on": [.string(one)]]))
            #expect(ready.json["status"] == "pending", "what it waits for is done")
        }
    }

    @Test("wait for its time", arguments: TestDatabase.all)
    func runAt(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let at = RFC3339.format(plane.clock.now + 60_000)
            let id = try await plane.job(["run_at": .string(at)])
            #expect(try await plane.status(id) == "pending")
            #expect(try await plane.show(id)["run_at"]?.string == at)
            try await plane.tick()
            #expect(try await plane.claim(worker).isEmpty)
            plane.clock.advance(by: .seconds(61))
            try await plane.tick()
            #expect(try await plane.claim(worker).map(\.job) == [id])
        }
    }
}
