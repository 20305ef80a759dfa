/// A queue as plain SQL makes it: one narrow table, on the database's own library and with nothing in between. What a
/// measurement holds the store against (`hatchfarm bench --floor`).
///
/// Each is a connection of its own, and is used on one thread at a time. Errors are `DatabaseError`.
package protocol RawQueue: AnyObject, Sendable {
    /// Adds as many rows as it was opened for, in one durable commit.
    func insert() throws
    /// Claims as many of the oldest pending rows, passing over those that others are claiming, in one durable commit.
    /// Returns their ids, none if nothing is pending.
    func claim() throws -> [Int64]
    /// Deletes these rows in one durable commit.
    func complete(_ ids: [Int64]) throws
    /// Lets the database learn how many rows there are.
    func analyze() throws
}

extension Database {
    /// Opens a raw queue in the database at `url`, with its table if that isn't there.
    /// - Parameter rows: in each commit, 1–10,000.
    package static func openRawQueue(_ url: String, rows: Int) throws -> any RawQueue {
        guard (1...10_000).contains(rows) else {
            throw DatabaseError.failed(code: "rows", message: "\(rows) rows in a commit")
        }
        guard url.hasPrefix("sqlite:") else { return try RawPostgresQueue(url, rows: rows) }
        return try RawSQLiteQueue(String(url.dropFirst("sqlite:".count)), rows: rows)
    }
}

/// What a raw row carries, about as much as a small job.
enum RawPayload {
    static let text =
        #"{"title":"bench","command":["true"],"environment":{},"inputs":[],"outputs":[],"#
        + #""attempts":3,"backoff_ms":1000,"created_at":"2026-01-01T00:00:00.000Z"}"#
}
