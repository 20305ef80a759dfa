import Bytes
import Support
import Testing

@Suite("Posts of bee:hack", .timeLimit(.minutes(2)))
struct BountyPostTests {
    static let postFields: Set<String> = [
        "id", "title", "url", "content", "points", "task_status", "claimed_by_handle", "created_at", "author_handle",
        "comment_count", "deadline", "acceptance_criteria", "tests", "assignment_mode", "poster_escrow",
        "assignee_escrow", "escrow_status",
    ]

    static let taskFields: Set<String> = [
        "id", "title", "url", "content", "points", "task_status", "priority", "labels", "repo_url", "branch", "pr_url",
        "claimed_by_handle", "claimed_at", "completed_at", "estimated_effort", "created_at", "updated_at",
        "author_handle", "comment_count",
    ]

    private static let everything: JSON = [
        "title": "Wörter zählen 🐣", "description": "All of them.\nTwice.", "url": "https://example.com/a?b=c#d",
        "points": 100, "deadline": "2999-03-01T01:00:00+01:00", "acceptance_criteria": "It counts.",
        "tests": "npm test -- --grep words", "assignment_mode": "fcfs", "escrow": true, "priority": "critical",
        "labels": ["bug", "frontend"], "repo_url": "https://github.com/example/words.git", "branch": "fix/words",
        "estimated_effort": "2h",
    ]

    private func keys(_ json: JSON?) -> Set<String> { Set(json?.members?.map(\.key) ?? []) }

