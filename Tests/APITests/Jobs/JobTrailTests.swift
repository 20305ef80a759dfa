import Bytes
import Support
import Testing

@Suite("What a job says while it runs", .timeLimit(.minutes(2)))
struct JobTrailTests {
    private func say(_ plane: ControlPlane, _ held: Held, _ fields: JSON) async throws {
        let reply = try await plane.report(held, "progress", fields)
        #expect(reply.status == 200, "\(reply.text)")
    }

    @Test("is read as a log, oldest first, from where one stands", arguments: TestDatabase.all)
    func logs(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            let texts = ["eins\n", "zwei 🐣\n", "\u{1}\u{2028}drei", "vier"]
            for text in texts { try await say(plane, held, ["log": .string(text)]) }
            try await say(plane, held, ["percent": 33.9, "message": "half way", "log": ""])
            let job = try await plane.show(held.job)
            #expect(job["percent"] == 33)
            #expect(job["message"] == "half way")
            let path = "/jobs/\(held.job)/logs"
            let all = try await plane.get(path, .alice).json
            let pieces = all["logs"]?.array ?? []
            #expect(pieces.compactMap { $0["text"]?.string } == texts)
            #expect(pieces.allSatisfy { $0["fence"] == 1 })
            let seqs = pieces.compactMap { $0["seq"]?.int }
            #expect(seqs == seqs.sorted() && Set(seqs).count == 4)
            #expect(all["next_after"]?.int == seqs.last)
            let page = try await plane.get("\(path)?after=\(seqs[0])&limit=2", .alice).json
            #expect(page["logs"]?.array?.compactMap { $0["text"]?.string } == Array(texts[1...2]))
            #expect(page["next_after"]?.int == seqs[2])
            let beyond = try await plane.get("\(path)?after=\(Int64.max)", .alice).json
            #expect(beyond["logs"] == [])
            #expect(beyond["next_after"]?.int == .max)
            for (query, blamed) in [
                ("after=-1", "after"), ("after=x", "after"), ("limit=0", "limit"), ("limit=1001", "limit"),
                ("limit=-9223372036854775809", "limit"),
            ] {
                #expect(try await plane.get("\(path)?\(query)", .alice).blame == "422 \(blamed)")
            }
            #expect(try await plane.get("/jobs/none/logs", .alice).status == 404)
            try await plane.finish(held)
            #expect(try await plane.get(path, .alice).json == all, "it outlives the job's end")
        }
    }

    @Test("is heard as it happens, to the end", arguments: TestDatabase.all)
    func events(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let id = try await plane.job()
            var reader = try await EventReader(plane, job: id)
            #expect(reader.status == 200)
            #expect(reader.type == "text/event-stream")
            var event = try #require(try await reader.next())
            #expect(event.name == "status")
            #expect(event.data["status"] == "pending")
            let held = try #require(try await plane.claim(worker).first)
            event = try #require(try await reader.next())
            #expect(event.name == "status")
            #expect(event.data["status"] == "running")
            try await say(plane, held, ["percent": 50, "message": "half"])
            event = try #require(try await reader.next())
            #expect(event.name == "progress")
            #expect(event.data["percent"] == 50)
            #expect(event.data["message"] == "half")
            try await say(plane, held, ["log": "one\r\ntwo\n"])
            event = try #require(try await reader.next())
            #expect(event.name == "log")
            #expect(event.data["text"] == "one\r\ntwo\n")
            #expect(event.id != nil)
            try await plane.finish(held)
            let last = try await reader.rest()
            #expect(last.map(\.name) == ["status"])
            #expect(last.first?.data["status"] == "completed")
        }
    }

    @Test("is heard again from the event named last", arguments: TestDatabase.all)
    func resume(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            for number in 0..<250 { try await say(plane, held, ["log": .string("line \(number)\n")]) }
            try await plane.finish(held)
            var reader = try await EventReader(plane, job: held.job)
            let all = try await reader.rest()
            #expect(all.count == 251)
            #expect(all.last?.data["status"] == "completed")
            let logs = all.filter { $0.name == "log" }
            #expect(logs.compactMap { $0.data["text"]?.string } == (0..<250).map { "line \($0)\n" })
            for known in [0, 120, 249] {
                var again = try await EventReader(plane, job: held.job, after: logs[known].id)
                #expect(try await again.rest().filter { $0.name == "log" } == Array(logs[(known + 1)...]))
            }
            for odd in ["", "x", "-1", "99999999999999999999", "1e3"] {
                var again = try await EventReader(plane, job: held.job, after: odd)
                #expect(try await again.rest() == all, "\(odd)")
            }
            var future = try await EventReader(plane, job: held.job, after: "\(Int64.max)")
            #expect(try await future.rest().map(\.name) == ["status"])
        }
    }

    @Test("ends when the job is cancelled, and is nobody else's to hear", arguments: TestDatabase.all)
    func endings(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let id = try await plane.job()
            var reader = try await EventReader(plane, job: id)
            #expect(try await reader.next()?.data["status"] == "pending")
            #expect(try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers).status == 200)
            let last = try await reader.rest()
            #expect(last.map { $0.data["status"]?.string } == ["cancelled"])
            #expect(last.first?.data["reason"] == "cancelled")
            for caller in [Caller.bob, .nobody] {
                let reply = try await EventReader(plane, job: id, caller)
                #expect(reply.status == (caller.key.isEmpty ? 401 : 404))
                #expect(reply.type == "application/json")
            }
        }
    }

    @Test("is heard no longer than the key is good", arguments: TestDatabase.all)
    func revoked(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let maya = try await plane.agent("Maya")
            let made = try await plane.post("/agents/me/keys", maya, [:]).data
            let lent = Caller(owner: maya.owner, key: try #require(made["api_key"]?.string))
            let id = try await plane.job(of: maya)
            var reader = try await EventReader(plane, job: id, lent)
            #expect(try await reader.next()?.data["status"] == "pending")
            let key = try #require(made["key"]?["id"]?.string)
            #expect(try await plane.send("DELETE", "/agents/me/keys/\(key)", maya.headers).status == 200)
            #expect(try await reader.rest() == [], "the job goes on, its events end")
            #expect(try await plane.show(id, maya)["status"] == "pending")
        }
    }

    @Test("is kept up to four mebibytes, and says so", arguments: TestDatabase.all)
    func fullLog(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: plane.worker())
            let piece = JSON.string(String(repeating: "x", count: 262_144))
            for _ in 0..<18 { try await say(plane, held, ["log": piece]) }
            let logs = try await plane.get("/jobs/\(held.job)/logs", .alice).json["logs"]?.array ?? []
            #expect(logs.count == 17)
            #expect(logs.last?["text"]?.string?.contains("log full") == true)
            let more = try await plane.report(
                held, "progress", ["log": .string(String(repeating: "x", count: 262_145))])
            #expect(more.status == 400)
            #expect(more.json["field"] == "log")
        }
    }
}
