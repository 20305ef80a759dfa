package import Domain

extension Transaction {
    package func collabTask(_ id: CollabTaskID, of owner: OwnerID) throws -> CollabTask? {
        try first(
            """
            SELECT \(raw: CollabTask.columns) FROM collab_tasks WHERE id = \(id.text) AND owner_id = \(owner.text)
            """
        ) { try CollabTask(&$0) }
    }

    /// The owner's tasks, the newest first, those before the task `before`.
    package func collabTasks(of owner: OwnerID, before: CollabTaskID?, limit: Int) throws -> [CollabTask] {
        let page: SQL = if let before { "AND id < \(before.text)" } else { "" }
        return try rows(
            """
            SELECT \(raw: CollabTask.columns) FROM collab_tasks WHERE owner_id = \(owner.text) \(sql: page)
            ORDER BY id DESC LIMIT \(limit)
            """
        ) { try CollabTask(&$0) }
    }
}
