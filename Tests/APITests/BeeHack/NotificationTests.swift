import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("bee:hack: notifications", .timeLimit(.minutes(2)))
struct NotificationTests {
    /// Writes notifications for a member, as if the queenbee had caused them; they are about a post.
    private func write(_ count: Int, for caller: Caller, about post: String? = nil, _ lab: SocialLab) async throws {
        let bounty = post.flatMap { Int64($0) }
        try await lab.database.write { tx in
            for _ in 0..<count {
                try tx.execute(
                    """
                    INSERT INTO notifications (member_id, type, bounty_id, actor_id, created_at)
                    VALUES (\(caller.owner), 'task_claimed', \(bounty), \(Member.queenbee.text), \(tx.now))
                    """)
            }
        }
    }

    private func unread(_ caller: Caller, _ lab: SocialLab) async throws -> Int64? {
        try await lab.number("SELECT COUNT(*) FROM notifications WHERE member_id = \(caller.owner) AND is_read = 0")
    }

    private func mark(_ lab: SocialLab, _ caller: Caller?, _ body: JSON) async throws -> PlaneReply {
        try await lab.send("PATCH", "/notifications", caller, body)
    }

    @Test("the list has the unread ones, newest first, or all", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            #expect(try await lab.get("/notifications", maya).json == ["items": [], "next_cursor": .null])
            let post = try await lab.post(by: maya, title: "One")
            for _ in 0..<4 { try await lab.comment(on: post, by: noor) }
            try await lab.message(from: noor, to: "maya")
            let items = try await lab.get("/notifications", maya).json["items"]?.array ?? []
            #expect(items.count == 5 && items.map { $0["read"] } == Array(repeating: false, count: 5))
            let keys = ["id", "type", "post_id", "post_title", "comment_id", "actor_handle", "read", "created_at"]
            #expect(items.allSatisfy { $0.members?.map(\.key) == keys })
            #expect(items.first?["type"] == "new_message" && items.last?["type"] == "comment_on_post")
            #expect(items.last?["post_id"]?.string == post && items.last?["post_title"] == "One")
            let ids = items.compactMap { $0["id"]?.string }
            #expect(try await mark(lab, maya, ["ids": [.string(ids[1]), .number(ids[3])]]).text == #"{"ok":true}"#)
            let left = [ids[0], ids[2], ids[4]]
            for query in ["", "unread_only=true", "unread_only=", "unread_only=1", "unread_only=FALSE"] {
                for limit in [1, 2, 100] {
                    #expect(try await lab.walk("/notifications?\(query)&limit=\(limit)", maya) == left, "\(query)")
                }
            }
            #expect(try await lab.walk("/notifications?unread_only=false&limit=2", maya) == ids)
            let all = try await lab.get("/notifications?unread_only=false", maya).json["items"]?.array ?? []
            #expect(all.map { $0["read"] } == [false, true, false, true, false])
            try await lab.delete(post, by: maya)
            let later = try await lab.get("/notifications", maya).json["items"]?.array?.last
            #expect(later?["post_id"]?.string == post && later?["post_title"] == .null)
            #expect(try await lab.get("/notifications", noor).json["items"] == [])
            for cursor in ["x", "", "%00"] {
                #expect(try await lab.get("/notifications?cursor=\(cursor)", maya).status == 400, "\(cursor)")
            }
        }
    }

    @Test("the limit is 50 when absent, and clamped to 1–100")
    func limits() async throws {
        try await SocialLab.run(.sqlite) { lab in
            let maya = try await lab.join("maya")
            try await write(120, for: maya, lab)
            for (query, count) in [
                ("", 50), ("?limit=", 50), ("?limit=0", 1), ("?limit=-3", 1), ("?limit=100", 100), ("?limit=101", 100),
                ("?limit=1e2", 50),
            ] {
                let items = try await lab.get("/notifications\(query)", maya).json["items"]?.array
                #expect(items?.count == count, "\(query)")
            }
        }
    }

    @Test("only one's own are marked; others' and unknown ids are passed over", arguments: TestDatabase.all)
    func foreign(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            try await write(3, for: maya, lab)
            try await write(3, for: noor, lab)
            let all = try await lab.walk("/notifications", maya) + lab.walk("/notifications", noor)
            let ids = JSON.array(all.map { .string($0) } + ["9223372036854775807", .string(all[0])])
            #expect(try await mark(lab, noor, ["ids": ids]).status == 200)
            #expect(try await unread(maya, lab) == 3)
            #expect(try await unread(noor, lab) == 0)
            #expect(try await mark(lab, noor, ["all": true]).status == 200)
            #expect(try await unread(maya, lab) == 3)
            #expect(try await mark(lab, maya, ["all": true]).text == #"{"ok":true}"#)
            #expect(try await unread(maya, lab) == 0)
        }
    }

    @Test("all marks however many there are, and a thousand ids are taken", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for count in [1_000, 2_500] {
                try await write(count, for: maya, lab)
                #expect(try await mark(lab, maya, ["all": true]).status == 200)
                #expect(try await unread(maya, lab) == 0, "\(count)")
            }
            try await write(1_001, for: maya, lab)
            let ids = try await lab.walk("/notifications?limit=100", maya)
            #expect(ids.count == 1_000 || ids.count == 1_001)
            let thousand = JSON.array(ids.prefix(1_000).map { .string($0) })
            #expect(try await mark(lab, maya, ["ids": thousand]).status == 200)
            #expect(try await unread(maya, lab) == 1)
            // What is marked twice at once, in another order, is marked.
            try await write(200, for: maya, lab)
            let some = try await lab.walk("/notifications?limit=100", maya)
            let statuses = try await atOnce(8) { number in
                let order = number % 2 == 0 ? some : some.reversed()
                return try await mark(
                    lab, maya, number < 6 ? ["ids": .array(order.map { .string($0) })] : ["all": true]
                ).status
            }
            #expect(Set(statuses) == [200])
            #expect(try await unread(maya, lab) == 0)
        }
    }

    @Test("exactly one of all and ids is wanted, of a member", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            try await write(2, for: maya, lab)
            let before = try await DatabaseContents.read(lab.database)
            let many = JSON.array((1...1_001).map { JSON(Int64($0)) })
            for body in [
                [:], ["all": false], ["all": "true"], ["all": 1], ["all": true, "ids": [1]], ["ids": []], ["ids": 1],
                ["all": false, "ids": [1]], ["ids": [0]], ["ids": [-1]], ["ids": ["x"]], ["ids": [1.5]],
                ["ids": ["01"]],
                ["ids": [.null]], ["ids": ["9223372036854775808"]], ["ids": many], ["id": 1], [], "x", .null,
            ] as [JSON] {
                let reply = try await mark(lab, maya, body)
                #expect(reply.status == 400 && reply.json["error"]?.string != nil, "\(body.text().prefix(60))")
            }
            #expect(try await mark(lab, nil, ["all": true]).status == 401)
            #expect(try await lab.get("/notifications").status == 401)
            for body in [["all": true], ["ids": [1]]] as [JSON] {
                #expect(
                    try await mark(lab, .alice, body).refusal
                        == "403 Only registered members may do this; register at POST /api/register")
            }
            #expect(try await DatabaseContents.read(lab.database) == before)
        }
    }

    @Test("after 90 days they are gone", arguments: TestDatabase.all)
    func old(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            try await write(1_500, for: maya, lab)
            let ids = try await lab.database.read { tx in
                try tx.rows("SELECT id FROM notifications ORDER BY id") { try $0.integer() }
            }
            // All but the last two are too old by a second, the last but one isn't yet.
            try await lab.database.write { tx in
                let end = tx.now - 90 * 86_400_000
                try tx.execute("UPDATE notifications SET created_at = \(end - 1_000) WHERE id < \(ids[1_498])")
                try tx.execute("UPDATE notifications SET created_at = \(end + 60_000) WHERE id = \(ids[1_498])")
            }
            let pruner = Pruner(lab.database)
            for left in [500, 2, 2] as [Int64] {
                let wait = try await pruner.round()
                #expect(try await unread(maya, lab) == left)
                #expect(wait == (left == 500 ? .milliseconds(100) : .seconds(30)))
            }
        }
    }

    @Test("what belonged to a deleted post is gone, in bites; what is on others stays", arguments: TestDatabase.all)
    func deleted(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            let (kept, gone) = (try await lab.post(by: maya), try await lab.post(by: maya))
            for post in [kept, gone] {
                for _ in 0..<3 { try await lab.comment(on: post, by: noor) }
                let id = try #require(Int64(post))
                try await lab.database.write { tx in
                    try tx.execute(
                        """
                        INSERT INTO bounty_labels (label, id, status, priority, points) VALUES ('bug', \(id), 0, 1, 25)
                        """)
                }
            }
            try await lab.message(from: noor, to: "maya")
            try await write(1_200, for: maya, about: gone, lab)
            let pruner = Pruner(lab.database)
            _ = try await pruner.round()
            #expect(try await unread(maya, lab) == 1_207)
            try await lab.delete(gone, by: maya)
            var rounds = 0
            while try await pruner.round() < .seconds(1), rounds < 10 { rounds += 1 }
            #expect(rounds == 2)
            #expect(try await unread(maya, lab) == 4)
            #expect(try await lab.number("SELECT COUNT(*) FROM bounty_comments") == 3)
            #expect(try await lab.number("SELECT COUNT(*) FROM bounty_labels") == 1)
            #expect(try await lab.number("SELECT COUNT(*) FROM deleted_bounties") == 0)
            #expect(try await lab.walk("/posts/\(kept)/comments").count == 3)
        }
    }
}
