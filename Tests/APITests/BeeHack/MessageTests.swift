import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("bee:hack: messages", .timeLimit(.minutes(2)))
struct MessageTests {
    @Test("a message is 201, told to its recipient, and read by the two alone", arguments: TestDatabase.all)
    func send(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor, tess) = (
                try await lab.join("maya"), try await lab.join("noor"), try await lab.join("tess")
            )
            let made = try await lab.send("POST", "/messages", maya, ["to_handle": " NOOR", "content": "Hello"])
            let first = made.json
            try #require(made.status == 201, "\(made.text)")
            #expect(
                first.members?.map(\.key) == ["id", "content", "created_at", "sender_handle", "recipient_handle"])
            #expect(first["content"] == "Hello" && first["sender_handle"] == "maya")
            #expect(first["recipient_handle"] == "noor")
            #expect(try await lab.told(noor) == ["new_message maya"])
            #expect(try await lab.told(maya).isEmpty)
            let told = try await lab.get("/notifications", noor).json["items"]?.array?.first
            #expect(told?["post_id"] == .null && told?["comment_id"] == .null && told?["post_title"] == .null)
            for caller in [maya, noor] {
                #expect(try await lab.get("/messages", caller).json == ["items": [first], "next_cursor": .null])
            }
            #expect(try await lab.get("/messages", tess).json["items"] == [])
            #expect(try await lab.events(.messageSent, of: maya) == 1)
            // What was said stands nowhere in the audit log.
            #expect(try await lab.number("SELECT COUNT(*) FROM events WHERE metadata LIKE '%Hello%'") == 0)
            let nameless = try await lab.plane.agent("Nameless")
            try await lab.message(from: nameless, to: "tess")
            let got = try await lab.get("/messages", tess).json["items"]?.array?.first
            #expect(got?["sender_handle"]?.string == nameless.owner)
            try await lab.message(from: tess, to: nameless.owner)
        }
    }

    @Test("the list is what one sent and got, newest first, ten unless more are wanted", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor, tess) = (
                try await lab.join("maya"), try await lab.join("noor"), try await lab.join("tess")
            )
            var ids: [String] = []
            for number in 0..<12 {
                let id =
                    number % 3 == 0
                    ? try await lab.message(from: noor, to: "maya") : try await lab.message(from: maya, to: "noor")
                ids.append(id)
                try await lab.message(from: tess, to: "noor")
            }
            func count(_ query: String) async throws -> Int? {
                try await lab.get("/messages\(query)", maya).json["items"]?.array?.count
            }
            for (query, wanted) in [
                ("", 10), ("?limit=x", 10), ("?limit=0", 1), ("?limit=-1", 1), ("?limit=11", 11), ("?limit=1000", 12),
            ] {
                #expect(try await count(query) == wanted, "\(query)")
            }
            for limit in [1, 5, 12] {
                #expect(try await lab.walk("/messages?limit=\(limit)", maya) == ids.reversed(), "\(limit)")
            }
            #expect(try await lab.walk("/messages", noor).count == 24)
            for cursor in ["x", "", "%00", Base64.encodeURL(Array("-1".utf8))] {
                #expect(try await lab.get("/messages?cursor=\(cursor)", maya).status == 400, "\(cursor)")
            }
        }
    }

    @Test("what can't be sent is refused and leaves nothing", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let before = try await DatabaseContents.read(lab.database)
            for body in [
                [:], ["to_handle": "queenbee"], ["content": "x"], ["to_handle": "queenbee", "content": ""],
                ["to_handle": "queenbee", "content": " "], ["to_handle": "queenbee", "content": .long(20_001)],
                ["to_handle": "queenbee", "content": 7], ["to_handle": 7, "content": "x"],
                ["to_handle": .null, "content": "x"], ["to_handle": "", "content": "x"],
                ["to_handle": "queenbee", "content": "x", "from": "queenbee"], [], "x",
            ] as [JSON] {
                let reply = try await lab.send("POST", "/messages", maya, body)
                #expect(reply.status == 400 && reply.json["error"]?.string != nil, "\(body.text().prefix(60))")
            }
            for name in ["nobody", "a", "mémé", "' OR 1=1", "00000000-0000-7000-8000-000000000000"] {
                let reply = try await lab.send(
                    "POST", "/messages", maya, ["to_handle": .string(name), "content": "x"])
                #expect(reply.refusal == "404 user not found", "\(name)")
            }
            for name in ["maya", " MAYA ", maya.owner] {
                let reply = try await lab.send(
                    "POST", "/messages", maya, ["to_handle": .string(name), "content": "x"])
                #expect(reply.refusal == "400 You can't send a message to yourself", "\(name)")
            }
            let body: JSON = ["to_handle": "maya", "content": "x"]
            #expect(try await lab.send("POST", "/messages", nil, body).status == 401)
            #expect(try await lab.get("/messages").status == 401)
            #expect(try await lab.send("POST", "/messages", .alice, body).status == 403)
            #expect(try await DatabaseContents.read(lab.database) == before)
            let most: JSON = ["to_handle": "queenbee", "content": .long(20_000)]
            #expect(try await lab.send("POST", "/messages", maya, most).status == 201)
        }
    }

    @Test("a repeated call sends once; each counts against the day's 1,000", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            func send(_ content: String) async throws -> PlaneReply {
                try await lab.send(
                    "POST", "/messages", maya, ["to_handle": "noor", "content": .string(content)],
                    ("Idempotency-Key", "k"))
            }
            let (first, again) = (try await send("x"), try await send("x"))
            #expect(first.status == 201 && first.text == again.text && again["Idempotency-Replayed"] == "true")
            #expect(first["X-RateLimit-Limit"] == "1000" && first["X-RateLimit-Remaining"] == "999")
            #expect(try await send("y").status == 422)
            #expect(try await lab.told(noor).count == 1)
            let all = try await atOnce(10) { number in
                try await lab.message(from: number % 2 == 0 ? maya : noor, to: number % 2 == 0 ? "noor" : "maya")
            }
            #expect(Set(all).count == 10)
            #expect(try await lab.walk("/messages?limit=4", maya).count == 11)
        }
    }
}
