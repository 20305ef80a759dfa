extension Migration {
    /// Content is written piece by piece while it comes, before anybody knows its hash: under an id of its own, which
    /// `blobs.content` names once it is whole. Null is what was written at once, under its hash.
    static let stagedContents = Migration(name: "0028_staged_contents") { _ in
        [
            "ALTER TABLE blobs ADD COLUMN content \(.text)",
            """
            CREATE TABLE staged_contents (
                id \(.text) PRIMARY KEY,
                touched_at BIGINT NOT NULL)
            """,
            "CREATE INDEX staged_contents_by_age ON staged_contents (touched_at)",
        ]
    }
}
