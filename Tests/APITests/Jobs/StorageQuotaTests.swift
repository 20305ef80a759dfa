import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("How much one owner may have", .timeLimit(.minutes(2)))
struct StorageQuotaTests {
    private static let gigabyte: Int64 = 1_000_000_000

    private var quotas: OwnerQuotas { OwnerQuotas(gigabytes: 1, machines: 3) }

    private func count(_ plane: ControlPlane) async throws {
        _ = try await LiveCounter(plane.dependencies.broker, world: .live).round()
    }

    private func stored(_ plane: ControlPlane) async throws -> [String: Int64] {
        try await count(plane)
        let rows = try await plane.dependencies.database.read { tx in
            try tx.rows("SELECT owner_id, bytes FROM stored_bytes") { try ($0.text(), $0.integer()) }
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    private func expectFull(_ reply: PlaneReply, _ words: String) {
        #expect(reply.status == 429, "\(reply.text)")
        #expect(reply.text.contains(words))
        #expect(reply["Retry-After"] != nil)
    }

    @Test("counts files of jobs and uploads, whoever else has the same", arguments: TestDatabase.all)
    func counts(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, quotas: quotas) { plane in
            let held = try await plane.held(by: plane.worker())
            #expect(try await plane.keep(held, "a", [1, 2, 3]).status == 200)
            #expect(try await plane.keep(held, "a", [1, 2, 3, 4, 5]).status == 200)
            #expect(try await plane.keep(held, "b", [1]).status == 200)
            for caller in [Caller.alice, .alice, .bob] {
                #expect(try await plane.send("POST", "/artifacts", caller.headers, bytes: [1, 2]).status == 201)
            }
            _ = try await plane.job(["inputs": [["path": "in", "content_base64": "AQIDBA=="]]])
            #expect(try await stored(plane) == [Caller.alice.owner: 5 + 1 + 2 + 4, Caller.bob.owner: 2])
            try await plane.finish(held)
            #expect(try await plane.send("DELETE", "/jobs/\(held.job)/record", Caller.alice.headers).status == 204)
            _ = try await plane.dependencies.database.write { try $0.pruneDeletedJobs(limit: 10) }
            #expect(try await stored(plane)[Caller.alice.owner] == 2 + 4)
        }
    }

    @Test("ends with 429 that names limit and setting, and nothing is kept", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, quotas: quotas) { plane in
            let held = try await plane.held(by: plane.worker())
            try await plane.dependencies.database.write { tx in
                try tx.execute(
                    "INSERT INTO stored_bytes (owner_id, bytes) VALUES (\(Caller.alice.owner), \(Self.gigabyte))")
            }
            let words = "1 GB of one owner are kept (HATCHFARM_STORED_GB)"
            expectFull(try await plane.send("POST", "/artifacts", Caller.alice.headers, bytes: [1, 2]), words)
            // The worker can't mend it, and needn't keep the job's place until its owner has.
            for piece in [[], [("Content-Range", "bytes 0-0/2")]] {
                let reply = try await plane.keep(held, "a", [1], piece)
                #expect(reply.outcome == "413 no_room" && reply.text.contains(words), "\(reply.text)")
            }
            let given = ControlPlane.request(["inputs": [["path": "in", "content_base64": "AQID"]]])
            expectFull(try await plane.post("/jobs", .alice, given), words)
            let left = try await plane.dependencies.database.read { tx in
                try tx.first(
                    """
                    SELECT (SELECT COUNT(*) FROM blobs) + (SELECT COUNT(*) FROM artifacts)
                        + (SELECT COUNT(*) FROM partial_uploads) + (SELECT COUNT(*) FROM stored_changes)
                    """
                ) { try $0.integer() }
            }
            #expect(left == 0)
            // Others have theirs, and its jobs go on.
            #expect(try await plane.send("POST", "/artifacts", Caller.bob.headers, bytes: [1, 2]).status == 201)
            try await plane.finish(held)
            _ = try await plane.job()
        }
    }

