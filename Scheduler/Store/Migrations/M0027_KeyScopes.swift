extension Migration {
    /// What a key is for, when that isn't all that its member may do.
    static let keyScopes = Migration(name: "0027_key_scopes") { _ in
        ["ALTER TABLE api_keys ADD COLUMN scope \(.text)"]
    }
}
