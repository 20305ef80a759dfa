import Bytes
import Support
import Testing

@Suite("The list of jobs", .timeLimit(.minutes(2)))
struct JobListTests {
    /// All pages, from the first to the end.
    private func pages(
        _ plane: ControlPlane, _ query: String, between: () async throws -> Void = {}
    ) async throws -> [[String]] {
        var pages: [[String]] = []
        var cursor = ""
        while pages.count < 50 {
            let reply = try await plane.get("/jobs?\(query)\(cursor)", .alice)
            pages.append(reply.ids)
            guard let next = reply.json["next_cursor"]?.string else { return pages }
            cursor = "&cursor=\(next)"
            try await between()
        }
        return pages
    }

    @Test("is newest first, in pages that new jobs don't shift", arguments: TestDatabase.all)
    func paging(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            var ids: [String] = []
            for _ in 0..<3 { ids.append(try await plane.job()) }
            let many: JSON = ["jobs": .array((0..<4).map { _ in ControlPlane.request() })]
            ids += try await plane.post("/jobs/batch", .alice, many).ids
            _ = try await plane.job(of: .bob)
            // Those of one millisecond too, as a batch's are.
            let newest = Array(ids.reversed())
            #expect(try await plane.get("/jobs", .alice).ids == newest)
            #expect(try await pages(plane, "limit=7") == [newest])
            let shown = try await pages(plane, "limit=3") { _ = try await plane.job() }
            #expect(shown == [Array(newest[0..<3]), Array(newest[3..<6]), [newest[6]]])
            #expect(
                try await plane.get("/jobs", .operator(for: "nobody-yet")).json == ["jobs": [], "next_cursor": .null])
        }
    }

    @Test("shows fifty unless told otherwise", arguments: TestDatabase.all)
    func limits(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let many: JSON = ["jobs": .array((0..<101).map { _ in ControlPlane.request() })]
            _ = try await plane.post("/jobs/batch", .alice, many)
            for (query, count) in [("", 50), ("?limit=1", 1), ("?limit=100", 100), ("?limit=007", 7), ("?x=y", 50)] {
                #expect(try await plane.get("/jobs\(query)", .alice).ids.count == count, "\(query)")
            }
            for (query, blamed) in [
                ("limit=0", "limit"), ("limit=101", "limit"), ("limit=-1", "limit"), ("limit=", "limit"),
                ("limit=1.0", "limit"), ("limit=1e1", "limit"), ("limit=%2B1", "limit"), ("limit=٣", "limit"),
                ("limit=9223372036854775808", "limit"), ("limit=-99999999999999999999999", "limit"),
                ("cursor=", "cursor"), ("cursor=*", "cursor"), ("cursor=%00", "cursor"), ("cursor=AA", "cursor"),
                ("cursor=\(String(repeating: "A", count: 600))", "cursor"), ("status=", "status"),
                ("status=scheduled", "status"), ("status=Pending", "status"), ("status=%F0%9F%90%A3", "status"),
                ("status=%zz", "status"),
            ] {
                let reply = try await plane.get("/jobs?\(query)", .alice)
                #expect(reply.blame == "422 \(blamed)", "\(query): \(reply.text)")
            }
            // A cursor from elsewhere is somebody's mistake, not an error of ours.
            for cursor in ["d3JrXzE", "OTk5", "fn5-", "MDE5MGI1ZjA"] {
                #expect(try await plane.get("/jobs?cursor=\(cursor)", .alice).status == 200, "\(cursor)")
            }
        }
    }

    @Test("can be asked for one status", arguments: TestDatabase.all)
    func statuses(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let running = try await plane.held(by: worker)
            let done = try await plane.held(by: worker)
            try await plane.finish(done)
            let failed = try await plane.failed(by: worker)
            let pending = try await plane.job()
            let later = try await plane.job(["run_at": "9999-01-01T00:00:00Z"])
            let blocked = try await plane.job(["depends_on": [.string(pending)]])
            let cancelled = try await plane.job()
            #expect(try await plane.send("DELETE", "/jobs/\(cancelled)", Caller.alice.headers).status == 200)
            for (status, ids) in [
                ("running", [running.job]), ("completed", [done.job]), ("failed", [failed]), ("blocked", [blocked]),
                ("pending", [later, pending]), ("cancelled", [cancelled]),
            ] {
                let reply = try await plane.get("/jobs?status=\(status)", .alice)
                #expect(reply.ids == ids, "\(status)")
                #expect((reply.json["jobs"]?.array ?? []).allSatisfy { $0["status"]?.string == status })
                #expect(try await plane.get("/jobs?status=\(status)", .bob).ids.isEmpty)
            }
            #expect(try await pages(plane, "status=pending&limit=1") == [later, pending].map { [$0] })
        }
    }

    @Test("and one job have tags, and who knows them is told nothing twice", arguments: TestDatabase.all)
    func tags(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let id = try await plane.job(["title": "ein Käfer 🐞"])
            for path in ["/jobs", "/jobs/\(id)", "/jobs/\(id)/artifacts"] {
                let reply = try await plane.get(path, .alice)
                let tag = try #require(reply["ETag"])
                #expect(tag == reply.tag)
                #expect(reply["Vary"] == "Authorization, X-Owner-ID")
                #expect(reply["Cache-Control"]?.contains("private") == true)
                let bare = tag.dropFirst().dropLast()
                for known in [tag, "W/\(tag)", "\(bare)", "*", "\"a\", \(tag)", "\"a\" ,W/\(tag),\"b\"", "W/\(bare)"] {
                    let again = try await plane.get(path, .alice.with(("If-None-Match", known)))
                    #expect(again.status == 304, "\(path) \(known)")
                    #expect(again["ETag"] == tag)
                    #expect(again.body.isEmpty)
                    #expect(again["Vary"] == "Authorization, X-Owner-ID")
                }
                for unknown in [
                    "\"a\"", "", "W/\"\"", "\"\(bare.dropLast())\"", "\"*\"x", "\"*\"", "W/*", "W/\"*\"",
                    "*, \"a\"", String(repeating: ",", count: 900),
                ] {
                    let again = try await plane.get(path, .alice.with(("If-None-Match", unknown)))
                    #expect(again.status == 200, "\(path) \(unknown.prefix(20))")
                    #expect(again.body == reply.body)
                }
                let twice = Caller.alice.with(("If-None-Match", "\"a\""), ("If-None-Match", tag))
                #expect(try await plane.get(path, twice).status == 304)
                let head = try await plane.send("HEAD", path, Caller.alice.headers)
                #expect(head.status == 200)
                #expect(head["ETag"] == tag)
                #expect(head.body.isEmpty)
            }
            let before = try await plane.get("/jobs/\(id)", .alice)["ETag"]
            #expect(try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers).status == 200)
            let after = try await plane.get("/jobs/\(id)", .alice.with(("If-None-Match", before ?? "")))
            #expect(after.status == 200, "it has changed")
        }
    }
}
