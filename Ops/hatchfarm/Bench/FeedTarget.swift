internal import Bytes
internal import Domain
internal import Foundation
internal import Store

/// A server over a large forum, and members who read its lists.
final class FeedTarget: BenchTarget {
    private let load: FeedLoad
    private let server: ServerUnderTest
    private let database: TemporaryDatabase

    private init(_ load: FeedLoad, _ server: ServerUnderTest, _ database: TemporaryDatabase) {
        self.load = load
        self.server = server
        self.database = database
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> FeedTarget {
        guard database.url != "sqlite::memory:" else {
            throw Failure.invalid("bench feeds needs to fill the server's database: use a file")
        }
        let server = try await ServerUnderTest.start(database: database.url)
        do {
            let forum = ForumSize(posts: Int64(settings.posts), comments: Int64(settings.comments))
            let keys = (0..<forum.readers).map { _ in SampleKey.new() }
            let store = try await Database.open(database.url)
            try await fill(store, forum, keys)
            await store.close()
            let readers = try (0..<settings.connections).map { index in
                let number = index % keys.count
                return FeedLoad.Reader(
                    connection: try RawConnection(host: ServerUnderTest.host, port: server.port), key: keys[number],
                    handle: ForumSize.handle(Int64(number) + 1))
            }
            return FeedTarget(FeedLoad(settings: settings, forum: forum, readers: readers), server, database)
        } catch {
            server.stop()
            await database.remove()
            throw error
        }
    }

    func round(_ scenario: Scenario) async throws -> [Reading] { try load.round() }

    /// How many rows one transaction makes.
    private static let step: Int64 = 20_000

    private static func fill(_ store: Database, _ forum: ForumSize, _ keys: [String]) async throws {
        let hashes = keys.map { SHA256.hex($0) }
        try await store.write { try $0.fillMembers(1...forum.members, keyHashes: hashes) }
        try await store.write { try $0.fillReaders(of: forum, moves: 1_000) }
        try await inSteps(forum.posts) { range in
            try await store.write { try $0.fillPosts(range, of: forum) }
        }
        try await inSteps(forum.comments) { range in
            try await store.write { try $0.fillComments(range, of: forum) }
        }
        try await inSteps(forum.comments / 10) { range in
            try await store.write { try $0.fillNotifications(range, of: forum) }
        }
        try await inSteps(forum.comments / 50) { range in
            try await store.write { try $0.fillMessages(range, of: forum) }
        }
        try await store.write { try $0.noteStatistics() }
    }

    private static func inSteps(_ count: Int64, _ body: (ClosedRange<Int64>) async throws -> Void) async throws {
        for start in stride(from: 1, through: count, by: Int(step)) {
            try await body(start...min(count, start + step - 1))
        }
    }

    func close() async {
        server.stop()
        await database.remove()
    }

    func abort() {
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

/// The key of a member that a measurement makes.
enum SampleKey {
    static func new() -> String { "bhv_" + Hex.encode(World.live.random(24)) }
}
