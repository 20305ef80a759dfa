package import Domain

extension Transaction {
    /// Notes by how much the number of each owner's live jobs changes with this commit.
    func noteLive(_ changes: [OwnerID: Int64]) throws {
        let changed = changes.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        let rows = SQL.Rows("changes", ["owner_id", "jobs"], of: changed) { owner, jobs in
            [.text(owner.text), .integer(jobs)]
        }
        try executeLater("INSERT INTO live_changes \(inserting: rows)")
    }

    /// The keys of changes that aren't summed up yet, from one on, the oldest first.
    package func liveChanges(from seq: Int64, limit: Int) throws -> [Int64] {
        try rows("SELECT seq FROM live_changes WHERE seq >= \(seq) ORDER BY seq LIMIT \(limit)") { try $0.integer() }
    }

    /// Sums up changes. What somebody else has summed up meanwhile isn't there any more.
    package func sumUpLive(_ keys: [Int64]) throws {
        var sums: [OwnerID: Int64] = [:]
        try SQL.chunked(keys) { chunk in
            let taken = try rows("DELETE FROM live_changes WHERE seq \(in: chunk) RETURNING owner_id, jobs") { row in
                (try OwnerID(row.text()), try row.integer())
            }
            for (owner, jobs) in taken { sums[owner, default: 0] += jobs }
        }
        let changed = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        let totals = SQL.Rows("sums", ["owner_id", "jobs"], of: changed) { owner, jobs in
            [.text(owner.text), .integer(jobs)]
        }
        try executeLater(
            """
            INSERT INTO live_counts \(inserting: totals)
            ON CONFLICT (owner_id) DO UPDATE SET jobs = live_counts.jobs + excluded.jobs
            """)
        let owners = changed.map(\.key.text)
        try SQL.chunked(owners) { try executeLater("DELETE FROM live_counts WHERE owner_id \(in: $0) AND jobs = 0") }
    }

    /// Owners with so many live jobs or more, those with the most first.
    package func ownersWithLive(atLeast most: Int64, limit: Int) throws -> [OwnerID] {
        try rows(
            "SELECT owner_id FROM live_counts WHERE jobs >= \(most) ORDER BY jobs DESC LIMIT \(limit)"
        ) { try OwnerID($0.text()) }
    }
}

extension [OwnerID: Int64] {
    /// By how much a job that begins or ends to live changes the number of its owner's; one with a limit of its own
    /// doesn't.
    mutating func addLive(_ jobs: Int64, of owner: OwnerID, bounty: Int64?, device: DeviceID?) {
        if bounty == nil, device == nil { self[owner, default: 0] += jobs }
    }
}
