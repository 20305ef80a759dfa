internal import Domain

extension Transaction {
    /// Counts one more of the owner's tasks, unless there are `limit`: then false. Others who count wait until the
    /// commit.
    func addCollabTask(of owner: OwnerID, limit: Int64) throws -> Bool {
        try first(
            """
            INSERT INTO collab_task_counts (owner_id, tasks) VALUES (\(owner.text), 1)
            ON CONFLICT (owner_id) DO UPDATE SET tasks = collab_task_counts.tasks + 1
                WHERE collab_task_counts.tasks < \(limit)
            RETURNING tasks
            """
        ) { try $0.integer() } != nil
    }

    func subtractCollabTask(of owner: OwnerID) throws {
        try executeLater("UPDATE collab_task_counts SET tasks = tasks - 1 WHERE owner_id = \(owner.text)")
    }

    func insertCollabTask(_ task: CollabTask, of owner: OwnerID) throws {
        try executeLater(
            """
            INSERT INTO collab_tasks (id, owner_id, title, description, version, created_at)
            VALUES (\(task.id.text), \(owner.text), \(task.title), \(task.description), \(task.version),
                \(task.createdAt))
            """)
    }

    /// Replaces what a task of that version says; the task as it is then, or nil when it has another version.
    func updateCollabTask(
        _ id: CollabTaskID, of owner: OwnerID, version: Int64, title: String, description: String?
    ) throws -> CollabTask? {
        try first(
            """
            UPDATE collab_tasks SET title = \(title), description = \(description), version = version + 1
            WHERE id = \(id.text) AND owner_id = \(owner.text) AND version = \(version)
            RETURNING \(raw: CollabTask.columns)
            """
        ) { try CollabTask(&$0) }
    }

    /// Deletes a task, of that version if one is given. False when there is none.
    func deleteCollabTask(_ id: CollabTaskID, of owner: OwnerID, version: Int64?) throws -> Bool {
        let guarded: SQL = if let version { "AND version = \(version)" } else { "" }
        return try execute(
            "DELETE FROM collab_tasks WHERE id = \(id.text) AND owner_id = \(owner.text) \(sql: guarded)") == 1
    }
}

extension CollabTask {
    static let columns: StaticString = "id, title, description, version, created_at"

    /// Reads its `columns`.
    init(_ row: inout Row) throws {
        try self.init(
            id: CollabTaskID(row.text()), title: row.text(), description: row.optionalText(), version: row.integer(),
            createdAt: row.integer())
    }
}
