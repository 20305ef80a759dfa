import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Deleting an ended job", .timeLimit(.minutes(2)))
struct JobDeleteTests {
    private func delete(_ plane: ControlPlane, _ id: String, by caller: Caller = .alice) async throws -> PlaneReply {
        try await plane.send("DELETE", "/jobs/\(id)/record", caller.headers)
    }

    private func prune(_ plane: ControlPlane) async throws {
        try await plane.dependencies.database.write { tx in
            _ = try tx.pruneDeletedJobs(limit: 10)
            _ = try tx.collectBlobs(limit: 10, releasedBefore: tx.now)
        }
    }

    private func count(_ plane: ControlPlane, _ table: String) async throws -> Int64? {
        try await plane.dependencies.database.read { tx in
            try tx.first(SQL(stringLiteral: "SELECT COUNT(*) FROM \(table)")) { try $0.integer() }
        }
    }

    @Test("takes it away at once, and soon all that was kept beside it", arguments: TestDatabase.all)
    func delete(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker(), ["max_attempts": 1])
            #expect(try await plane.keep(held, "out.txt", [1, 2, 3]).status == 200)
            #expect(try await plane.report(held, "progress", ["log": "said"]).status == 200)
            try await plane.finish(held)
            #expect(try await delete(plane, held.job, by: .bob).status == 404)
            let reply = try await delete(plane, held.job)
            #expect(reply.status == 204)
            #expect(reply.body.isEmpty)
            for path in ["", "/logs", "/events", "/artifacts", "/artifacts/out.txt"] {
                #expect(try await plane.get("/jobs/\(held.job)\(path)", .alice).status == 404, "\(path)")
            }
            #expect(try await plane.get("/jobs", .alice).ids.isEmpty)
            #expect(try await delete(plane, held.job).status == 404)
            #expect(try await plane.post("/jobs/\(held.job)/retry", .alice).status == 404)
            // Nothing of a late worker's is taken, and no word of it is an error of ours.
            #expect(try await plane.report(held, "result", ControlPlane.success).outcome == "403 lease_lost")
            try await prune(plane)
            for table in ["artifacts", "job_logs", "attempts", "blobs", "blob_chunks", "deleted_jobs"] {
                #expect(try await count(plane, table) == 0, "\(table)")
            }
            let events = try await plane.get("/audit/events?limit=500", .alice).data["events"]?.array ?? []
            let last = try #require(events.last)
            #expect(last["type"] == "job_deleted")
            #expect(last["object_id"]?.string == held.job)
            #expect(last["actor"] == "operator")
        }
    }

    @Test("is refused while it lives, and while another needs its files", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let pending = try await plane.job(["run_at": "9999-01-01T00:00:00Z"])
            #expect(try await delete(plane, pending).status == 409)
            let held = try await plane.held(by: worker)
            #expect(try await delete(plane, held.job).status == 409)
            #expect(try await plane.keep(held, "out.txt", [1]).status == 200)
            try await plane.finish(held)
            let next = try await plane.job([
                "inputs": [["path": "in", "artifact": .string("\(held.job)/out.txt")]],
                "run_at": "9999-01-01T00:00:00Z",
            ])
            let refused = try await delete(plane, held.job)
            #expect(refused.status == 409, "\(refused.text)")
            #expect(try await plane.status(held.job) == "completed")
            #expect(try await plane.send("DELETE", "/jobs/\(next)", Caller.alice.headers).status == 200)
            #expect(try await delete(plane, held.job).status == 204)
            #expect(try await delete(plane, next).status == 204)
        }
    }

    @Test("does not take what another job or upload refers to", arguments: TestDatabase.all)
    func shared(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            var jobs: [String] = []
            for _ in 0..<2 {
                let held = try await plane.held(by: worker)
                #expect(try await plane.keep(held, "same.txt", [7, 7, 7]).status == 200)
                try await plane.finish(held)
                jobs.append(held.job)
            }
            #expect(try await delete(plane, jobs[0]).status == 204)
            try await prune(plane)
            #expect(try await plane.get("/jobs/\(jobs[1])/artifacts/same.txt", .alice).body == [7, 7, 7])
            #expect(try await plane.send("POST", "/artifacts", Caller.alice.headers, bytes: [7, 7, 7]).status == 201)
            #expect(try await delete(plane, jobs[1]).status == 204)
            try await prune(plane)
            #expect(try await count(plane, "blobs") == 1)
        }
    }
}
