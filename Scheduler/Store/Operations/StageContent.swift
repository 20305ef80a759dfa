extension Transaction {
    /// Writes the next chunks of content that is still coming, so that they are in nobody's memory and in no long
    /// transaction: what makes them a file is one short one (`storeArtifact`, `storeUpload`, `storeUploaded`).
    package func stage(_ chunks: [[UInt8]], of staged: Blob.Staged) throws {
        if staged.count == 0 {
            try insertStaged(staged.id)
        } else if try !touchStaged(staged.id) {
            throw DatabaseError.busy("what had come was pruned: send it once more")
        }
        try insertStagedChunks(chunks, of: staged)
    }

    /// Takes away what was staged, unless it has become a blob's.
    package func discardStaged(_ id: String) throws {
        if try deleteStaged(id) { try deleteContents([id]) }
    }

    /// Takes away what was staged and nobody has gone on with since an instant; returns how many contents.
    package func pruneStaged(limit: Int, olderThan instant: Int64) throws -> Int {
        let gone = try deleteStaged(olderThan: instant, limit: limit)
        try deleteContents(gone)
        return gone.count
    }
}
