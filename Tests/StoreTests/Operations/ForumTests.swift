import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The forum's rows")
struct ForumTests {
    private func member(_ lab: Lab, _ handle: String?) async throws -> MemberID {
        let profile = AgentProfile(
            name: "Bee", handle: handle, description: nil, moltbookID: nil, walletAddress: nil)
        return try await lab.database.write { tx in
            try tx.registerAgent(profile, keyHash: SHA256.hex(World.live.random(16)), keyPrefix: "hf_").id
        }
    }

    @discardableResult
    private func post(_ lab: Lab, by member: MemberID, _ title: String = "t") async throws -> ForumPost {
        try await lab.database.write { tx in
            try tx.createForumPost(by: member, actor: member.text, title: title, content: "c")
        }
    }

    @discardableResult
    private func comment(
        _ lab: Lab, on post: ForumPost, by member: MemberID, replyingTo parent: Int64? = nil
    ) async throws -> PostComment {
        try await lab.database.write { tx in
            try tx.addForumComment(on: post.id, replyingTo: parent, by: member, actor: member.text, content: "c")
        }
    }

    @Test("posts come newest first, page by page, with their authors", arguments: TestDatabase.all)
    func posts(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (ann, bob) = (try await member(lab, "ann"), try await member(lab, nil))
        var written: [ForumPost] = []
        for number in 0..<5 { written.append(try await post(lab, by: number % 2 == 0 ? ann : bob, "\(number)")) }
        #expect(written.map(\.author) == ["ann", bob.text, "ann", bob.text, "ann"])
        let pages = try await lab.database.read { tx in
            let first = try tx.forumPosts(before: nil, limit: 3)
            return (first, try tx.forumPosts(before: first.last?.id, limit: 3))
        }
        #expect(pages.0 + pages.1 == written.reversed())
        let second = written[1]
        #expect(try await lab.database.read { try $0.forumPost(second.id) } == second)
        #expect(try await lab.database.read { try $0.forumPost(.max) } == nil)
    }

