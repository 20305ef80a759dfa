internal import Domain

extension Transaction {
    /// Notes by how much the number of each owner's live jobs changes with this commit.
    func noteLive(_ changes: [OwnerID: Int64]) throws {
        let changed = changes.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        let rows = SQL.Rows("changes", ["owner_id", "jobs"], of: changed) { owner, jobs in
            [.text(owner.text), .integer(jobs)]
        }
        try executeLater("INSERT INTO live_changes \(inserting: rows)")
    }

    /// Takes changes away, and returns their sums. What somebody else has summed up meanwhile isn't there any more.
    func takeLiveChanges(_ keys: [Int64]) throws -> [OwnerID: Int64] {
        var sums: [OwnerID: Int64] = [:]
        try SQL.chunked(keys) { chunk in
            let taken = try rows("DELETE FROM live_changes WHERE seq \(in: chunk) RETURNING owner_id, jobs") { row in
                (try OwnerID(row.text()), try row.integer())
            }
            for (owner, jobs) in taken { sums[owner, default: 0] += jobs }
        }
        return sums.filter { $0.value != 0 }
    }

    /// Changes the counts of owners; one without live jobs has none.
    func addToLiveCounts(_ sums: [OwnerID: Int64]) throws {
        let changed = sums.sorted { $0.key < $1.key }
        let added = SQL.Rows("sums", ["owner_id", "jobs"], of: changed) { owner, jobs in
            [.text(owner.text), .integer(jobs)]
        }
        try executeLater(
            """
            INSERT INTO live_counts \(inserting: added)
            ON CONFLICT (owner_id) DO UPDATE SET jobs = live_counts.jobs + excluded.jobs
            """)
        let owners = changed.map(\.key.text)
        try SQL.chunked(owners) { try executeLater("DELETE FROM live_counts WHERE owner_id \(in: $0) AND jobs = 0") }
    }
}

extension [OwnerID: Int64] {
    /// By how much a job that begins or ends to live changes the number of its owner's; one with a limit of its own
    /// doesn't.
    mutating func addLive(_ jobs: Int64, of owner: OwnerID, bounty: Int64?, device: DeviceID?) {
        if bounty == nil, device == nil { self[owner, default: 0] += jobs }
    }
}
