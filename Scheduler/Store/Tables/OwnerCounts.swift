internal import Domain

/// How much each owner has.
extension Transaction {
    /// Notes by how much an owner's stored bytes change with this commit.
    func noteStored(_ bytes: Int64, of owner: OwnerID) throws { try noteStored([owner: bytes]) }

    func noteStored(_ changes: [OwnerID: Int64]) throws {
        let changed = changes.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        let rows = SQL.Rows("changes", ["owner_id", "bytes"], of: changed) { owner, bytes in
            [.text(owner.text), .integer(bytes)]
        }
        try executeLater("INSERT INTO stored_changes \(inserting: rows)")
    }

    /// Takes changes away, and returns their sums. What somebody else has summed up meanwhile isn't there any more.
    func takeStoredChanges(_ keys: [Int64]) throws -> [OwnerID: Int64] {
        var sums: [OwnerID: Int64] = [:]
        try SQL.chunked(keys) { chunk in
            let taken = try rows("DELETE FROM stored_changes WHERE seq \(in: chunk) RETURNING owner_id, bytes") { row in
                (try OwnerID(row.text()), try row.integer())
            }
            for (owner, bytes) in taken { sums[owner, default: 0] += bytes }
        }
        return sums.filter { $0.value != 0 }
    }

    func addToStored(_ sums: [OwnerID: Int64]) throws {
        let changed = sums.sorted { $0.key < $1.key }
        let added = SQL.Rows("sums", ["owner_id", "bytes"], of: changed) { owner, bytes in
            [.text(owner.text), .integer(bytes)]
        }
        try executeLater(
            """
            INSERT INTO stored_bytes \(inserting: added)
            ON CONFLICT (owner_id) DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes
            """)
    }

    /// Bytes of an owner's files, as far as they are summed up.
    func storedBytes(of owner: OwnerID) throws -> Int64 {
        try first("SELECT bytes FROM stored_bytes WHERE owner_id = \(owner.text)") { try $0.integer() } ?? 0
    }

    /// Counts one more machine of an owner; false when it has as many as one may.
    func countMachine(of owner: OwnerID, most: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO machine_counts (owner_id, machines) VALUES (\(owner.text), 1)
            ON CONFLICT (owner_id) DO UPDATE SET machines = machine_counts.machines + 1
            WHERE machine_counts.machines < \(most)
            """) == 1
    }

    /// Sizes of stored content.
    func sizes(of hashes: [String]) throws -> [String: Int64] {
        guard !hashes.isEmpty else { return [:] }
        let found = try rows("SELECT hash, size FROM blobs WHERE hash \(in: hashes)") { row in
            try (row.text(), row.integer())
        }
        return Dictionary(found) { first, _ in first }
    }
}
