extension Migration {
    /// The pieces of an upload count among what its job's owner has stored.
    static let uploadOwners = Migration(name: "0038_upload_owners") { _ in
        ["ALTER TABLE partial_uploads ADD COLUMN owner_id \(.text)"]
    }
}
