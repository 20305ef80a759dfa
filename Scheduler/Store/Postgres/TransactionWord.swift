import CLibPQ

/// What every transaction says, prepared on each connection: parsed once.
enum TransactionWord: String, CaseIterable {
    case beginRead = "begin_read"
    case beginWrite = "begin_write"
    case clock, commit, rollback

    var text: String {
        switch self {
        case .beginRead: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        case .beginWrite: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        case .clock: "SELECT (date_part('epoch', clock_timestamp()) * 1000)::bigint"
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }

    /// Returns libpq's 1 or 0; the answer is to come in binary.
    func send(on handle: OpaquePointer) -> Int32 {
        PQsendQueryPrepared(handle, rawValue, 0, nil, nil, nil, 1)
    }
}
