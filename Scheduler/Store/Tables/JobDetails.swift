internal import Domain

/// What is kept beside a job: deleted in bounded bites, as a job may have millions of log lines and dependents.
extension Transaction {
    /// Takes away what is kept beside jobs that are gone, of each table some `limit` rows; returns how many rows of
    /// which table, and whether that was all. That others depend on a job which didn't complete stays on record with
    /// them: a retry must not take it for done.
    func deleteDetails(of jobs: [DeletedJob], limit: Int) throws -> (rows: [String: Int], isDone: Bool) {
        var gone: [String: Int] = [:]
        var isDone = true
        try SQL.chunked(jobs) { chunk in
            guard isDone else { return }
            let ids = chunk.map(\.id.text)
            let pairs = try deleteDependencies(on: chunk.filter(\.isCompleted).map(\.id.text), limit: limit)
            let files = try holders(in: "artifacts", among: ids, limit: limit)
            let lines = try deleteLogs(ids, limit: limit)
            let sources = try holders(in: "job_sources", among: ids, limit: limit)
            let attempts = try holders(in: "attempts", among: ids, limit: limit)
            let needs = try holders(in: "job_dependencies", among: ids, limit: limit)
            let counts = [
                "job_logs": lines, "artifacts": try deleteArtifacts(files.ids, chunk),
                "job_sources": try delete("job_sources", of: sources.ids),
                "attempts": try delete("attempts", of: attempts.ids),
                "job_dependencies": try delete("job_dependencies", of: needs.ids) + pairs,
                "device_commands": try delete("device_commands", of: ids),
            ]
            gone.merge(counts) { $0 + $1 }
            isDone = lines < limit && pairs < limit && [files, sources, attempts, needs].allSatisfy(\.isAll)
        }
        return (gone.filter { $0.value > 0 }, isDone)
    }

    private func delete(_ table: StaticString, of ids: [String]) throws -> Int {
        try ids.isEmpty ? 0 : execute("DELETE FROM \(raw: table) WHERE job_id \(in: ids)")
    }

    /// Those of these jobs that have rows in a table, as far as `limit` rows go, and whether that was all. A job has at
    /// most some hundred rows in each of those tables.
    private func holders(
        in table: StaticString, among ids: [String], limit: Int
    ) throws -> (ids: [String], isAll: Bool) {
        let found = try rows("SELECT job_id FROM \(raw: table) WHERE job_id \(in: ids) LIMIT \(limit)") {
            try $0.text()
        }
        return (Set(found).sorted(), found.count < limit)
    }

    private func deleteLogs(_ ids: [String], limit: Int) throws -> Int {
        let lines = try rows("SELECT seq FROM job_logs WHERE job_id \(in: ids) LIMIT \(limit)") { try $0.integer() }
        var gone = 0
        try SQL.chunked(lines) { gone += try execute("DELETE FROM job_logs WHERE seq \(in: $0)") }
        return gone
    }

    private func deleteDependencies(on ids: [String], limit: Int) throws -> Int {
        guard !ids.isEmpty else { return 0 }
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
    private func deleteArtifacts(_ ids: [String], _ jobs: ArraySlice<DeletedJob>) throws -> Int {
        guard !ids.isEmpty else { return 0 }
        let owners = Dictionary(jobs.map { ($0.id, $0.owner) }) { first, _ in first }
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
