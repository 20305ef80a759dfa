import GRDB
import GRDBSQLite

extension DatabaseError {
    /// What an (extended) SQLite result code means to a caller.
    static func sqlite(_ code: Int32, _ message: String) -> DatabaseError {
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED: .busy(message)
        case SQLITE_FULL: .full
        case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_NOMEM, SQLITE_PROTOCOL: .unavailable(message)
        case SQLITE_CONSTRAINT: constraint(code, message)
        default: .failed(code: String(code), message: message)
        }
    }

    private static func constraint(_ code: Int32, _ message: String) -> DatabaseError {
        // "UNIQUE constraint failed: jobs.owner, jobs.key"
        let name = message.firstRange(of: ": ").map { String(message[$0.upperBound...]) } ?? message
        switch code {
        case SQLITE_CONSTRAINT | 1 << 8, SQLITE_CONSTRAINT | 5 << 8: return .checkFailed(name)  // CHECK, NOT NULL
        case SQLITE_CONSTRAINT | 3 << 8, SQLITE_CONSTRAINT | 6 << 8, SQLITE_CONSTRAINT | 8 << 8,
            SQLITE_CONSTRAINT | 10 << 8:  // FOREIGN KEY, PRIMARY KEY, UNIQUE, ROWID
            return .conflict(constraint: name)
        default: return .failed(code: String(code), message: message)
        }
    }

    /// Whatever GRDB throws, in our words.
    static func sqlite(_ error: any Error) -> DatabaseError {
        switch error {
        case let error as DatabaseError: error
        case let error as GRDB.DatabaseError: .sqlite(error.extendedResultCode.rawValue, error.message ?? "\(error)")
        default: .unavailable("\(error)")
        }
    }
}
