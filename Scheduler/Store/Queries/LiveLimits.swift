package import Domain

extension Transaction {
    /// The keys of changes that aren't summed up yet, from one on, the oldest first.
    package func liveChanges(from seq: Int64, limit: Int) throws -> [Int64] {
        try rows("SELECT seq FROM live_changes WHERE seq >= \(seq) ORDER BY seq LIMIT \(limit)") { try $0.integer() }
    }

    /// Owners with so many live jobs or more, those with the most first.
    package func ownersWithLive(atLeast most: Int64, limit: Int) throws -> [OwnerID] {
        try rows(
            "SELECT owner_id FROM live_counts WHERE jobs >= \(most) ORDER BY jobs DESC LIMIT \(limit)"
        ) { try OwnerID($0.text()) }
    }

    /// Some keys of changes of stored bytes that aren't summed up yet, the oldest first.
    package func storedChanges(limit: Int) throws -> [Int64] {
        try rows("SELECT seq FROM stored_changes WHERE seq > 0 ORDER BY seq LIMIT \(limit)") { try $0.integer() }
    }
}
