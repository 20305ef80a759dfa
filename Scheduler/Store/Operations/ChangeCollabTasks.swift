package import Domain

extension Transaction {
    /// Throws `Refusal.wrongState` when the owner has `CollabTask.limit` tasks.
    package func createCollabTask(
        of owner: OwnerID, actor: String, title: String, description: String?
    ) throws -> CollabTask {
        guard try addCollabTask(of: owner, limit: CollabTask.limit) else {
            throw Refusal.wrongState("there are \(CollabTask.limit) tasks, the most that one owner may have")
        }
        let task = CollabTask(
            id: CollabTaskID(newUUID()), title: title, description: description,
            createdAt: now)
        try insertCollabTask(task, of: owner)
        try record(Event(owner: owner, type: .collabTaskCreated, actor: actor, object: task.id.text))
        return task
    }

    /// Replaces what a task says, which makes it one version newer.
    ///
    /// Throws `Refusal.notFound` when the owner has no such task.
    /// - Parameter isMeant: whether the task, as it stands, is the one that the caller knows.
    /// - Returns: nil when it isn't, or when it was changed by somebody else meanwhile.
    package func replaceCollabTask(
        _ id: CollabTaskID, of owner: OwnerID, actor: String, title: String, description: String?,
        if isMeant: (CollabTask) throws -> Bool
    ) throws -> CollabTask? {
        guard let old = try collabTask(id, of: owner) else { throw Refusal.notFound("task") }
        guard try isMeant(old),
            let task = try updateCollabTask(
                id, of: owner, version: old.version, title: title, description: description)
        else { return nil }
        try record(
            Event(
                owner: owner, type: .collabTaskUpdated, actor: actor, object: id.text,
                metadata: "{\"version\":\(task.version)}"))
        return task
    }

    /// Throws `Refusal.notFound` when the owner has no such task.
    /// - Parameter isMeant: as of `replaceCollabTask`; nil deletes whatever is there.
    /// - Returns: false when it isn't meant, or when it was changed by somebody else meanwhile.
    package func deleteCollabTask(
        _ id: CollabTaskID, of owner: OwnerID, actor: String, if isMeant: ((CollabTask) throws -> Bool)? = nil
    ) throws -> Bool {
        guard let old = try collabTask(id, of: owner) else { throw Refusal.notFound("task") }
        if let isMeant, try !isMeant(old) { return false }
        guard try deleteCollabTask(id, of: owner, version: isMeant == nil ? nil : old.version) else {
            if isMeant == nil { throw Refusal.notFound("task") }
            return false
        }
        try subtractCollabTask(of: owner)
        try record(Event(owner: owner, type: .collabTaskDeleted, actor: actor, object: id.text))
        return true
    }
}
