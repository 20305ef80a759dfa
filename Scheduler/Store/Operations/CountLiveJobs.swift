extension Transaction {
    /// Adds changes, by their keys, to the counts of their owners' live jobs.
    package func sumUpLive(_ keys: [Int64]) throws { try addToLiveCounts(try takeLiveChanges(keys)) }
}
