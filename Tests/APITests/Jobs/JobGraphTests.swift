import API
import Bytes
import Engine
import Support
import Testing

@Suite("Jobs that depend on one another", .timeLimit(.minutes(2)))
struct JobGraphTests {
    /// A job that depends on these.
    private func after(_ plane: ControlPlane, _ jobs: String...) async throws -> String {
        try await plane.job(["title": "later", "depends_on": .array(jobs.map(JSON.string))])
    }

    private func retry(
        _ plane: ControlPlane, _ id: String, _ body: JSON, by caller: Caller = .alice
    ) async throws
        -> PlaneReply
    {
        try await plane.post("/jobs/\(id)/retry", caller, body)
    }

    @Test("go on where they stopped, when the retry says so", arguments: TestDatabase.all)
    func cascade(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let root = try await plane.job(["max_attempts": 1])
            let next = try await after(plane, root)
            let last = try await after(plane, next)
            func fail() async throws {
                try await plane.tick()
                try await plane.finish(try #require(try await plane.claim(worker).first), ControlPlane.failure)
                for id in [next, last] { #expect(try await plane.show(id)["reason"] == "dependency") }
            }
            try await fail()
            for body in [[:], ["cascade": false]] as [JSON] {
                #expect(try await retry(plane, root, body).status == 200)
                #expect(try await plane.status(next) == "cancelled")
                try await fail()
            }
            #expect(try await retry(plane, root, ["cascade": "yes"]).blame == "422 cascade")
            #expect(try await retry(plane, root, ["cascade": true], by: .bob).status == 404)
            let reply = try await retry(plane, root, ["cascade": true])
            #expect(reply.status == 200 && reply.json["status"] == "pending", "\(reply.text)")
            #expect(try await retry(plane, root, ["cascade": true]).status == 409, "it has not failed")
            let reviver = Reviver(plane.dependencies.broker)
            for _ in 0..<3 { _ = try await reviver.round() }
            for id in [next, last] { #expect(try await plane.status(id) == "blocked") }
            for id in [root, next, last] {
                try await plane.tick()
                let held = try #require(try await plane.claim(worker).first)
                #expect(held.job == id)
                try await plane.finish(held)
            }
            #expect(try await plane.status(last) == "completed")
            let events = try await plane.get("/audit/events", .alice).text
            #expect(events.contains("jobs_revived"), "\(events)")
        }
    }

    @Test("are listed with their states, as far as one asks", arguments: TestDatabase.all)
    func graph(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let done = try await plane.held(by: worker)
            try await plane.finish(done)
            let root = try await plane.job(["title": "root"])
            let one = try await after(plane, root, done.job)
            let two = try await after(plane, root)
            let both = try await after(plane, one, two)
            let last = try await after(plane, both)
            _ = try await plane.job()
            func graph(_ id: String, _ query: String = "") async throws -> (ids: [String], JSON) {
                let json = try await plane.get("/jobs/\(id)/graph\(query)", .alice).json
                return ((json["jobs"]?.array ?? []).compactMap { $0["id"]?.string }, json)
            }
            let (ids, whole) = try await graph(both)
            #expect(ids == [done.job, root, one, two, both, last] && whole["truncated"] == false)
            #expect(whole["job"]?.string == both)
            let nodes = whole["jobs"]?.array ?? []
            #expect(
                nodes.compactMap { $0["status"]?.string } == ["completed", "pending"]
                    + Array(repeating: "blocked", count: 4))
            #expect(nodes.dropFirst(2).first?["depends_on"]?.array?.compactMap(\.string) == [done.job, root].sorted())
            #expect(nodes.dropFirst().first?["name"] == "root" && nodes.first?["depends_on"] == [])
            // What else depends on those before it is no part of it.
            #expect(try await graph(one).ids == [done.job, root, one, both, last])
            let (some, cut) = try await graph(root, "?limit=2")
            #expect(some.count == 2 && some.contains(root) && cut["truncated"] == true)
            #expect(try await graph(last, "?limit=1").ids == [last])
            for query in ["?limit=0", "?limit=501", "?limit=x"] {
                #expect(try await plane.get("/jobs/\(root)/graph\(query)", .alice).blame == "422 limit")
            }
            #expect(try await plane.get("/jobs/\(root)/graph", .bob).status == 404)
            // Why one waits names none that is done.
            let reason = try await plane.show(one)["pending_reason"]?.string ?? ""
            #expect(reason.contains(root) && !reason.contains(done.job), "\(reason)")
            _ = try await plane.send("DELETE", "/jobs/\(root)", Caller.alice.headers)
            let ended = try await graph(root).1["jobs"]?.array ?? []
            #expect(ended.compactMap { $0["reason"]?.string }.count { $0 == "dependency" } == 4)
        }
    }
}
