internal import Domain

/// What is kept beside a job: deleted in bounded bites, as a job may have millions of log lines and dependents.
extension Transaction {
    /// Takes away what is kept beside jobs, of logs and dependencies at most `limit` rows each; returns how many rows
    /// of which table, and whether that was all.
    func deleteDetails(
        of ids: [JobID], _ owners: [JobID: OwnerID], limit: Int
    ) throws -> (rows: [String: Int], isDone: Bool) {
        var gone: [String: Int] = [:]
        var isDone = true
        try SQL.chunked(ids) { chunk in
            guard isDone else { return }
            let texts = chunk.map(\.text)
            let lines = try deleteLogs(texts, limit: limit)
            let pairs = try deleteDependencies(on: texts, limit: limit)
            gone["job_logs", default: 0] += lines
            gone["job_dependencies", default: 0] += pairs
            guard lines < limit, pairs < limit else {
                isDone = false
                return
            }
            gone["job_dependencies", default: 0] += try execute(
                "DELETE FROM job_dependencies WHERE job_id \(in: texts)")
            gone["job_sources", default: 0] += try execute("DELETE FROM job_sources WHERE job_id \(in: texts)")
            gone["artifacts", default: 0] += try deleteArtifacts(texts, owners)
            gone["attempts", default: 0] += try execute("DELETE FROM attempts WHERE job_id \(in: texts)")
            gone["device_commands", default: 0] += try execute(
                "DELETE FROM device_commands WHERE job_id \(in: texts)")
        }
        return (gone.filter { $0.value > 0 }, isDone)
    }

    private func deleteLogs(_ ids: [String], limit: Int) throws -> Int {
        let lines = try rows("SELECT seq FROM job_logs WHERE job_id \(in: ids) LIMIT \(limit)") { try $0.integer() }
        var gone = 0
        try SQL.chunked(lines) { gone += try execute("DELETE FROM job_logs WHERE seq \(in: $0)") }
        return gone
    }

    private func deleteDependencies(on ids: [String], limit: Int) throws -> Int {
        let pairs = try rows(
            "SELECT depends_on, job_id FROM job_dependencies WHERE depends_on \(in: ids) LIMIT \(limit)"
        ) { row in try (row.text(), row.text()) }
        guard !pairs.isEmpty else { return 0 }
        let ended = SQL.Rows("ended", ["parent", "child"], of: pairs) { [.text($0.0), .text($0.1)] }
        return try execute(
            """
            DELETE FROM job_dependencies \(using: ended)
            WHERE depends_on \(is: ended.parent) AND job_id \(is: ended.child)
            """)
    }

    /// The files' content may be another's as well.
    private func deleteArtifacts(_ ids: [String], _ owners: [JobID: OwnerID]) throws -> Int {
        let files = try rows(
            """
            DELETE FROM artifacts WHERE job_id \(in: ids) RETURNING job_id, hash, size
            """
        ) { row in try (job: JobID(row.text()), hash: row.text(), size: row.integer()) }
        try release(Set(files.map(\.hash)))
        var freed: [OwnerID: Int64] = [:]
        for file in files {
            if let owner = owners[file.job] { freed[owner, default: 0] -= file.size }
        }
        try noteStored(freed)
        return files.count
    }
}
