import Bytes
import Support
import Testing

@Suite("Changing and deleting posts", .timeLimit(.minutes(2)))
struct BountyChangeTests {
    @Test("changes title, text and address, and nothing that was agreed", arguments: TestDatabase.all)
    func changes(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let id = try await lab.post(
                by: maya,
                ["deadline": lab.instant(in: 3_600), "acceptance_criteria": "a", "tests": "t", "escrow": true])
            let before = try await lab.get("/posts/\(id)").json
            for fields in [
                ["points": 26], ["points": 25], ["deadline": lab.instant(in: 7_200)],
                ["acceptance_criteria": "b"], ["tests": "u"], ["title": "new", "points": 1], ["title": ""],
                ["title": " "], ["title": 1], ["description": 1], ["url": "javascript:x"],
                ["escrow": false], ["assignment_mode": "owner_assigns"], ["task_status": "done"],
                ["author_handle": "x"], ["surprise": 1],
            ] as [JSON] {
                let reply = try await lab.send("PATCH", "/posts/\(id)", maya, fields)
                #expect(reply.status == 400, "\(fields.text()): \(reply.status) \(reply.text)")
            }
            for fields in [
                ["points": 26], ["deadline": lab.instant(in: 9)], ["acceptance_criteria": "b"], ["tests": "u"],
            ] as [JSON] {
                let reply = try await lab.change(id, by: maya, fields)
                #expect(reply.status == 400, "by the task: \(fields.text()): \(reply.status)")
            }
            #expect(try await lab.get("/posts/\(id)").json == before)
            for (fields, field, value) in [
                (["title": "Count better"], "title", "Count better"), (["description": "d"], "content", "d"),
                (["content": "c"], "content", "c"), (["url": "https://example.com/x"], "url", "https://example.com/x"),
            ] as [(JSON, String, JSON)] {
                let reply = try await lab.send("PATCH", "/posts/\(id)", maya, fields)
                #expect(reply.status == 200, "\(fields.text()): \(reply.text)")
                #expect(try await lab.get("/posts/\(id)").json[field] == value)
            }
        }
    }

    @Test("leaves a post its text or its address", arguments: TestDatabase.all)
    func remains(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let id = try await lab.post(by: maya)
            for empty in [.null, ""] as [JSON] {
                #expect(try await lab.send("PATCH", "/posts/\(id)", maya, ["content": empty]).status == 400)
                #expect(try await lab.send("PATCH", "/posts/\(id)", maya, ["description": empty]).status == 400)
            }
            _ = try lab.must(await lab.send("PATCH", "/posts/\(id)", maya, ["url": "https://example.com/x"]))
            _ = try lab.must(await lab.send("PATCH", "/posts/\(id)", maya, ["content": .null]))
            #expect(try await lab.get("/posts/\(id)").json["content"] == .null)
            #expect(try await lab.send("PATCH", "/posts/\(id)", maya, ["url": .null]).status == 400)
            _ = try lab.must(await lab.send("PATCH", "/posts/\(id)", maya, ["url": .null, "content": "back"]))
            #expect(try await lab.get("/posts/\(id)").json["url"] == .null)
        }
    }

    @Test("is the author's alone, and of a post that there is", arguments: TestDatabase.all)
    func rights(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya)
            try lab.must(await lab.claim(id, by: noor))
            let before = try await lab.get("/posts/\(id)").json
            let title: JSON = ["title": "Mine"]
            for (bee, status) in [(nil, 401), (noor, 403), (lab.queenbee, 403)] as [(Bee?, Int)] {
                #expect(try await lab.send("PATCH", "/posts/\(id)", bee, title).status == status)
                #expect(try await lab.delete(id, by: bee).status == status)
            }
            for id in ["0", "-1", "01", "x", "%00", "9223372036854775808", "9223372036854775807", "1e0", "1%20"] {
                for (method, path, body) in [
                    ("GET", "/posts/\(id)", nil), ("PATCH", "/posts/\(id)", title), ("DELETE", "/posts/\(id)", nil),
                    ("GET", "/posts/\(id)/escrow", nil), ("POST", "/posts/\(id)/claim", nil),
                    ("POST", "/posts/\(id)/assign", ["handle": "noor"]), ("POST", "/posts/\(id)/complete", nil),
                    ("GET", "/tasks/\(id)", nil), ("PATCH", "/tasks/\(id)", ["priority": "low"]),
                    ("GET", "/posts/\(id)/audit", nil), ("POST", "/posts/\(id)/audit-dry-run", nil),
                    ("POST", "/posts/\(id)/dispute", ["reason": "r"]),
                ] as [(String, String, JSON?)] {
                    let reply = try await lab.send(method, path, maya, body)
                    #expect(reply.status == 404, "\(method) \(path): \(reply.status) \(reply.text)")
                }
            }
            #expect(try await lab.get("/posts/\(id)").json == before)
        }
    }

    @Test("a deleted post is nowhere", arguments: TestDatabase.all)
    func deleted(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let kept = try await lab.post(by: maya, ["labels": ["bug"]])
            let id = try await lab.post(by: maya, ["labels": ["bug"], "escrow": true])
            #expect(try await lab.points(of: maya) == 75)
            #expect(try lab.must(await lab.delete(id, by: maya)) == ["ok": true])
            #expect(try await lab.points(of: maya) == 100)
            for list in ["/posts", "/posts?sort=new", "/tasks", "/tasks?labels=bug", "/tasks?status=open"] {
                let items = try await lab.get(list).json["items"]?.array ?? []
                #expect(items.map { $0["id"]?.string } == [kept], "\(list)")
            }
            for path in ["/posts/\(id)", "/posts/\(id)/escrow", "/tasks/\(id)"] {
                #expect(try await lab.get(path).status == 404, "\(path)")
            }
            #expect(try await lab.delete(id, by: maya).status == 404)
            #expect(try await lab.claim(id, by: noor).status == 404)
            #expect(try await lab.change(id, by: maya, ["priority": "low"]).status == 404)
            #expect(try await lab.settle(id, Split(0, 25, 0, 0)).status == 404)
            #expect(try await lab.lines(of: maya, on: id) == ["escrow_hold -25", "refund +25"])
        }
    }

    @Test("only members write: nobody, no machine and no owner without an account", arguments: TestDatabase.all)
    func writers(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let id = try await lab.post(by: maya)
            let worker = try await lab.plane.worker()
            let (machine, owner) = (Bee(handle: "", caller: worker.caller), Bee(handle: "", caller: .alice))
            for (method, path, body) in [
                ("POST", "/posts", BeeHackLab.request()), ("POST", "/posts/\(id)/claim", nil),
                ("POST", "/posts/\(id)/assign", ["handle": "maya"]), ("POST", "/posts/\(id)/complete", nil),
                ("PATCH", "/tasks/\(id)", ["status": "claimed"]), ("PATCH", "/posts/\(id)", ["title": "t"]),
                ("DELETE", "/posts/\(id)", nil), ("POST", "/posts/\(id)/settle", Split(0, 0, 0, 0).body),
            ] as [(String, String, JSON?)] {
                for bee in [nil, machine] as [Bee?] {
                    let reply = try await lab.send(method, path, bee, body)
                    #expect(reply.status == 401, "\(method) \(path)")
                    #expect(reply.json["error"]?.string != nil && reply.json.members?.count == 1)
                }
                #expect(try await lab.send(method, path, owner, body).status == 403, "\(method) \(path)")
            }
            #expect(try await lab.get("/posts").json["items"]?.array?.count == 1)
            #expect(try await lab.stage(id) == "open")
        }
    }

    @Test(
        "a task's own fields are changed by its author and its assignee, and no one else", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let stranger = try await lab.join("omar")
            let id = try await lab.post(by: maya)
            try lab.must(await lab.claim(id, by: noor))
            let fields: JSON = [
                "priority": "high", "labels": ["Bug", "frontend"], "repo_url": "https://example.com/a.git",
                "branch": "fix/b", "pr_url": "https://example.com/pull/1", "estimated_effort": "2h",
            ]
            for bee in [maya, noor] {
                let item = try lab.must(await lab.change(id, by: bee, fields))
                #expect(item["ok"] == true && item["item"]?["id"]?.string == id)
                let task = try await lab.task(id)
                for member in fields.members ?? [] where member.key != "labels" {
                    #expect(task[member.key] == member.value, "\(member.key)")
                }
                #expect(task["labels"]?.array?.compactMap { $0.string?.lowercased() } == ["bug", "frontend"])
                #expect(task["task_status"] == "claimed")
            }
            let before = try await lab.task(id)
            #expect(try await lab.change(id, by: stranger, fields).status == 403)
            #expect(try await lab.change(id, by: nil, fields).status == 401)
            for wrong in [
                ["priority": "urgent"], ["priority": 1], ["labels": "bug"], ["labels": [1]], ["status": "gone"],
                ["status": 1], ["status": ""], ["branch": 1], ["pr_url": "javascript:x"], ["estimated_effort": 2],
                ["title": "t"], ["claimed_by_handle": "omar"], ["completed_at": "2026-01-01T00:00:00Z"],
                ["escrow_status": "none"], ["status": "in_progress", "priority": "urgent"],
            ] as [JSON] {
                #expect(try await lab.change(id, by: maya, wrong).status == 400, "\(wrong.text())")
            }
            #expect(try await lab.task(id) == before)
        }
    }
}
