extension Migration {
    /// Tasks of people who work together, and how many of them each owner has: the limit is held to in that row.
    static let collabTasks = Migration(name: "0013_collab_tasks") { _ in
        [
            """
            CREATE TABLE collab_tasks (
                id \(.text) PRIMARY KEY,
                owner_id \(.text) NOT NULL,
                title \(.text) NOT NULL,
                description \(.text),
                version BIGINT NOT NULL CHECK (version > 0),
                created_at BIGINT NOT NULL)
            """,
            "CREATE INDEX collab_tasks_by_owner ON collab_tasks (owner_id, id)",
            """
            CREATE TABLE collab_task_counts (
                owner_id \(.text) PRIMARY KEY,
                tasks BIGINT NOT NULL CHECK (tasks >= 0))
            """,
        ]
    }
}
