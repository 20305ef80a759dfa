import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The forum", .timeLimit(.minutes(2)))
struct ForumAPITests {
    private static let text: JSON = ["title": "Hello", "content": "Who counts words?"]

    private func member(_ plane: ControlPlane, handle: String) async throws -> Caller {
        let reply = try await plane.post(
            "/agents/register", .nobody, ["name": "Bee", "handle": .string(handle)])
        return Caller(
            owner: try #require(reply.data["agent"]?["id"]?.string),
            key: try #require(reply.data["api_key"]?.string))
    }

    private func post(_ plane: ControlPlane, by caller: Caller) async throws -> String {
        let reply = try await plane.post("/forum/posts", caller, Self.text)
        return try #require(reply.data["post"]?["id"]?.string, "\(reply.text)")
    }

    @Test("a member posts and comments, and everyone reads", arguments: TestDatabase.all)
    func thread(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await member(plane, handle: "bee")
            let made = try await plane.post("/forum/posts", bee, Self.text)
            let post = try #require(made.data["post"])
            let id = try #require(post["id"]?.string)
            #expect(made.status == 201 && made["Location"] == "/api/v1/forum/posts/\(id)")
            #expect(post["author"] == "bee" && post["comment_count"] == 0 && post["title"] == "Hello")
            #expect(try await plane.get("/forum/posts/\(id)", .nobody).data["post"] == post)
            let path = "/forum/posts/\(id)/comments"
            let first = try await plane.post(path, bee, ["content": "I do."])
            let comment = try #require(first.data["comment"])
            #expect(first.status == 201 && comment["post_id"]?.string == id && comment["parent_id"] == .null)
            #expect(comment["score"] == 0 && comment["author"] == "bee" && comment["content"] == "I do.")
            let parent = try #require(comment["id"]?.string)
            for form in [JSON.string(parent), .number(parent)] {
                let reply = try await plane.post(path, bee, ["content": "And I.", "parent_id": form])
                #expect(reply.data["comment"]?["parent_id"]?.string == parent, "\(reply.text)")
            }
            #expect(try await plane.get("/forum/posts/\(id)", .nobody).data["post"]?["comment_count"] == 3)
            let listed = try await plane.get("/forum/posts", .nobody)
            #expect(listed.data["posts"]?.array?.count == 1 && listed.data["next_cursor"] == .null)
            let anonymous = try await plane.agent("queenbee")
            let theirs = try await plane.post("/forum/posts", anonymous, Self.text).data["post"]
            #expect(theirs?["author"]?.string == anonymous.owner)
        }
    }

    @Test("lists go page by page, in each order", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await member(plane, handle: "bee")
            var posts: [String] = []
            for _ in 0..<5 { posts.append(try await post(plane, by: bee)) }
            #expect(try await walk(plane, "/forum/posts", "posts", "?limit=2") == posts.reversed())
            let path = "/forum/posts/\(posts[0])/comments"
            var comments: [String] = []
            for number in 0..<5 {
                let reply = try await plane.post(path, bee, ["content": .string("\(number)")])
                comments.append(try #require(reply.data["comment"]?["id"]?.string))
            }
            for (query, wanted) in [
                ("?limit=2", comments.reversed()), ("?limit=2&sort=top", comments.reversed()),
                ("?limit=2&sort=new", comments.reversed()), ("?limit=2&sort=old", comments),
                ("?limit=2&sort=controversial", comments.reversed()), ("?limit=100&sort=old", comments),
            ] {
                #expect(try await walk(plane, path, "comments", query) == wanted, "\(query)")
            }
            let cursor = try await plane.get("\(path)?limit=1&sort=new", .nobody).data["next_cursor"]?.string ?? ""
            for query in [
                "sort=hot", "sort=", "limit=0", "limit=101", "cursor=x", "sort=old&cursor=\(cursor)",
                "cursor=\(cursor)",
                "cursor=\(Base64.encodeURL(Array("top:1:2".utf8)))",
                "cursor=\(Base64.encodeURL(Array("top:1:2:x".utf8)))",
            ] {
                #expect(try await plane.get("\(path)?\(query)", .nobody).outcome == "400 invalid_field", "\(query)")
            }
            for cursor in [
                "x", Base64.encodeURL(Array("-1".utf8)), Base64.encodeURL(Array("99999999999999999999".utf8)),
            ] {
                #expect(try await plane.get("/forum/posts?cursor=\(cursor)", .nobody).status == 400)
            }
        }
    }

    /// The ids of a list, from all its pages.
    private func walk(_ plane: ControlPlane, _ path: String, _ name: String, _ query: String) async throws -> [String] {
        var ids: [String] = []
        var cursor = ""
        while true {
            let reply = try await plane.get(path + query + cursor, .nobody)
            ids += reply.data[name]?.array?.compactMap { $0["id"]?.string } ?? []
            guard let next = reply.data["next_cursor"]?.string, ids.count < 100 else { return ids }
            cursor = "&cursor=\(next)"
        }
    }

