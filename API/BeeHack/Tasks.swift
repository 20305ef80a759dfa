internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// Tasks as work: what is to be done, and how far it is (bee:hack's seed, Tasks).
enum Tasks {
    static let routes = [
        Route(
            .get, "/tasks", "listBountyTasks", "Tasks by `sort`: `hot` (when absent), `new`, `top` or `urgent`.",
            query: [sort, Posts.limit.parameter, Posts.cursor, status.parameter, priority.parameter, labels],
            .ok(tasks), list),
        Route(.get, "/tasks/{post}", "showBountyTask", "One task.", .ok(BountyShapes.task), show),
        Route(
            .patch, "/tasks/{post}", "updateBountyTask",
            "Moves a task, or changes what it says of its code. For its author and its assignee; anybody may claim an "
                + "open `fcfs` task. An escrow task that is moved to `in_review` is audited when it has `repo_url` and "
                + "`tests`.", body: changes, .ok(BountyShapes.changed), update),
    ].tagged("Bounties")

    private static let orders: [(name: String, order: BountyOrder)] = [
        ("hot", .activity), ("new", .newest), ("top", .points), ("urgent", .urgency),
    ]
    private static let sort = Route.Parameter("sort", .string(), "`hot`, `new`, `top` or `urgent`.")
    private static let status = QueryParameter<Bounty.Status>.choice("status", "Only those in it.")
    private static let priority = QueryParameter<Bounty.Priority>.choice("priority", "Only those of it.")
    private static let labels = Route.Parameter(
        "labels", .string(), "Only those with any of these, up to \(BountyFilter.maxLabels), separated by commas.")

    private struct Found: Sendable {
        let filter: BountyFilter
        let list: Listing<Bounty>
    }

    private static let filters = Shape<BountyFilter> {
        field("status", .nullable(.choice)) { $0.status }
        field("priority", .nullable(.choice)) { $0.priority }
        field("labels", .array(.string)) { $0.labels }
    }

    private static let tasks = Shape<Found> {
        field("filters", filters) { $0.filter }
        Listing<Bounty>.shape(orders.map(\.name), of: BountyShapes.task).at { $0.list }
    }

    private static func list(_ call: Call, _ anyone: PublicContext) async throws -> Found {
        let query = try call.query
        let limit = try query[Posts.limit] ?? 25
        let (name, order) = orders.first { $0.name == query["sort"] } ?? orders[0]
        var filter = BountyFilter()
        filter.status = try query[status]
        filter.priority = try query[priority]
        let names = (query["labels"] ?? "").split(separator: ",").map { String($0).trimmed.lowercased() }
        filter.labels = Set(names.filter { !$0.isEmpty }).sorted()
        guard filter.labels.count <= BountyFilter.maxLabels else {
            throw FieldError("labels", .outOfRange("at most \(BountyFilter.maxLabels) labels"))
        }
        let key = "tasks-\(name)"
        let place = try call.place(in: key)
        let found = try await call.database.read { [filter] tx in
            try tx.bounties(order, filter, after: place, limit: limit + 1)
        }
        return Found(filter: filter, list: Listing(found, sort: name, limit: limit, list: key, order: order))
    }

    static func show(_ call: Call, _ anyone: PublicContext) async throws -> Bounty {
        let id = try call.bountyID("task")
        guard let task = try await call.database.read({ try $0.bounty(id) }) else { throw Refusal.notFound("task") }
        return task
    }

    private static let stand = InputFields {
        optional("status", Format<Bounty.Status>.choice)
        optional("priority", Format<Bounty.Priority>.choice)
        optional("labels", BountyShapes.labels)
    }

    private static let code = InputFields {
        change("repo_url", BountyShapes.repoURL)
        change("branch", BountyShapes.branch)
        change("pr_url", BountyShapes.url)
        change("estimated_effort", BountyShapes.effort)
    }

    private static let changes = Input(
        stand.then(code).map { fields throws(FieldError) -> BountyChange in
            let (stand, code) = fields
            var change = BountyChange()
            (change.status, change.priority, change.labels) = stand
            (change.repoURL, change.branch, change.prURL, change.estimatedEffort) = code
            return change
        })

    private static func update(_ call: Call, _ member: MemberContext, _ change: BountyChange) async throws -> Bounty {
        let id = try call.bountyID("task")
        let broker = call.dependencies.broker
        let moved = try await call.database.write { tx in
            try tx.moveBounty(
                id, by: member.memberID, actor: member.actor, change, hints: broker.classIndex.submitHints)
        }
        broker.announce(moved.audit)
        return moved.task
    }
}
