extension Migration {
    /// What a blocked job waits for was found by walking all dependencies.
    static let lookUps = Migration(name: "0023_look_ups") { _ in
        ["CREATE INDEX job_dependencies_by_job ON job_dependencies (job_id)"]
    }
}
