extension Migration {
    /// Descriptions of what jobs need go some time after the last job of their kind, those of now counted from now; and
    /// what is left of a deleted job says whether it had completed.
    static let classRetention = Migration(name: "0039_class_retention") { dialect in
        let now: SQL =
            switch dialect {
            case .postgres: "CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)"
            case .sqlite: "CAST(strftime('%s', 'now') AS INTEGER) * 1000"
            }
        return [
            "ALTER TABLE deleted_jobs ADD COLUMN is_completed BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE job_classes ADD COLUMN unused_since BIGINT",
            """
            UPDATE job_classes SET unused_since = \(sql: now)
            WHERE NOT EXISTS (SELECT 1 FROM live_classes WHERE live_classes.id = job_classes.id)
            """,
            "CREATE INDEX job_classes_by_disuse ON job_classes (unused_since) WHERE unused_since IS NOT NULL",
        ]
    }
}
