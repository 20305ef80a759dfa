import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("bee:hack: users", .timeLimit(.minutes(2)))
struct UserTests {
    @Test("GET /users/profile shows a user with what it did, newest first", arguments: TestDatabase.all)
    func profile(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            let fresh = try await lab.get("/users/profile?name=maya").json
            #expect(
                fresh.members?.map(\.key) == [
                    "id", "name", "handle", "description", "identity_url", "created_at", "total_points", "followers",
                    "following", "posts", "comments", "claimed_tasks",
                ])
            #expect(fresh["id"]?.string == maya.owner && fresh["name"] == "maya" && fresh["description"] == .null)
            #expect(fresh["total_points"] == 100 && fresh["followers"] == 0 && fresh["following"] == 0)
            #expect(fresh["posts"] == [] && fresh["comments"] == [] && fresh["claimed_tasks"] == [])
            let first = try await lab.post(by: maya, title: "One")
            let second = try await lab.post(by: maya, title: "Two", claimedBy: noor)
            let parent = try await lab.comment(on: first, by: noor, "a")
            let reply = try await lab.comment(on: first, by: noor, replyingTo: parent, "b")
            let theirs = try await lab.comment(on: second, by: noor, "c")
            let posts = try await lab.get("/users/profile?name=%20MAYA%20").json["posts"]?.array ?? []
            #expect(posts.map { $0["id"]?.string } == [second, first])
            #expect(
                posts.first?.members?.map(\.key) == ["id", "title", "url", "task_status", "points", "created_at"])
            #expect(posts.map { $0["task_status"] } == ["claimed", "open"] && posts.first?["points"] == 25)
            let shown = try await lab.get("/users/profile?name=noor").json
            let comments = shown["comments"]?.array ?? []
            #expect(comments.map { $0["id"]?.string } == [theirs, reply, parent])
            #expect(comments.map { $0["post_title"] } == ["Two", "One", "One"])
            #expect(comments.map { $0["parent_id"]?.string } == [nil, parent, nil])
            #expect(
                Set(comments.first?.members?.map(\.key) ?? []) == [
                    "id", "post_id", "post_title", "parent_id", "content", "score", "created_at",
                ])
            let claimed = shown["claimed_tasks"]?.array ?? []
            #expect(claimed.map { $0["id"]?.string } == [second] && shown["posts"] == [])
            #expect(claimed.first?.members?.map(\.key) == ["id", "title", "url", "task_status", "claimed_at"])
            #expect(claimed.first?["claimed_at"]?.string != nil)
            try await lab.delete(first, by: maya)
            let later = try await lab.get("/users/profile?name=noor").json["comments"]?.array
            #expect(later?.map { $0["post_title"] } == ["Two", .null, .null])
        }
    }

    @Test("a profile lists the newest 100 of each", arguments: TestDatabase.all)
    func hundred(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            var (posts, comments): ([String], [String]) = ([], [])
            for _ in 0..<101 {
                posts.append(try await lab.post(by: maya, claimedBy: noor))
                comments.append(try await lab.comment(on: posts[0], by: noor))
            }
            func ids(_ name: String, _ list: String) async throws -> [String] {
                let items = try await lab.get("/users/profile?name=\(name)").json[list]?.array ?? []
                return items.compactMap { $0["id"]?.string }
            }
            #expect(try await ids("maya", "posts") == posts.dropFirst().reversed())
            #expect(try await ids("noor", "comments") == comments.dropFirst().reversed())
            #expect(try await ids("noor", "claimed_tasks") == posts.dropFirst().reversed())
        }
    }

    @Test("who has no handle is called by its id; no name is 400, an unknown one 404", arguments: TestDatabase.all)
    func names(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let nameless = try await lab.plane.agent("Nameless")
            let shown = try await lab.get("/users/profile?name=\(nameless.owner)").json
            #expect(shown["handle"]?.string == nameless.owner && shown["name"] == "Nameless")
            #expect(try await lab.get("/users/profile?name=queenbee").status == 200)
            for query in ["", "?name=", "?handle=queenbee", "?name=queenbee%00"] {
                #expect(try await lab.get("/users/profile\(query)").status == 400, "\(query)")
            }
            for name in [
                "nobody", "%27%20OR%201=1", "%25", "..", "a", "m%C3%A9m%C3%A9", String(repeating: "a", count: 5_000),
                "00000000-0000-7000-8000-000000000000",
            ] {
                #expect(try await lab.get("/users/profile?name=\(name)").refusal == "404 user not found", "\(name)")
            }
        }
    }

    @Test("PATCH /users/me changes what is given", arguments: TestDatabase.all)
    func change(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let both = try await lab.send("PATCH", "/users/me", maya, ["name": "Maya B.", "description": "Words."])
            #expect(both.status == 200 && both.json["ok"] == true, "\(both.text)")
            #expect(both.json["user"]?["name"] == "Maya B." && both.json["user"]?["description"] == "Words.")
            func shown() async throws -> [JSON?] {
                let profile = try await lab.get("/users/profile?name=maya").json
                return [profile["name"], profile["description"], profile["handle"]]
            }
            #expect(try await lab.send("PATCH", "/users/me", maya, ["name": "Maya C."]).status == 200)
            #expect(try await shown() == ["Maya C.", "Words.", "maya"])
            #expect(try await lab.send("PATCH", "/users/me", maya, ["description": .null]).status == 200)
            #expect(try await shown() == ["Maya C.", .null, "maya"])
            #expect(try await lab.send("PATCH", "/users/me", maya, [:]).status == 200)
            #expect(try await lab.events(.agentUpdated, of: maya) == 4)
            let before = try await DatabaseContents.read(lab.database)
            for body in [
                ["name": ""], ["name": " "], ["name": 7], ["name": .long(129)], ["description": 7],
                ["description": .long(1_025)], ["handle": "noor"], ["role": "admin"], ["total_points": 7], [], "x",
            ] as [JSON] {
                #expect(try await lab.send("PATCH", "/users/me", maya, body).status == 400, "\(body.text().prefix(60))")
            }
            #expect(try await lab.send("PATCH", "/users/me", nil, ["name": "x"]).status == 401)
            #expect(
                try await lab.send("PATCH", "/users/me", .alice, ["name": "x"]).refusal
                    == "403 Only registered members may do this; register at POST /api/register")
            #expect(try await DatabaseContents.read(lab.database) == before)
        }
    }
}

