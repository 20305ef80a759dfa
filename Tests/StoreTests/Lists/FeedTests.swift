import Domain
import Store
import Support
import Testing

@Suite("The feed of those one follows")
struct FeedTests {
    /// Half of the tasks are by an author whom nobody here follows, so that a page isn't found among the first ones.
    @Test("is the list by status without the others, and the rest is the others", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        var forum = ForumSize(posts: 3_000, comments: 0)
        (forum.readers, forum.followed, forum.members) = (4, 0, 60)
        let followed: [ClosedRange<Int64>] = [40...40, 41...43, 10...39, 6...60, 5...60]
        try await lab.database.write { [forum] tx in
            try tx.fillMembers(1...forum.members, keyHashes: [])
            try tx.fillPosts(1...forum.posts, of: forum)
        }
        let all = try await lab.database.read { try $0.bounties(.status, after: nil, limit: 3_000) }
        #expect(all.count == 3_000)
        let reader = ForumSize.memberID(1)
        for range in followed {
            let authors = Set(range.map { ForumSize.memberID($0) })
            let handles = range.map { ForumSize.handle($0) }
            try await lab.database.write { tx in
                for handle in handles { try tx.follow(handle, by: reader, actor: "") }
            }
            let mine = all.filter { authors.contains($0.author) }.map(\.id)
            let others = all.filter { !authors.contains($0.author) }.map(\.id)
            for limit in [17, 100, 1_000] {
                let found = try await lab.database.read { tx in
                    (try Self.followed(tx, reader, limit: limit), try Self.others(tx, reader, limit: limit))
                }
                #expect(found.0 == mine, "\(range) by \(limit)")
                #expect(found.1 == others, "\(range) by \(limit)")
            }
            try await lab.database.write { tx in
                for handle in handles { try tx.unfollow(handle, by: reader, actor: "") }
            }
        }
    }

    private static func followed(_ tx: Transaction, _ reader: MemberID, limit: Int) throws -> [Int64] {
        var found: [Bounty] = []
        while true {
            let place = found.last.map { BountyPlace($0, in: .status) }
            let page = try tx.followedBounties(of: reader, after: place, limit: limit)
            found += page
            if page.count < limit { return found.map(\.id) }
        }
    }

    private static func others(_ tx: Transaction, _ reader: MemberID, limit: Int) throws -> [Int64] {
        var found: [Int64] = []
        var place: BountyPlace? = .start
        while let start = place {
            let page = try tx.unfollowedBounties(of: reader, after: start, limit: limit)
            #expect(page.tasks.count <= limit)
            found += page.tasks.map(\.id)
            place = page.next
        }
        return found
    }
}
