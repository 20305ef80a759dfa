internal import Domain

/// What a database answers instead of doing it. In every case but `unknownOutcome` nothing has happened.
package enum DatabaseError: Error, Sendable, Equatable {
    /// Too many wait, or a lock or a statement took too long: try again later.
    case busy(String)
    /// The database can't be reached, read or written, or its connection was lost before COMMIT was sent.
    case unavailable(String)
    /// The disk is full.
    case full
    /// The connection was lost, or writing failed, during COMMIT: it happened or it did not. Only an idempotency key
    /// can tell; never try again blindly.
    case unknownOutcome
    /// A row like this exists: `table.column, table.column` of the unique index, or `index 'name'` if it is over an
    /// expression or the database does not tell.
    case conflict(constraint: String)
    /// A `CHECK` (by its name) or a `NOT NULL` (as `table.column`) says no.
    case checkFailed(String)
    /// A text with a NUL, which PostgreSQL can't store.
    case invalidText
    /// A mistake in a statement or a schema: the database's own code and words.
    case failed(code: String, message: String)
}

extension InternalError {
    /// What is stored can't be read back: our bug, or somebody else's hand in the database.
    static func unreadable(_ what: String, file: StaticString = #fileID, line: UInt = #line) -> InternalError {
        InternalError("unreadable in the database: \(what)", file: file, line: line)
    }
}