    @Test("a post counts its comments, however many come at once", arguments: TestDatabase.all)
    func counts(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ann = try await member(lab, "ann")
        let thread = try await post(lab, by: ann)
        let other = try await post(lab, by: ann)
        let members = [ann, try await member(lab, "bob"), try await member(lab, "cyd")]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<30 {
                group.addTask { try await comment(lab, on: thread, by: members[number % 3]) }
            }
            try await group.waitForAll()
        }
        let (found, listed) = try await lab.database.read { tx in
            (
                try tx.forumPosts(before: nil, limit: 9),
                try tx.comments(in: .forum, on: thread.id, order: .old, after: nil, limit: 99)
            )
        }
        #expect(found.map(\.commentCount) == [0, 30])
        #expect(listed.count == 30 && Set(listed.map(\.author)) == ["ann", "bob", "cyd"])
        #expect(other.id == found.first?.id)
    }

    @Test("a comment replies only to a comment on the same post", arguments: TestDatabase.all)
    func parents(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ann = try await member(lab, "ann")
        let (thread, other) = (try await post(lab, by: ann), try await post(lab, by: ann))
        let first = try await comment(lab, on: thread, by: ann)
        #expect(try await comment(lab, on: thread, by: ann, replyingTo: first.id).parent == first.id)
        for parent in [Int64.max, 0, -1] {
            await #expect(throws: Refusal.self) {
                try await comment(lab, on: thread, by: ann, replyingTo: parent)
            }
        }
        await #expect(throws: Refusal.self) { try await comment(lab, on: other, by: ann, replyingTo: first.id) }
        var nowhere = thread
        nowhere.id = .max
        let unknown = nowhere
        await #expect(throws: Refusal.notFound("post")) { try await comment(lab, on: unknown, by: ann) }
        let after = try await lab.database.read { try $0.forumPosts(before: nil, limit: 9) }
        #expect(after.map(\.commentCount) == [0, 2])
    }

    @Test("each order lists every comment once, whatever the page", arguments: TestDatabase.all)
    func orders(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ann = try await member(lab, "ann")
        let thread = try await post(lab, by: ann)
        var comments: [PostComment] = []
        for score in [3, -3, 0, 7, 0, -1] as [Int64] {
            var one = try await comment(lab, on: thread, by: ann)
            let id = one.id
            try await lab.database.write { tx in
                try tx.execute("UPDATE forum_comments SET score = \(score) WHERE id = \(id)")
            }
            one.score = score
            comments.append(one)
            if score != 7 { lab.passUnattended(.milliseconds(5)) }
        }
        for (order, wanted) in [
            (.top, [3, 0, 4, 2, 5, 1]), (.new, [5, 4, 3, 2, 1, 0]), (.old, [0, 1, 2, 3, 4, 5]),
            (.controversial, [4, 2, 5, 1, 0, 3]),
        ] as [(PostComment.Order, [Int])] {
            for limit in 1...7 {
                let listed = try await lab.database.read { tx in
                    var all: [PostComment] = []
                    while true {
                        let place = all.last?.place(in: order)
                        let page = try tx.comments(in: .forum, on: thread.id, order: order, after: place, limit: limit)
                        all += page
                        if page.count < limit { return all }
                    }
                }
                #expect(listed == wanted.map { comments[$0] }, "\(order) by \(limit)")
            }
        }
    }

    @Test("a member writes so much in a day, and may go on when the oldest is a day old", arguments: TestDatabase.all)
    func quota(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (ann, bob) = (try await member(lab, "ann"), try await member(lab, "bob"))
        try await post(lab, by: ann)
        lab.passUnattended(.seconds(3_600))
        let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<(ForumQuota.posts + 9) {
                group.addTask {
                    do {
                        try await post(lab, by: ann)
                        return true
                    } catch Refusal.quota("posts within a day", let seconds) {
                        #expect((82_000...82_800).contains(seconds))
                        return false
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == [true: Int(ForumQuota.posts) - 1, false: 10])
        try await post(lab, by: bob)
        lab.passUnattended(.seconds(82_800))
        try await post(lab, by: ann)
        await #expect(throws: Refusal.self) { try await post(lab, by: ann) }
    }

    @Test("comments have a quota of their own", arguments: TestDatabase.all)
    func commentQuota(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ann = try await member(lab, "ann")
        let thread = try await post(lab, by: ann)
        try await lab.database.write { tx in
            for _ in 0..<ForumQuota.comments {
                _ = try tx.addForumComment(on: thread.id, replyingTo: nil, by: ann, actor: "a", content: "c")
            }
        }
        await #expect(throws: Refusal.quota("comments within a day", retryAfterSeconds: 86_400)) {
            try await lab.database.write { tx in
                do {
                    _ = try tx.addForumComment(on: thread.id, replyingTo: nil, by: ann, actor: "a", content: "c")
                } catch Refusal.quota(let what, let seconds) {
                    #expect((86_300...86_400).contains(seconds))
                    throw Refusal.quota(what, retryAfterSeconds: 86_400)
                }
            }
        }
        try await post(lab, by: ann)
    }

    @Test("who is no member writes nothing, and what is written is in the author's chain", arguments: TestDatabase.all)
    func authors(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ann = try await member(lab, "ann")
        let thread = try await post(lab, by: ann)
        await #expect(throws: Refusal.membersOnly) { try await post(lab, by: MemberID("alice")) }
        await #expect(throws: Refusal.membersOnly) { try await comment(lab, on: thread, by: MemberID("alice")) }
        try await comment(lab, on: thread, by: ann)
        let types = try await lab.chain(of: OwnerID(ann.text)).map(\.type)
        #expect(types == ["agent_registered", "forum_post_created", "forum_comment_added"])
        #expect(try await lab.database.read { try $0.forumPosts(before: nil, limit: 9) }.count == 1)
    }
}
