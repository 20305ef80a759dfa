internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Tasks with a version, changed only by who has read the last one (CONTRACT 9).
enum CollabTasks {
    static let routes = [
        Route(
            .post, "/collab/tasks", "createTask", "Creates a task. One owner may have up to 10,000.", body: content,
            .created(task, tagged: true) { "/collab/tasks/\($0.id)" }, quotas: quotas, create),
        Route(
            .get, "/collab/state/tasks", "listTasks", "Your tasks, newest first.", query: tasks.parameters,
            .tagged(state), quotas: quotas, list),
        Route(
            .get, "/collab/tasks/{task}", "showTask", "One of your tasks.", .tagged(task), quotas: quotas, show),
        Route(
            .put, "/collab/tasks/{task}", "replaceTask",
            "Replaces what a task says: its version grows by 1. 412 when it isn't the one that `If-Match` names, 428 "
                + "without `If-Match`.",
            headers: [.requiredIfMatch], body: content, .tagged(task), quotas: quotas, replace),
        Route(
            .delete, "/collab/tasks/{task}", "deleteTask",
            "Deletes a task. 412 when it isn't the one that `If-Match` names.", headers: [.ifMatch],
            answers: [.noContent], quotas: quotas, delete),
    ].tagged("Tasks")

    private static let quotas = [RouteQuota.window { $0.taskQuota }]

    private static let title = Format<String>.trimmed(1...255)
    private static let description = Format<String>.text(0...1_024)

    private static let content = Input {
        required("title", title)
        optional("description", description)
    }

    private static let task = Shape<CollabTask>("Task") {
        field("id", .id(format: "uuid")) { $0.id }
        field("title", title) { $0.title }
        field("description", .nullable(description)) { $0.description }
        field("version", .integer(1...Int64.max)) { $0.version }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let tasks = PagedList<CollabTask, CollabTaskID>("items", of: task, by: .id()) { $0.id }

    /// The list as what it is a state of.
    private static let state = Shape<CutPage<CollabTask>> {
        constant("kind", "tasks")
        field("items", .array(task)) { $0.items }
        field("next_cursor", .nullable(.string)) { $0.next }
    }

    static func create(
        _ call: Call, _ member: MemberContext, _ content: (String, String?)
    ) -> Effect<CollabTask> {
        let (title, description) = content
        return Effect(for: member.owner) { tx in
            try tx.createCollabTask(of: member.owner, actor: member.actor, title: title, description: description)
        }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> CutPage<CollabTask> {
        let page = try call.page(of: tasks)
        let found = try await call.database.read { tx in
            try tx.collabTasks(of: member.owner, before: page.after, limit: page.wanted)
        }
        return tasks.cut(found, to: page)
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> CollabTask {
        let id = try call.parameter("task", as: CollabTaskID.self)
        guard let task = try await call.database.read({ try $0.collabTask(id, of: member.owner) }) else {
            throw Refusal.notFound("task")
        }
        return task
    }

    static func replace(
        _ call: Call, _ member: MemberContext, _ content: (String, String?)
    ) async throws -> CollabTask {
        guard let isMeant = condition(of: call) else {
            throw Problem(
                .preconditionRequired, "precondition_required",
                "send If-Match with the ETag of the task as you have read it", field: "If-Match")
        }
        let id = try call.parameter("task", as: CollabTaskID.self)
        let (title, description) = content
        let task = try await call.database.write { tx in
            try tx.replaceCollabTask(
                id, of: member.owner, actor: member.actor, title: title, description: description, if: isMeant)
        }
        guard let task else { throw stale }
        return task
    }

    static func delete(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = try call.parameter("task", as: CollabTaskID.self)
        let isMeant = condition(of: call)
        let isDone = try await call.database.write { tx in
            try tx.deleteCollabTask(id, of: member.owner, actor: member.actor, if: isMeant)
        }
        guard isDone else { throw stale }
        return .empty(.noContent)
    }

    private static let stale = Problem(
        .preconditionFailed, "precondition_failed", "the task has changed since you read it; read it again",
        field: "If-Match")

    /// What `If-Match` asks of the task; nil when there is none.
    private static func condition(of call: Call) -> (@Sendable (CollabTask) throws -> Bool)? {
        let known = call.head.headerFields[values: .ifMatch]
        guard !known.isEmpty else { return nil }
        return { found in
            let tag = EntityTag.of(try JSON(parsing: task.bytes(found)))
            return known.contains { EntityTag.matches($0, tag, isStrong: true) }
        }
    }
}

extension Route.Parameter {
    fileprivate static let ifMatch = Route.Parameter("If-Match", .string(), "The ETag of the task as you know it.")
    fileprivate static let requiredIfMatch = Route.Parameter(
        "If-Match", .string(), "The ETag of the task as you know it.", isRequired: true)
}