@Suite("bee:hack: follows", .timeLimit(.minutes(2)))
struct FollowTests {
    /// `followers/following` of a user.
    private func counts(_ lab: SocialLab, _ handle: String) async throws -> String {
        let profile = try await lab.get("/users/profile?name=\(handle)").json
        return "\(profile["followers"]?.int ?? -1)/\(profile["following"]?.int ?? -1)"
    }

    @Test("following and unfollowing count once, however often they are said", arguments: TestDatabase.all)
    func follow(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            for name in ["noor", "NOOR", noor.owner] {
                let reply = try await lab.send("POST", "/users/\(name)/follow", maya)
                #expect(reply.status == 200 && reply.text == #"{"ok":true}"#, "\(reply.text)")
            }
            #expect(try await counts(lab, "maya") == "0/1")
            #expect(try await counts(lab, "noor") == "1/0")
            #expect(try await lab.send("POST", "/users/maya/follow", noor).status == 200)
            #expect(try await counts(lab, "maya") == "1/1")
            for _ in 0..<2 {
                let reply = try await lab.send("DELETE", "/users/noor/follow", maya)
                #expect(reply.status == 200 && reply.text == #"{"ok":true}"#, "\(reply.text)")
            }
            #expect(try await counts(lab, "maya") == "1/0")
            #expect(try await counts(lab, "noor") == "0/1")
            #expect(try await lab.events(.memberFollowed, of: maya) == 1)
            #expect(try await lab.events(.memberUnfollowed, of: maya) == 1)
            #expect(try await lab.told(noor).isEmpty)
            let quota = try await lab.send("DELETE", "/users/noor/follow", maya)
            #expect(quota["X-RateLimit-Limit"] == "2000")
        }
    }

    @Test("nobody follows itself, strangers to us, or more than 500", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            try await lab.database.write { tx in
                try tx.execute("UPDATE members SET following = 500 WHERE id = \(maya.owner)")
            }
            let before = try await DatabaseContents.read(lab.database)
            for method in ["POST", "DELETE"] {
                let own = try await lab.send(method, "/users/maya/follow", maya)
                #expect(own.refusal == "400 You can't follow yourself")
                for name in ["nobody", "%20", "a%2Fb", "me", String(repeating: "a", count: 200)] {
                    let reply = try await lab.send(method, "/users/\(name)/follow", maya)
                    #expect(reply.refusal == "404 user not found", "\(method) \(name)")
                }
                #expect(try await lab.send(method, "/users/noor/follow", nil).status == 401)
                for name in ["noor", "nobody"] {
                    let reply = try await lab.send(method, "/users/\(name)/follow", .alice)
                    #expect(reply.status == 403, "\(reply.text)")
                }
            }
            let full = try await lab.send("POST", "/users/noor/follow", maya)
            #expect(full.refusal == "409 You follow 500 users already; unfollow one first")
            #expect(try await DatabaseContents.read(lab.database) == before)
            try await lab.database.write { tx in
                try tx.execute("UPDATE members SET following = 499 WHERE id = \(maya.owner)")
            }
            let statuses = try await atOnce(4) { number in
                try await lab.send("POST", "/users/\(number % 2 == 0 ? "noor" : "queenbee")/follow", maya).status
            }
            #expect(Set(statuses) == [200, 409])
            #expect(try await counts(lab, "maya").hasSuffix("/500"))
            _ = noor
        }
    }

    @Test("users who follow each other at once neither wait for each other nor miscount", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            var users: [(handle: String, caller: Caller)] = []
            for handle in ["ann", "bob", "cleo", "dan"] { users.append((handle, try await lab.join(handle))) }
            let all = users
            for method in ["POST", "POST", "DELETE", "POST"] {
                let statuses = try await atOnce(48) { number in
                    let (follower, step) = (number % 4, 1 + number / 4 % 3)
                    let name = all[(follower + step) % 4].handle
                    return try await lab.send(method, "/users/\(name)/follow", all[follower].caller).status
                }
                #expect(Set(statuses) == [200])
                let wanted = method == "POST" ? "3/3" : "0/0"
                for user in all { #expect(try await counts(lab, user.handle) == wanted, "\(method) \(user.handle)") }
            }
            #expect(try await lab.number("SELECT COUNT(*) FROM follows") == 12)
        }
    }

    @Test("a repeated call with a key is answered from the first", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for replayed in [nil, "true"] {
                let reply = try await lab.send("POST", "/users/queenbee/follow", maya, nil, ("Idempotency-Key", "k"))
                #expect(reply.text == #"{"ok":true}"# && reply["Idempotency-Replayed"] == replayed)
            }
            // Another user's name is another call.
            _ = try await lab.join("noor")
            let other = try await lab.send("POST", "/users/noor/follow", maya, nil, ("Idempotency-Key", "k"))
            #expect(other.status == 200 && other["Idempotency-Replayed"] == nil)
            #expect(try await counts(lab, "maya") == "0/2")
        }
    }
}
