extension Migration {
    /// A piece of a log that isn't UTF-8 is kept as its bytes, beside an empty text.
    static let exactLogs = Migration(name: "0037_exact_logs") { _ in
        ["ALTER TABLE job_logs ADD COLUMN raw \(.bytesType)"]
    }
}
