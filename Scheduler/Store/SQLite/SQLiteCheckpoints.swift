import GRDB
import GRDBSQLite

/// Copies the log into the database file on a thread and a connection of its own, so that no commit waits for it.
final class SQLiteCheckpoints: Sendable {
    private struct State {
        /// Pages in the log after the last commit.
        var pages = 0
        /// At how many they are copied next.
        var next = SQLiteCheckpoints.dueAt
        var isStopped = false
        var isRunning = true
    }

    /// So many pages in the log are copied while others write: 16 MiB.
    private static let dueAt = 4_000
    /// So many in the log make writers wait for a moment, until it begins anew: 64 MiB. Without that a log that is
    /// always written to would never end.
    private static let restartAt = 16_000

    private let state = Monitor(State())
    private let queue: DatabaseQueue

    /// Opens a connection beside the writer's.
    init(_ path: String, _ configuration: Configuration) throws {
        var configuration = configuration
        // Writers wait meanwhile, so it doesn't wait long for a reader.
        configuration.busyMode = .timeout(0.1)
        queue = try DatabaseQueue(path: path, configuration: configuration)
        startThread("sqlite-checkpoint") { self.run() }
    }

    /// Follows the commits of the connection that writes, for as long as that is open.
    func follow(_ handle: OpaquePointer) {
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                guard let context else { return SQLITE_OK }
                Unmanaged<SQLiteCheckpoints>.fromOpaque(context).takeUnretainedValue().note(Int(pages))
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Copies what is left, and returns when the connection is closed.
    func stop() {
        state.withLock { $0.isStopped = true }
        state.wakeAll()
        state.wait { $0.isRunning ? nil : () }
    }

    private func note(_ pages: Int) {
        let isDue = state.withLock { state in
            // The log has begun anew.
            if pages < state.pages { state.next = Self.dueAt }
            state.pages = pages
            return pages >= state.next
        }
        if isDue { state.wakeAll() }
    }

    private func run() {
        while let pages = state.wait(until: { state -> Int?? in
            if state.isStopped { return .some(nil) }
            guard state.pages >= state.next else { return nil }
            state.next = state.pages + Self.dueAt
            return state.pages
        }) {
            // A reader that holds an old page, or a full disk, leaves the rest to the next time.
            try? queue.inDatabase { database in
                _ = try database.checkpoint(.passive)
                if pages >= Self.restartAt { _ = try database.checkpoint(.restart) }
            }
        }
        // The file alone is whole then. What can't be copied, a crash would have left as well.
        try? queue.inDatabase { _ = try $0.checkpoint(.truncate) }
        try? queue.close()
        state.withLock { $0.isRunning = false }
        state.wakeAll()
    }
}
