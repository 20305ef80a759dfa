package import Domain

/// How large a forum a measurement fills a new database with, and who is in it (`hatchfarm bench`). Members are called
/// by their numbers, from 1.
package struct ForumSize: Sendable {
    /// Those who read: the first ones. Each follows the `followed` that come next.
    package var readers: Int64 = 32
    package var followed: Int64 = 400
    /// At least `readers + followed`.
    package var members: Int64 = 2_000
    package var posts: Int64
    package var comments: Int64

    package init(posts: Int64, comments: Int64) {
        self.posts = posts
        self.comments = comments
    }

    /// Who wrote every other post; everybody follows it.
    package var mainAuthor: Int64 { readers + 1 }
    /// What every twentieth comment is about.
    package static let mainPost: Int64 = 1

    package static func handle(_ number: Int64) -> String { "bench\(number)" }
    package static func memberID(_ number: Int64) -> MemberID {
        let digits = String(max(0, number))
        return MemberID(memberPrefix + String(repeating: "0", count: max(0, 12 - digits.count)) + digits)
    }

    static let memberPrefix = "00000000-0000-7000-9000-"
}

extension Transaction {
    /// Adds members with their bonus of points, and a key each for those who have one. Once for each number.
    /// - Parameter keyHashes: of the first ones' keys, in the order of their numbers.
    package func fillMembers(_ numbers: ClosedRange<Int64>, keyHashes: [String]) throws {
        try insertSampleMembers(numbers)
        try insertSampleBonuses(numbers)
        for (number, hash) in zip(numbers, keyHashes) {
            let key = APIKey(
                id: newKeyID(), member: ForumSize.memberID(number), name: nil, prefix: "bhv_", createdAt: now)
            try insertKey(key, hash: hash)
        }
    }

    /// Adds posts to a database that had none before the first: nine of ten done, half of them by one author, most of
    /// them with one label.
    package func fillPosts(_ numbers: ClosedRange<Int64>, of forum: ForumSize) throws {
        try insertSamplePosts(numbers, forum)
        try insertSampleLabels(numbers)
    }

    /// Adds comments on the posts that `fillPosts` made; one in twenty is on the first.
    package func fillComments(_ numbers: ClosedRange<Int64>, of forum: ForumSize) throws {
        try insertSampleComments(numbers, forum)
    }

    /// What readers are told of.
    package func fillNotifications(_ numbers: ClosedRange<Int64>, of forum: ForumSize) throws {
        try insertSampleNotifications(numbers, forum)
    }

    package func fillMessages(_ numbers: ClosedRange<Int64>, of forum: ForumSize) throws {
        try insertSampleMessages(numbers, forum)
    }

    /// Lets every reader follow whom it follows, and move 10 of its points to and fro `moves` times.
    package func fillReaders(of forum: ForumSize, moves: Int64) throws {
        try insertSampleFollows(forum)
        try insertSampleMoves(forum, moves)
    }

    /// Lets the database look at what was filled in, as it does by itself after a while.
    package func noteStatistics() throws { try analyzeTables() }
}
