import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("bee:hack: comments", .timeLimit(.minutes(2)))
struct CommentTests {
    @Test("POST comments is 201, counts, and tells the post's author or whom it answers", arguments: TestDatabase.all)
    func create(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor, tess) = (
                try await lab.join("maya"), try await lab.join("noor"), try await lab.join("tess")
            )
            let post = try await lab.post(by: maya)
            let path = "/posts/\(post)/comments"
            let made = try await lab.send("POST", path, noor, ["content": "I could."])
            let first = made.json
            try #require(made.status == 201, "\(made.text)")
            #expect(
                first.members?.map(\.key)
                    == ["id", "post_id", "parent_id", "content", "score", "created_at", "author_handle"])
            #expect(first["post_id"]?.string == post && first["parent_id"] == .null && first["score"] == 0)
            #expect(first["content"] == "I could." && first["author_handle"] == "noor")
            let parent = try #require(first["id"]?.string)
            #expect(try await lab.told(maya) == ["comment_on_post noor"])
            for form in [JSON.string(parent), .number(parent)] {
                let reply = try await lab.send("POST", path, tess, ["content": "Or I.", "parent_id": form])
                #expect(reply.status == 201 && reply.json["parent_id"]?.string == parent, "\(reply.text)")
            }
            // A reply tells whom it answers and no one else; nobody is told of what it did itself.
            #expect(try await lab.told(noor) == ["reply_on_comment tess", "reply_on_comment tess"])
            #expect(try await lab.told(maya) == ["comment_on_post noor"])
            try await lab.comment(on: post, by: maya)
            try await lab.comment(on: post, by: noor, replyingTo: parent)
            #expect(try await lab.told(maya).count == 1)
            #expect(try await lab.told(noor).count == 2)
            #expect(try await lab.told(tess).isEmpty)
            let id = try #require(Int64(post))
            #expect(try await lab.number("SELECT comment_count FROM bounties WHERE id = \(id)") == 5)
            #expect(try await lab.events(.bountyCommentAdded, of: tess) == 2)
            let told = try await lab.get("/notifications", maya).json["items"]?.array?.first
            #expect(told?["post_id"]?.string == post && told?["comment_id"]?.string == parent)
            #expect(told?["post_title"] == "Count words")
            // The forum's comments are others.
            #expect(try await lab.number("SELECT COUNT(*) FROM forum_comments") == 0)
        }
    }

    @Test("the list has the seed's four orders, page by page; an unknown order is top", arguments: TestDatabase.all)
    func orders(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let (post, other) = (try await lab.post(by: maya), try await lab.post(by: maya))
            try await lab.comment(on: other, by: maya)
            let empty = try await lab.get("/posts/\(try await lab.post(by: maya))/comments").json
            #expect(empty == ["sort": "top", "items": [], "next_cursor": .null])
            var ids: [String] = []
            for (index, score) in ([0, 5, -3, 5, -1] as [Int64]).enumerated() {
                let id = try await lab.comment(on: post, by: maya, "\(index)")
                ids.append(id)
                let (number, at) = (try #require(Int64(id)), Int64(1_000_000 + index))
                try await lab.database.write { tx in
                    try tx.execute(
                        "UPDATE bounty_comments SET score = \(score), created_at = \(at) WHERE id = \(number)")
                }
            }
            let path = "/posts/\(post)/comments"
            for (query, sort, order) in [
                ("", "top", [3, 1, 0, 4, 2]), ("sort=top", "top", [3, 1, 0, 4, 2]),
                ("sort=new", "new", [4, 3, 2, 1, 0]), ("sort=old", "old", [0, 1, 2, 3, 4]),
                ("sort=controversial", "controversial", [0, 4, 2, 3, 1]), ("sort=hot", "top", [3, 1, 0, 4, 2]),
                ("sort=", "top", [3, 1, 0, 4, 2]), ("sort=NEW", "top", [3, 1, 0, 4, 2]),
            ] {
                #expect(try await lab.get("\(path)?\(query)").json["sort"]?.string == sort)
                for limit in ["1", "2", "100", "0", "-5", "101", "x", "99999999999999999999"] {
                    let seen = try await lab.walk("\(path)?\(query)&limit=\(limit)")
                    #expect(seen == order.map { ids[$0] }, "\(query) \(limit)")
                }
            }
            let cursor = try await lab.get("\(path)?limit=1&sort=new").json["next_cursor"]?.string ?? ""
            for query in [
                "cursor=x", "cursor=", "sort=old&cursor=\(cursor)", "cursor=\(cursor)", "cursor=%00", "sort=%00",
                "cursor=\(Base64.encodeURL(Array("top:1:2:x".utf8)))",
            ] {
                #expect(try await lab.get("\(path)?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test("a list shows 50 comments when no limit is given")
    func standardLimit() async throws {
        try await SocialLab.run(.sqlite) { lab in
            let maya = try await lab.join("maya")
            let post = try await lab.post(by: maya)
            for _ in 0..<51 { try await lab.comment(on: post, by: maya) }
            for (query, count) in [("", 50), ("?limit=0", 1), ("?limit=1000", 51), ("?limit=", 50)] {
                let items = try await lab.get("/posts/\(post)/comments\(query)").json["items"]?.array
                #expect(items?.count == count, "\(query)")
            }
        }
    }

    @Test(
        "only members comment, on posts that are there, and a refused call leaves nothing", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let (post, other) = (try await lab.post(by: maya), try await lab.post(by: maya))
            let elsewhere = try await lab.comment(on: other, by: maya)
            let path = "/posts/\(post)/comments"
            let before = try await DatabaseContents.read(lab.database)
            let nobody = try await lab.send("POST", path, nil, ["content": "x"])
            #expect(nobody.refusal == "401 Missing or invalid API key. Send it as Authorization: Bearer <api_key>")
            #expect(nobody["WWW-Authenticate"] == "Bearer")
            let owner = try await lab.send("POST", path, .alice, ["content": "x"])
            #expect(owner.refusal == "403 Only registered members may do this; register at POST /api/register")
            for body in [
                [:], ["content": .null], ["content": ""], ["content": "\n "], ["content": 7],
                ["content": .long(20_001)],
                ["content": "c", "score": 5], ["content": "c", "parent_id": .string(elsewhere)],
                ["content": "c", "parent_id": "0"], ["content": "c", "parent_id": -1],
                ["content": "c", "parent_id": 1.5], ["content": "c", "parent_id": "9223372036854775807"],
                ["content": "c", "parent_id": "9223372036854775808"], ["content": "c", "parent_id": []],
                ["content": "c", "parent_id": true], [], .null, "x",
            ] as [JSON] {
                let reply = try await lab.send("POST", path, maya, body)
                #expect(reply.status == 400 && reply.json["error"]?.string != nil, "\(body.text().prefix(60))")
            }
            for id in ["0", "-1", "01", "x", "9223372036854775808", "9223372036854775807", "1e0", "1%20"] {
                let reply = try await lab.send("POST", "/posts/\(id)/comments", maya, ["content": "x"])
                #expect(reply.refusal == "404 post not found", "\(id)")
                #expect(try await lab.get("/posts/\(id)/comments").refusal == "404 post not found", "\(id)")
            }
            #expect(try await DatabaseContents.read(lab.database) == before)
            let most = try await lab.send("POST", path, maya, ["content": .long(20_000), "parent_id": .null])
            #expect(most.status == 201)
            try await lab.delete(post, by: maya)
            #expect(try await lab.send("POST", path, maya, ["content": "x"]).status == 404)
            #expect(try await lab.get(path).status == 404)
        }
    }

    @Test(
        "a repeated call writes once and tells once; each counts against the day's 5,000", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            let (post, other) = (try await lab.post(by: maya), try await lab.post(by: maya))
            func send(_ post: String, _ content: String = "x") async throws -> PlaneReply {
                try await lab.send(
                    "POST", "/posts/\(post)/comments", noor, ["content": .string(content)], ("Idempotency-Key", "k"))
            }
            let (first, again) = (try await send(post), try await send(post))
            #expect(first.status == 201 && first.text == again.text && again["Idempotency-Replayed"] == "true")
            #expect(first["X-RateLimit-Limit"] == "5000" && first["X-RateLimit-Remaining"] == "4999")
            #expect(try await send(post, "y").status == 422)
            // The key is one post's own.
            #expect(try await send(other).json["post_id"]?.string == other)
            #expect(try await lab.told(maya).count == 2)
        }
    }

    @Test("comments of many at once are all counted", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let users = [try await lab.join("maya"), try await lab.join("noor"), try await lab.join("tess")]
            let post = try await lab.post(by: users[0])
            let parent = try await lab.comment(on: post, by: users[1])
            _ = try await atOnce(18) { number in
                try await lab.comment(on: post, by: users[number % 3], replyingTo: number < 9 ? parent : nil)
            }
            #expect(try await lab.walk("/posts/\(post)/comments?sort=old&limit=5").count == 19)
            let id = try #require(Int64(post))
            #expect(try await lab.number("SELECT comment_count FROM bounties WHERE id = \(id)") == 19)
            #expect(try await lab.told(users[0]).count == 7)
            #expect(try await lab.told(users[1]).count == 6)
        }
    }
}