    @Test("only members write: no stranger, no machine, no owner that is nobody", arguments: TestDatabase.all)
    func writers(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await member(plane, handle: "bee")
            let id = try await post(plane, by: bee)
            let worker = try await plane.worker()
            for (path, body) in [("/forum/posts", Self.text), ("/forum/posts/\(id)/comments", ["content": "x"])] {
                #expect(try await plane.post(path, .nobody, body).outcome == "401 unauthorized")
                #expect(try await plane.post(path, .alice, body).outcome == "403 members_only")
                let machine = Caller(owner: "", key: "", headers: [("X-Machine-Token", worker.token)])
                #expect(try await plane.post(path, machine, body).outcome == "401 unauthorized")
                let other = bee.headers + [("X-Owner-ID", "alice")]
                #expect(try await plane.send("POST", path, other, bytes: body.bytes()).outcome == "403 forbidden")
                #expect(try await plane.post(path, .operator(for: bee.owner), body).status == 201)
            }
            let posts = try await plane.get("/forum/posts", .nobody).data["posts"]?.array
            #expect(posts?.map { $0["author"] } == ["bee", "bee"])
        }
    }

    @Test("a repeated call writes once, and a key is one thread's own", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await member(plane, handle: "bee")
            let keyed = bee.headers + [("Idempotency-Key", "k")]
            func send(_ path: String, _ body: JSON) async throws -> PlaneReply {
                try await plane.send("POST", path, keyed, bytes: body.bytes())
            }
            let first = try await send("/forum/posts", Self.text)
            let again = try await send("/forum/posts", Self.text)
            #expect(first.status == 201 && again.status == 201 && first.text == again.text)
            #expect(again["Location"] == first["Location"])
            let altered = try await send("/forum/posts", ["title": "Other", "content": "x"])
            #expect(altered.outcome == "422 idempotency_key_reused")
            let (one, two) = (try await post(plane, by: bee), try await post(plane, by: bee))
            for id in [one, two, one] {
                let reply = try await send("/forum/posts/\(id)/comments", ["content": "x"])
                #expect(reply.data["comment"]?["post_id"]?.string == id)
            }
            let posts = try await plane.get("/forum/posts", .nobody).data["posts"]?.array
            #expect(posts?.map { $0["comment_count"] } == [1, 1, 0])
        }
    }

    @Test("what is no text, no post or no comment of it is a 4xx and leaves nothing", arguments: TestDatabase.all)
    func hostility(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await member(plane, handle: "bee")
            let (id, other) = (try await post(plane, by: bee), try await post(plane, by: bee))
            let elsewhere = try await plane.post("/forum/posts/\(other)/comments", bee, ["content": "x"])
            let parent = elsewhere.data["comment"]?["id"] ?? .null
            func long(_ count: Int) -> JSON { .string(String(repeating: "é", count: count)) }
            for body in [
                [:], ["title": "t"], ["content": "c"], ["title": "", "content": "c"], ["title": " ", "content": "c"],
                ["title": long(256), "content": "c"], ["title": "t", "content": long(20_001)],
                ["title": 1, "content": "c"],
                ["title": "t", "content": ["c"]], ["title": "t", "content": "c", "author": "queenbee"], [], .null,
            ] as [JSON] {
                #expect(try await plane.post("/forum/posts", bee, body).status == 400, "\(body.text().prefix(60))")
            }
            let path = "/forum/posts/\(id)/comments"
            for body in [
                [:], ["content": "\n"], ["content": long(20_001)], ["content": "c", "parent_id": parent],
                ["content": "c", "parent_id": "0"], ["content": "c", "parent_id": -1],
                ["content": "c", "parent_id": 1.0], ["content": "c", "parent_id": "9223372036854775808"],
                ["content": "c", "parent_id": "x"], ["content": "c", "parent_id": []],
                ["content": "c", "parent_id": "9223372036854775807"], ["content": "c", "score": 5],
            ] as [JSON] {
                #expect(try await plane.post(path, bee, body).status == 400, "\(body.text().prefix(60))")
            }
            for text in [
                #"{"title":"a\u0000b","content":"c"}"#, #"{"title":"t","content":"c"}x"#, "{\"title\":\"\u{0}\"}",
            ] {
                #expect(try await plane.post("/forum/posts", bee, text: text).outcome == "400 malformed_json")
            }
            for id in ["0", "-1", "01", "x", "%00", "9223372036854775808", "9223372036854775807", "1e0", "1%20"] {
                #expect(try await plane.get("/forum/posts/\(id)", .nobody).outcome == "404 not_found", "\(id)")
                #expect(try await plane.get("/forum/posts/\(id)/comments", .nobody).status == 404, "\(id)")
                let reply = try await plane.post("/forum/posts/\(id)/comments", bee, ["content": "x"])
                #expect(reply.outcome == "404 not_found", "\(id)")
            }
            let most: JSON = ["title": long(255), "content": long(20_000)]
            #expect(try await plane.post("/forum/posts", bee, most).status == 201)
            let posts = try await plane.get("/forum/posts", .nobody).data["posts"]?.array
            #expect(posts?.map { $0["comment_count"] } == [0, 1, 0])
        }
    }

    @Test("too many posts are 429, with the time to wait")
    func quota() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let bee = try await member(plane, handle: "bee")
            for _ in 0..<ForumQuota.posts { _ = try await post(plane, by: bee) }
            let reply = try await plane.post("/forum/posts", bee, Self.text)
            #expect(reply.outcome == "429 quota_exceeded")
            let seconds = try #require(reply["Retry-After"].flatMap { Int($0) })
            #expect((86_000...86_400).contains(seconds))
            plane.clock.advance(by: .seconds(86_400))
            #expect(try await plane.post("/forum/posts", bee, Self.text).status == 201)
        }
    }
}