    @Test("show all that they were made with, as a post and as a task", arguments: TestDatabase.all)
    func shown(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let made = try lab.must(await lab.send("POST", "/posts", maya, Self.everything), 201)
            let id = try #require(made["id"]?.string)
            #expect(keys(made).isSuperset(of: Self.postFields))
            for (field, value) in [
                ("title", "Wörter zählen 🐣"), ("content", "All of them.\nTwice."),
                ("url", "https://example.com/a?b=c#d"), ("points", 100), ("deadline", "2999-03-01T00:00:00.000Z"),
                ("acceptance_criteria", "It counts."), ("tests", "npm test -- --grep words"),
                ("assignment_mode", "fcfs"), ("task_status", "open"), ("comment_count", 0), ("author_handle", "maya"),
                ("claimed_by_handle", .null), ("poster_escrow", 100), ("assignee_escrow", 0),
                ("escrow_status", "poster_held"),
            ] as [(String, JSON)] {
                #expect(made[field] == value, "\(field): \(made[field]?.text() ?? "missing")")
            }
            #expect(try await lab.get("/posts/\(id)").json == made)
            #expect(try await lab.get("/posts").json["items"]?.array?.first == made)
            let task = try lab.must(await lab.get("/tasks/\(id)"))
            #expect(keys(task).isSuperset(of: Self.taskFields))
            for (field, value) in [
                ("priority", "critical"), ("labels", ["bug", "frontend"]), ("branch", "fix/words"),
                ("repo_url", "https://github.com/example/words.git"), ("pr_url", .null), ("estimated_effort", "2h"),
                ("claimed_at", .null), ("completed_at", .null), ("id", .string(id)), ("points", 100),
            ] as [(String, JSON)] {
                #expect(task[field] == value, "\(field): \(task[field]?.text() ?? "missing")")
            }
            #expect(try await lab.get("/tasks").json["items"]?.array?.first == task)
        }
    }

    @Test("have defaults for all that is optional", arguments: TestDatabase.all)
    func defaults(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for text in ["description", "content"] {
                let body = JSON.object([.init("title", "t"), .init(text, "c"), .init("points", 1)])
                let made = try lab.must(await lab.send("POST", "/posts", maya, body), 201)
                let absent = ["url", "deadline", "acceptance_criteria", "tests", "claimed_by_handle"]
                #expect(absent.allSatisfy { made[$0] == .null }, "\(made.text())")
                #expect(made["assignment_mode"] == "owner_assigns" && made["escrow_status"] == "none")
                #expect(made["poster_escrow"] == 0 && made["assignee_escrow"] == 0 && made["content"] == "c")
                let task = try await lab.task(made["id"]?.string ?? "")
                #expect(task["priority"] == "medium" && task["labels"] == [] && task["repo_url"] == .null)
            }
            #expect(try await lab.points(of: maya) == 100)
            #expect(try await lab.lines(of: maya).isEmpty)
        }
    }

    @Test("take bounties of 1 to 10¹² and refuse whatever else is sent as one", arguments: TestDatabase.all)
    func amounts(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for amount in [
                "0", "-1", "-0", "1.5", "1.0", "\"10\"", "1e2", "1E+2", "100e-1", "1000000000001",
                "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e400",
                "-1e400", "1e-400", "null", "true", "[]", "[1]", "{}", "\"\"", "\"NaN\"",
                String(repeating: "9", count: 400),
            ] {
                for escrow in ["false", "true"] {
                    let text = #"{"title":"t","description":"d","points":\#(amount),"escrow":\#(escrow)}"#
                    let reply = try await lab.send("POST", "/posts", maya, text: text)
                    #expect(reply.status == 400, "\(amount): \(reply.text)")
                    #expect(reply.json["error"]?.string?.isEmpty == false, "\(amount)")
                }
            }
            #expect(try await lab.send("POST", "/posts", maya, BeeHackLab.request(without: ["points"])).status == 400)
            #expect(try await lab.get("/posts").json["items"] == [])
            for points in [1, 5, 1_000_000_000_000] as [Int64] {
                let id = try await lab.post(by: maya, ["points": JSON(points)])
                #expect(try await lab.get("/posts/\(id)").json["points"]?.int == points)
            }
            let rich = try await lab.send(
                "POST", "/posts", maya, BeeHackLab.request(["points": 1_000_000_000_000, "escrow": true]))
            #expect(rich.status == 400 && rich.json["error"]?.string?.contains("100") == true, "\(rich.text)")
            #expect(try await lab.points(of: maya) == 100)
        }
    }

    @Test("refuse what is no task, and nothing is there afterwards", arguments: TestDatabase.all)
    func hostility(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for fields in [
                ["title": ""], ["title": " \n"], ["title": 1], ["title": .null], ["title": "a\u{0}b"],
                ["description": 1], ["description": ["x"]], ["description": "a\u{0}b"], ["url": 1], ["url": ""],
                ["url": "javascript:alert(1)"], ["url": "no address"], ["url": "https://"], ["deadline": "tomorrow"],
                ["deadline": 1], ["deadline": "2026-02-30T00:00:00Z"], ["deadline": "2026-01-01"],
                ["acceptance_criteria": 1], ["tests": ["npm", "test"]], ["assignment_mode": "auction"],
                ["assignment_mode": 1], ["escrow": "true"], ["escrow": 1], ["priority": "urgent"], ["priority": 3],
                ["labels": "bug"], ["labels": [1]], ["labels": [""]],
                ["labels": .array(Array(repeating: "a", count: 21))],
                ["labels": [.string(String(repeating: "a", count: 51))]], ["branch": 1], ["estimated_effort": 2],
                ["status": "done"], ["task_status": "done"], ["escrow_status": "settled"], ["poster_escrow": 5],
                ["branch": "-x"], ["branch": "a..b"], ["branch": "a//b"], ["branch": "a.lock"], ["branch": "a b"],
                ["branch": "HEAD"], ["repo_url": "https:///a.git"], ["repo_url": "https://"],
                ["repo_url": "file://host/a"], ["repo_url": "ssh://x/a"], ["repo_url": 1],
                ["author_handle": "queenbee"], ["pr_url": "https://example.com/1"], ["Title": "t"],
            ] as [JSON] {
                let reply = try await lab.send("POST", "/posts", maya, BeeHackLab.request(fields))
                #expect(reply.status == 400, "\(fields.text()): \(reply.status) \(reply.text)")
            }
            let late = BeeHackLab.request(["escrow": true, "deadline": lab.instant(in: -1)])
            #expect(try await lab.send("POST", "/posts", maya, late).status == 400, "an escrow that is over at once")
            for missing in ["title", "description"] {
                let reply = try await lab.send("POST", "/posts", maya, BeeHackLab.request(without: [missing]))
                #expect(reply.status == 400, "without \(missing): \(reply.text)")
            }
            for text in ["", "{", "[]", "null", "1", "{}x", #"{"title":"t","title":"u","description":"d","points":1}"#]
            {
                #expect(try await lab.send("POST", "/posts", maya, text: text).status == 400, "\(text)")
            }
            #expect(try await lab.get("/posts").json["items"] == [])
            #expect(try await lab.points(of: maya) == 100)
        }
    }

    @Test(
        "take an address of a repository that git may call, and nothing else as one", arguments: [TestDatabase.sqlite])
    func repositories(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let id = try await lab.post(by: maya)
            for address in [
                "", "words", "-oProxyCommand=x", "--upload-pack=x", "ext::sh -c id", "javascript:alert(1)", "ftp://x/a",
                "/etc/passwd", "../words", "https://", "https://example.com/a b.git", "x:y",
            ] {
                let made = try await lab.send(
                    "POST", "/posts", maya, BeeHackLab.request(["repo_url": .string(address)]))
                #expect(made.status == 400, "\(address): \(made.text)")
                let changed = try await lab.change(id, by: maya, ["repo_url": .string(address)])
                #expect(changed.status == 400, "\(address): \(changed.text)")
            }
            for address in ["https://example.com/a.git", "http://example.com/a", "file:///srv/words.git"] {
                #expect(try await lab.change(id, by: maya, ["repo_url": .string(address)]).status == 200, "\(address)")
                #expect(try await lab.task(id)["repo_url"]?.string == address)
            }
        }
    }

    @Test("are bounded in each of their texts, as the document says", arguments: [TestDatabase.sqlite])
    func bounds(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let document = try await lab.plane.send("GET", "/openapi.json", base: "").json
            let content = document["paths"]?["/api/posts"]?["post"]?["requestBody"]?["content"]
            let properties = Self.resolved(content?["application/json"]?["schema"], in: document)?["properties"]
            #expect(keys(properties).isSuperset(of: ["title", "description", "content"]))
            for field in [
                "title", "description", "content", "acceptance_criteria", "tests", "branch",
                "estimated_effort", "url", "repo_url",
            ] {
                let most = try #require(Self.longest(properties?[field], in: document), "\(field) has no bound")
                let start = field.hasSuffix("url") ? "https://example.com/" : ""
                for (extra, status) in [(0, 201), (1, 400)] {
                    let count = Int(most) + extra - start.unicodeScalars.count
                    let letter = field.hasSuffix("url") || field == "branch" ? "e" : "é"
                    let text = JSON.string(start + String(repeating: letter, count: count))
                    let request = BeeHackLab.request(
                        .object([.init(field, text)]), without: field == "content" ? ["description"] : [])
                    let reply = try await lab.send("POST", "/posts", maya, request)
                    #expect(reply.status == status, "\(field) of \(most) + \(extra): \(reply.text.prefix(200))")
                }
            }
        }
    }

    private static func resolved(_ schema: JSON?, in document: JSON) -> JSON? {
        guard let name = schema?["$ref"]?.string?.split(separator: "/").last else { return schema }
        return document["components"]?["schemas"]?[String(name)]
    }

    private static func longest(_ schema: JSON?, in document: JSON) -> Int64? {
        let own = resolved(schema, in: document)
        return own?["maxLength"]?.int ?? own?["anyOf"]?.array?.compactMap { longest($0, in: document) }.first
    }
}