    @Test("is free again of an upload that its owner deletes, unless jobs are given it", arguments: TestDatabase.all)
    func uploads(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, quotas: quotas) { plane in
            func upload(_ bytes: [UInt8]) async throws -> String {
                let reply = try await plane.send("POST", "/artifacts", Caller.alice.headers, bytes: bytes)
                return try #require(reply.json["artifact"]?.string)
            }
            func delete(_ name: String, by caller: Caller = .alice) async throws -> PlaneReply {
                try await plane.send("DELETE", "/artifacts/\(name)", caller.headers)
            }
            let (one, two) = (try await upload([1, 2]), try await upload([1, 2, 3]))
            #expect(try await delete(one, by: .bob).status == 404)
            #expect(try await delete(String(one.dropFirst(7))).status == 204)
            #expect(try await delete(one).status == 404)
            #expect(try await delete("none").status == 404)
            let job = try await plane.job(["inputs": [["path": "in", "artifact": .string(two)]]])
            #expect(try await delete(two).status == 409)
            #expect(try await stored(plane)[Caller.alice.owner] == 3)
            for path in ["/jobs/\(job)", "/jobs/\(job)/record"] {
                #expect(try await plane.send("DELETE", path, Caller.alice.headers).status < 300)
            }
            _ = try await plane.dependencies.database.write { try $0.pruneDeletedJobs(limit: 10) }
            #expect(try await delete(two).status == 204)
            #expect(try await stored(plane)[Caller.alice.owner] == 0)
        }
    }

    @Test("counts what has come of a file, once", arguments: TestDatabase.all)
    func pieces(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, quotas: quotas) { plane in
            let held = try await plane.held(by: plane.worker())
            func piece(_ path: String, _ range: String, _ bytes: [UInt8]) async throws {
                let reply = try await plane.keep(held, path, bytes, [("Content-Range", "bytes \(range)")])
                #expect(reply.status < 300, "\(reply.text)")
            }
            try await piece("a", "0-1/5", [1, 2])
            try await piece("b", "0-3/9", [1, 2, 3, 4])
            #expect(try await stored(plane)[Caller.alice.owner] == 6)
            try await piece("a", "2-4/5", [3, 4, 5])
            #expect(try await stored(plane)[Caller.alice.owner] == 5 + 4)
            // Whole at once instead, and a whole that is begun anew.
            #expect(try await plane.keep(held, "b", [1]).status == 200)
            try await piece("a", "0-0/2", [1])
            #expect(try await stored(plane)[Caller.alice.owner] == 5 + 1 + 1)
            try await plane.finish(held)
            _ = try await plane.dependencies.database.write { try $0.pruneUploads(limit: 10, olderThan: 0) }
            #expect(try await stored(plane)[Caller.alice.owner] == 5 + 1)
        }
    }

    @Test("has a limit of machines, each owner its own", arguments: TestDatabase.all)
    func machines(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, quotas: quotas) { plane in
            func register(_ caller: Caller) async throws -> PlaneReply {
                try await plane.post(
                    "/machines/register", caller, ["owner_id": .string(caller.owner), "name": "box"])
            }
            for _ in 0..<3 { #expect(try await register(.alice).status == 201) }
            let refused = try await register(.alice)
            #expect(refused.status == 429, "\(refused.text)")
            #expect(refused.text.contains("at most 3 of one owner are registered (HATCHFARM_MACHINES)"))
            #expect(try await plane.get("/machines", .alice).data["machines"]?.array?.count == 3)
            #expect(try await register(.bob).status == 201)

            // One that its owner deletes counts no more, and is nobody's; one with jobs stays.
            let ids = try await plane.get("/machines", .alice).data["machines"]?.array?.compactMap { $0["id"]?.string }
            let id = try #require(ids?.first)
            func delete(_ id: String, by caller: Caller) async throws -> PlaneReply {
                try await plane.send("DELETE", "/machines/\(id)", caller.headers)
            }
            #expect(try await delete(id, by: .bob).status == 404)
            #expect(try await delete(id, by: .alice).status == 204)
            #expect(try await delete(id, by: .alice).status == 404)
            #expect(try await register(.alice).status == 201)
            #expect(try await register(.alice).status == 429)
            let worker = try await plane.worker(of: .bob)
            let held = try await plane.held(by: worker)
            #expect(try await delete(worker.id, by: .bob).outcome == "409 wrong_state")
            try await plane.finish(held)
            #expect(try await delete(worker.id, by: .bob).status == 204)
            #expect(try await plane.get("/machines/\(worker.id)", .bob).status == 404)
        }
    }
}
