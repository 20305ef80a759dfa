internal import Domain

/// What an ended job still has to bring about among those that wait for it.
struct PendingCascade {
    var job: JobID
    /// Whether it has not completed, so that waiting was in vain.
    var isLost: Bool
    /// The last of those that waited, in the order of their ids, that was seen to; empty before the first.
    var lastID: String
}

extension Transaction {
    func insertCascades(_ ends: [Ended]) throws {
        let rows = SQL.Rows("late", ["job_id", "is_lost", "last_id", "turn"], of: ends) { end in
            [.text(end.job.id.text), .bool(end.state != .completed), .text(""), .integer(now)]
        }
        try executeLater("INSERT INTO cascades \(inserting: rows)")
    }

    /// Locks those whose turn it is, who have waited for it the longest first, but for those that somebody has in hand.
    func lockCascades(limit: Int) throws -> [PendingCascade] {
        try rows(
            """
            SELECT job_id, is_lost, last_id FROM cascades WHERE turn <= \(now)
            ORDER BY turn LIMIT \(limit) \(.skipLocked)
            """
        ) { row in try PendingCascade(job: JobID(row.text()), isLost: row.bool(), lastID: row.text()) }
    }

    /// Some of the jobs that wait for this one, behind `last`.
    func dependents(of job: JobID, after last: String, limit: Int) throws -> [JobID] {
        try rows(
            """
            SELECT job_id FROM job_dependencies WHERE depends_on = \(job.text) AND job_id > \(last)
            ORDER BY depends_on, job_id LIMIT \(limit)
            """
        ) { try JobID($0.text()) }
    }

    /// Others have their turns first.
    func moveCascades(_ cascades: [PendingCascade], turn: Int64) throws {
        let moved = SQL.Rows("moved", ["job", "seen"], of: cascades) { [.text($0.job.text), .text($0.lastID)] }
        try executeLater(
            """
            UPDATE cascades SET last_id = \(moved.seen), turn = \(turn) \(from: moved)
            WHERE cascades.job_id \(is: moved.job)
            """)
    }

    func deleteCascades(_ jobs: [JobID]) throws {
        try SQL.chunked(jobs) { try executeLater("DELETE FROM cascades WHERE job_id \(in: $0.map(\.text))") }
    }

    /// Whether those that waited for an ended job are still being seen to.
    func isCascading(_ job: JobID) throws -> Bool {
        try first("SELECT turn FROM cascades WHERE job_id = \(job.text)") { try $0.integer() } != nil
    }
}
