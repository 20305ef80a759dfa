import Domain
import Store
import Support
import Testing

/// What the lists of bee:hack read, however large the tables are: an index serves each of their statements.
@Suite("What lists read")
struct ListCostTests {
    /// The most that a list asks for.
    private static let limit = 101
    /// Nine of ten tasks are done, one author wrote half of them, one label is on most; a reader follows as many as one
    /// may.
    private static let forum: ForumSize = {
        var forum = ForumSize(posts: 24_000, comments: 40_000)
        (forum.readers, forum.followed, forum.members) = (4, 500, 800)
        return forum
    }()
    private static let reader = ForumSize.memberID(1)

    @Test("no statement reads more than 1,000 rows, or a table from its beginning", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        let lab = try await Lab(database, settings: settings)
        let forum = Self.forum
        try await lab.database.write { tx in
            try tx.fillMembers(1...forum.members, keyHashes: [])
            try tx.fillReaders(of: forum, moves: 500)
            try tx.fillPosts(1...forum.posts, of: forum)
            try tx.fillComments(1...forum.comments, of: forum)
            try tx.fillNotifications(1...10_000, of: forum)
            try tx.fillMessages(1...10_000, of: forum)
        }
        try await CostedList.expectBounded(Self.lists, in: lab)
    }

    @Test("the measure sees a statement that reads a table", arguments: TestDatabase.all)
    func planted(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.database.write { tx in
            try tx.fillMembers(1...Self.forum.members, keyHashes: [])
            try tx.fillPosts(1...2_000, of: Self.forum)
        }
        let costs = try await lab.database.read { tx in
            try StatementCosts.of(tx) { tx in
                _ = try tx.first("SELECT COUNT(*) FROM bounties WHERE title = 'Task 7'") { try $0.integer() }
            }
        }
        let cost = try #require(costs.first)
        #expect(!cost.faults.isEmpty || cost.rows ?? 0 >= 2_000)
    }

    // MARK: The lists

    private static var lists: [CostedList] { tasks + feeds + comments + own }

    /// Every order and filter; the first page, the next, and one in the middle.
    private static var tasks: [CostedList] {
        var filters = [BountyFilter()]
        for status in Bounty.Status.allCases {
            var filter = BountyFilter()
            filter.status = status
            filters.append(filter)
            filter.priority = .medium
            filters.append(filter)
        }
        for priority in Bounty.Priority.allCases {
            var filter = BountyFilter()
            filter.priority = priority
            filters.append(filter)
        }
        var labels = filters
        for index in labels.indices { labels[index].labels = ["swift"] + (1...9).map { "topic\($0)" } }
        return BountyOrder.allCases.flatMap { order in
            (filters + labels).map { filter in
                CostedList("\(order) \(filter)") { tx in
                    let first = try tx.bounties(order, filter, after: nil, limit: limit)
                    var places = first.last.map { [BountyPlace($0, in: order)] } ?? []
                    let middle = first.isEmpty ? nil : try tx.bounty(forum.posts / 2)
                    places += middle.map { [BountyPlace($0, in: order)] } ?? []
                    for place in places { _ = try tx.bounties(order, filter, after: place, limit: limit) }
                }
            }
        }
    }

    private static var feeds: [CostedList] {
        [
            CostedList("foryou") { tx in
                let first = try tx.followedBounties(of: reader, after: nil, limit: limit)
                #expect(first.count == limit)
                let last = first.last.map { BountyPlace($0, in: .status) }
                _ = try tx.followedBounties(of: reader, after: last, limit: limit)
                _ = try tx.followed(by: reader, among: first.map(\.author))
            }
        ]
    }

    private static var comments: [CostedList] {
        PostComment.Order.allCases.map { order in
            CostedList("comments \(order)") { tx in
                let first = try tx.comments(
                    in: .bounties, on: ForumSize.mainPost, order: order, after: nil, limit: limit)
                #expect(first.count == limit)
                _ = try tx.comments(
                    in: .bounties, on: ForumSize.mainPost, order: order, after: first.last?.place(in: order),
                    limit: limit)
            }
        }
    }

    private static var own: [CostedList] {
        let author = ForumSize.memberID(forum.mainAuthor)
        return [
            CostedList("notifications") { tx in
                for unreadOnly in [true, false] {
                    let first = try tx.notifications(of: reader, unreadOnly: unreadOnly, before: nil, limit: limit)
                    #expect(first.count == limit)
                    _ = try tx.notifications(of: reader, unreadOnly: unreadOnly, before: first.last?.id, limit: limit)
                }
                _ = try tx.newestNotification(of: reader)
            },
            CostedList("messages") { tx in
                let first = try tx.messages(of: reader, before: nil, limit: limit)
                #expect(first.count == limit)
                _ = try tx.messages(of: reader, before: first.last?.id, limit: limit)
            },
            CostedList("transactions") { tx in
                let owner = OwnerID(reader.text)
                let first = try tx.lines(of: owner, .points, before: nil, limit: limit)
                #expect(first.count == limit)
                _ = try tx.lines(of: owner, .points, before: first.last?.line, limit: limit)
            },
            CostedList("profile") { tx in
                _ = try tx.memberID(named: ForumSize.handle(forum.mainAuthor))
                _ = try tx.profile(author)
                #expect(try tx.posts(by: author, limit: 100).count == 100)
                #expect(try tx.bountyComments(by: author, limit: 100).count == 100)
                _ = try tx.claimedTasks(of: author, limit: 100)
            },
        ]
    }
}
