internal import Domain

/// Which content is referred to. A blob is deleted by one transaction that holds its row and then sees no reference;
/// whoever adds a reference holds the row as well (`insertBlob`, `keepUploads`), so that of the two one waits for the
/// other.
extension Transaction {
    /// Something refers to this content no more.
    func release(_ hashes: Set<String>) throws {
        let released = SQL.Rows("released", ["hash", "released_at"], of: hashes.sorted()) {
            [.text($0), .integer(now)]
        }
        try executeLater(
            """
            INSERT INTO released_blobs \(inserting: released)
            ON CONFLICT (hash) DO UPDATE SET released_at = excluded.released_at
            """)
    }

    /// Content that was released before an instant, the longest ago first.
    func released(before instant: Int64, limit: Int) throws -> [String] {
        try rows(
            "SELECT hash FROM released_blobs WHERE released_at <= \(instant) ORDER BY released_at LIMIT \(limit)"
        ) { try $0.text() }
    }

    /// Those of these contents that are stored.
    func stored(_ hashes: [String]) throws -> Set<String> {
        Set(try rows("SELECT hash FROM blobs WHERE hash \(in: hashes)") { try $0.text() })
    }

    /// Locks these contents; what somebody refers to at this moment is passed over.
    func lockBlobs(_ hashes: [String]) throws -> [String] {
        try rows("SELECT hash FROM blobs WHERE hash \(in: hashes) ORDER BY hash \(.skipLocked)") { try $0.text() }
    }

    /// Those of these contents that something refers to. In a statement after the one that locked them: it sees what
    /// was committed before the lock was had.
    func referred(_ hashes: [String]) throws -> Set<String> {
        Set(
            try rows(
                """
                SELECT hash FROM artifacts WHERE hash \(in: hashes)
                UNION ALL SELECT hash FROM uploads WHERE hash \(in: hashes)
                """
            ) { try $0.text() })
    }

    /// Takes content away; returns how many.
    func deleteBlobs(_ hashes: [String]) throws -> Int {
        guard !hashes.isEmpty else { return 0 }
        let contents = try rows("DELETE FROM blobs WHERE hash \(in: hashes) RETURNING COALESCE(content, hash)") {
            try $0.text()
        }
        try deleteContents(contents)
        return contents.count
    }

    /// Content that isn't there any more, or that is referred to again, is no more to be looked at, unless it was
    /// released again since the instant.
    func forgetReleased(_ hashes: [String], before instant: Int64) throws {
        guard !hashes.isEmpty else { return }
        try executeLater("DELETE FROM released_blobs WHERE hash \(in: hashes) AND released_at <= \(instant)")
    }

    /// Locks the oldest uploads from before an instant; those that a submission is about to give to a job are passed
    /// over.
    func lockUploads(olderThan instant: Int64, limit: Int) throws -> [(owner: String, hash: String)] {
        try rows(
            """
            SELECT owner_id, hash FROM uploads WHERE created_at <= \(instant)
            ORDER BY created_at LIMIT \(limit) \(.skipLocked)
            """
        ) { row in try (row.text(), row.text()) }
    }

    /// Locks an owner's upload, against whoever is about to give it to a job; false when there is none.
    func lockUpload(_ hash: String, owner: OwnerID) throws -> Bool {
        try first(
            "SELECT hash FROM uploads WHERE owner_id = \(owner.text) AND hash = \(hash) \(.forUpdate)"
        ) { try $0.text() } != nil
    }

    /// The hashes of those of these uploads that a job is given, whoever's.
    func given(_ uploads: [(owner: String, hash: String)]) throws -> Set<String> {
        let wanted = SQL.Rows("wanted", ["owner", "content"], of: uploads) { [.text($0.owner), .text($0.hash)] }
        return Set(
            try rows(
                """
                SELECT uploads.hash FROM uploads\(and: wanted)
                WHERE uploads.owner_id \(is: wanted.owner) AND uploads.hash \(is: wanted.content)
                    AND (SELECT 1 FROM job_sources WHERE source = uploads.hash LIMIT 1) IS NOT NULL
                """
            ) { try $0.text() })
    }

    /// These uploads are in use: they are looked at again when as much time has passed once more.
    func putOffUploads(_ uploads: [(owner: String, hash: String)]) throws {
        let used = SQL.Rows("used", ["owner", "content"], of: uploads) { [.text($0.owner), .text($0.hash)] }
        try executeLater(
            """
            UPDATE uploads SET created_at = \(now) \(from: used)
            WHERE uploads.owner_id \(is: used.owner) AND uploads.hash \(is: used.content)
            """)
    }

    func deleteUploads(_ uploads: [(owner: String, hash: String)]) throws -> Int {
        let gone = SQL.Rows("gone", ["owner", "content"], of: uploads) { [.text($0.owner), .text($0.hash)] }
        return try execute(
            """
            DELETE FROM uploads \(using: gone) WHERE owner_id \(is: gone.owner) AND hash \(is: gone.content)
            """)
    }
}

/// What jobs are given.
extension Transaction {
    func insertSources(_ jobs: [AcceptedJob]) throws {
        let pairs = jobs.flatMap { accepted in
            Set(accepted.job.sources.all).sorted().map { (source: $0, job: accepted.id.text) }
        }
        let rows = SQL.Rows("given", ["source", "job_id"], of: pairs) { [.text($0.source), .text($0.job)] }
        try executeLater("INSERT INTO job_sources \(inserting: rows)")
    }

    /// Keeps an owner's uploads from being taken away until the commit; returns those that are there.
    func keepUploads(_ hashes: [String], of owner: OwnerID) throws -> Set<String> {
        guard !hashes.isEmpty else { return [] }
        return Set(
            try rows(
                """
                SELECT hash FROM uploads WHERE owner_id = \(owner.text) AND hash \(in: hashes)
                ORDER BY hash \(.keepRows)
                """
            ) { try $0.text() })
    }

    /// Keeps an owner's jobs from being taken away until the commit; returns those that are there.
    func keepJobs(_ ids: [String], of owner: OwnerID) throws -> Set<String> {
        guard !ids.isEmpty else { return [] }
        return Set(
            try rows(
                """
                SELECT id FROM jobs WHERE id \(in: ids) AND owner_id = \(owner.text) ORDER BY id \(.keepRows)
                """
            ) { try $0.text() })
    }
}
