import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Collaboration tasks", .timeLimit(.minutes(2)))
struct CollabTaskTests {
    private static let unknown = "00000000-0000-7000-8000-000000000000"

    @Test("POST /collab/tasks is 201 with the task, ETag and Location; GET shows it", arguments: TestDatabase.all)
    func create(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let made = try await plane.post("/collab/tasks", ann, ControlPlane.content)
            #expect(made.status == 201, "\(made.text)")
            let task = made.json
            let id = try #require(task["id"]?.string)
            #expect(UUIDv7.isUUID(id) && made["Location"] == "/api/v1/collab/tasks/\(id)")
            #expect(task["title"] == "Review PR #123" && task["description"] == "Review frontend changes")
            #expect(task["version"] == 1 && task["created_at"]?.string?.hasSuffix("Z") == true)
            #expect(task.members?.map(\.key) == ["id", "title", "description", "version", "created_at"])
            #expect(made["ETag"] == EntityTag.of(task))
            let shown = try await plane.get("/collab/tasks/\(id)", ann)
            #expect(shown.status == 200 && shown.json == task && shown["ETag"] == made["ETag"])
            let bare = try await plane.post("/collab/tasks", ann, ["title": "  \u{3000}tidy\n"])
            #expect(bare.json["title"] == "tidy" && bare.json["description"] == .null)
            let events = try await plane.get("/audit/events", ann).data["events"]?.array ?? []
            #expect(events.filter { $0["type"] == "collab_task_created" }.map { $0["object_id"] }.contains(task["id"]))
        }
    }

    @Test("what is no task is 422, names the field and leaves nothing", arguments: TestDatabase.all)
    func malformed(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            func long(_ count: Int) -> String { String(repeating: "é", count: count) }
            for (text, field) in [
                ("", nil), ("{", nil), ("[]", nil), ("null", nil), (#"{"title":"a"} x"#, nil),
                (#"{"title":"a\u0000"}"#, nil), ("{}", "title"), (#"{"title":null}"#, "title"),
                (#"{"title":7}"#, "title"), (#"{"title":""}"#, "title"), (#"{"title":" \t\u2003"}"#, "title"),
                (#"{"title":"\#(long(256))"}"#, "title"), (#"{"title":"a","description":7}"#, "description"),
                (#"{"title":"a","description":"\#(long(1_025))"}"#, "description"),
                (#"{"title":"a","version":7}"#, "version"), (#"{"title":"a","id":"x"}"#, "id"),
            ] as [(String, String?)] {
                let reply = try await plane.post("/collab/tasks", ann, text: text)
                #expect(reply.status == 422, "\(text.prefix(40))")
                #expect(reply.error?["type"] == "validation_error" && reply.error?["code"] == 422)
                #expect(reply.error?["path"] == "/api/v1/collab/tasks" && reply.error?["method"] == "POST")
                #expect(reply.error?["field"]?.string == field, "\(reply.text)")
            }
            #expect(try await plane.taskCount() == 0)
            let most: JSON = ["title": .string(long(255)), "description": .string(long(1_024))]
            #expect(try await plane.post("/collab/tasks", ann, most).status == 201)
        }
    }

    @Test("GET /collab/state/tasks lists one's own, newest first, page by page", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let (ann, bob) = (try await plane.signedIn("ann"), try await plane.signedIn("bob"))
            #expect(
                try await plane.get("/collab/state/tasks", ann).json
                    == ["kind": "tasks", "items": [], "next_cursor": .null])
            var ids: [String] = []
            for _ in 0..<5 {
                ids.append(try await plane.task(of: ann).id)
                plane.clock.advance(by: .milliseconds(5))
            }
            _ = try await plane.task(of: bob)
            for limit in [1, 2, 5, 100] {
                var (seen, cursor): ([String], String?) = ([], nil)
                repeat {
                    let query = "?limit=\(limit)" + (cursor.map { "&cursor=\($0)" } ?? "")
                    let page = try await plane.get("/collab/state/tasks\(query)", ann)
                    #expect(page.status == 200 && page.json["kind"] == "tasks")
                    seen += page.json["items"]?.array?.compactMap { $0["id"]?.string } ?? []
                    cursor = page.json["next_cursor"]?.string
                } while cursor != nil && seen.count < 100
                #expect(seen == ids.reversed(), "\(limit)")
            }
            for query in ["limit=0", "limit=101", "limit=x", "cursor=", "cursor=!", "cursor=%00"] {
                let reply = try await plane.get("/collab/state/tasks?\(query)", ann)
                #expect(reply.status == 422 && reply.error?["type"] == "validation_error", "\(query)")
            }
        }
    }

    @Test("a GET with the ETag in If-None-Match is 304 until something changes", arguments: TestDatabase.all)
    func conditional(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let id = try await plane.task(of: ann).id
            for path in ["/collab/state/tasks", "/collab/tasks/\(id)"] {
                let first = try await plane.get(path, ann)
                let tag = try #require(first["ETag"])
                #expect(tag == EntityTag.of(first.json), "\(path)")
                #expect(first["Vary"]?.contains("Authorization") == true)
                for known in [tag, "W/\(tag)", String(tag.dropFirst().dropLast()), "\"x\", \(tag)", "*"] {
                    let again = try await plane.get(path, ann.with(("If-None-Match", known)))
                    #expect(again.status == 304 && again["ETag"] == tag && again.body.isEmpty, "\(path) \(known)")
                }
                #expect(try await plane.get(path, ann.with(("If-None-Match", "\"x\""))).status == 200)
                let task = try await plane.put("/collab/tasks/\(id)", ann, ["title": "b"], ("If-Match", "*"))
                #expect(task.status == 200)
                let later = try await plane.get(path, ann.with(("If-None-Match", tag)))
                #expect(later.status == 200 && later["ETag"] != tag)
            }
        }
    }

    @Test("PUT replaces the version that If-Match names: 412 when stale, 428 without", arguments: TestDatabase.all)
    func replace(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let (ann, bob) = (try await plane.signedIn("ann"), try await plane.signedIn("bob"))
            let (id, tag) = try await plane.task(of: ann)
            let path = "/collab/tasks/\(id)"
            let bare = try await plane.put(path, ann, ["title": "b"])
            #expect(bare.status == 428 && bare.error?["type"] == "http_exception", "\(bare.text)")
            #expect(bare.error?["field"] == "If-Match")
            let changed = try await plane.put(path, ann, ["title": " b "], ("If-Match", tag))
            #expect(changed.status == 200 && changed.json["version"] == 2 && changed.json["title"] == "b")
            #expect(changed.json["description"] == .null && changed["ETag"] == EntityTag.of(changed.json))
            let now = changed["ETag"] ?? ""
            // A weak tag never is the one, nor is `*` in quotes or in a list.
            for known in [tag, "\"\"", "x", "\"2\"", "W/\(now)", "\"*\"", "\"a,b\", *", "\"x,\(now.dropFirst())"] {
                let stale = try await plane.put(path, ann, ["title": "c"], ("If-Match", known))
                #expect(stale.status == 412 && stale.error?["code"] == 412, "\(known): \(stale.text)")
            }
            #expect(try await plane.get(path, ann).json == changed.json)
            let list = try await plane.put(path, ann, ["title": "c"], ("If-Match", "\"x\", \(changed["ETag"] ?? "")"))
            #expect(list.status == 200 && list.json["version"] == 3 && list.json["id"]?.string == id)
            #expect(list.json["created_at"] == changed.json["created_at"])
            #expect(try await plane.put(path, ann, ["title": " "], ("If-Match", "*")).status == 422)
            #expect(try await plane.put(path, bob, ["title": "b"], ("If-Match", "*")).status == 404)
            let nothing = try await plane.put("/collab/tasks/\(Self.unknown)", ann, ["title": "b"], ("If-Match", "*"))
            #expect(nothing.status == 404 && nothing.error?["message"] == "task not found")
            #expect(try await plane.get(path, ann).json["version"] == 3)
        }
    }

    @Test("of many who replace the same version one does", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let (id, tag) = try await plane.task(of: ann)
            let path = "/collab/tasks/\(id)"
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        try await plane.put(path, ann, ["title": .string("\(number)")], ("If-Match", tag)).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200] + [Int](repeating: 412, count: 11))
            #expect(try await plane.get(path, ann).json["version"] == 2)
        }
    }

    @Test("DELETE is 204 and heeds If-Match; what is gone is 404", arguments: TestDatabase.all)
    func remove(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let (ann, bob) = (try await plane.signedIn("ann"), try await plane.signedIn("bob"))
            let (id, tag) = try await plane.task(of: ann)
            let path = "/collab/tasks/\(id)"
            let stale = try await plane.delete(path, ann, ("If-Match", "\"x\""))
            #expect(stale.status == 412 && stale.error?["type"] == "http_exception")
            #expect(try await plane.delete(path, bob).status == 404)
            #expect(try await plane.get(path, ann).status == 200)
            let gone = try await plane.delete(path, ann, ("If-Match", tag))
            #expect(gone.status == 204 && gone.body.isEmpty)
            for method in ["GET", "DELETE"] {
                let reply = try await plane.send(method, path, ann.headers)
                #expect(reply.status == 404 && reply.error?["message"] == "task not found")
            }
            let other = try await plane.task(of: ann).id
            #expect(try await plane.delete("/collab/tasks/\(other)", ann).status == 204)
            #expect(try await plane.taskCount() == 0)
        }
    }

    @Test("an Idempotency-Key makes a repeated POST answer as the first did", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let keyed = ann.with(("Idempotency-Key", "k"))
            let first = try await plane.post("/collab/tasks", keyed, ControlPlane.content)
            let again = try await plane.post("/collab/tasks", keyed, ControlPlane.content)
            #expect(first.status == 201 && again.status == 201 && first.body == again.body)
            #expect(first["ETag"] == again["ETag"] && first["Location"] == again["Location"])
            #expect(first["Idempotency-Replayed"] == nil && again["Idempotency-Replayed"] == "true")
            let other = try await plane.post("/collab/tasks", keyed, ["title": "other"])
            #expect(other.status == 422 && other.error?["type"] == "validation_error")
            #expect(try await plane.taskCount() == 1)
        }
    }

    @Test("one owner has 10,000 tasks at most, however many it asks for at once", arguments: TestDatabase.all)
    func cap(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let (ann, bob) = (try await plane.signedIn("ann"), try await plane.signedIn("bob"))
            let id = try await plane.task(of: ann).id
            try await plane.dependencies.database.write { tx in
                try tx.execute("UPDATE collab_task_counts SET tasks = \(CollabTask.limit - 2)")
            }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await plane.post("/collab/tasks", ann, ControlPlane.content).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201, 201, 409, 409, 409, 409])
            #expect(try await plane.post("/collab/tasks", bob, ControlPlane.content).status == 201)
            #expect(try await plane.delete("/collab/tasks/\(id)", ann).status == 204)
            #expect(try await plane.post("/collab/tasks", ann, ControlPlane.content).status == 201)
            #expect(try await plane.post("/collab/tasks", ann, ControlPlane.content).status == 409)
        }
    }
}
