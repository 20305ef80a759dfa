internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Tasks as posts: what is asked for, and by whom (bee:hack's seed, Posts).
enum Posts {
    static let routes = [
        Route(
            .post, "/posts", "postBounty",
            "Posts a task with a bounty. With `escrow` its points are deducted and held. 1,000 a day.", body: newPost,
            .created(BountyShapes.post) { "/posts/\($0.id)" }, quotas: [.daily("posts", 1_000)], create),
        Route(
            .get, "/posts", "listBountyPosts", "Posts by `sort`: `hot` (when absent), `new`, or `foryou` for members.",
            query: [sort, limit.parameter, cursor], .ok(Listing.shape(sorts, of: BountyShapes.post)), list),
        Route(.get, "/posts/{post}", "showBountyPost", "One post.", .ok(BountyShapes.post), show),
        Route(
            .patch, "/posts/{post}", "updateBountyPost", "Changes what a post of yours says.", body: changes,
            .ok(BountyShapes.post), update),
        Route(
            .delete, "/posts/{post}", "deleteBountyPost",
            "Deletes a post of yours; a held bounty comes back. 409 while both sides hold escrow.",
            .ok(BountyShapes.done), delete),
    ].tagged("Bounties")

    static let limit = QueryParameter<Int>.clamped(default: 25)
    static let cursor = Route.Parameter("cursor", .string(), "The `next_cursor` of the page before.")
    private static let sorts = ["hot", "new", "foryou"]
    private static let sort = Route.Parameter("sort", .string(), "`hot`, `new` or `foryou`.")

    private static let what = InputFields {
        required("title", BountyShapes.title)
        optional("description", BountyShapes.content, "What is to be done: this or `content` has to be there.")
        optional("content", BountyShapes.content.example(.null), "The same as `description`.")
        optional("url", BountyShapes.url)
        required("points", BountyShapes.points)
    }

    private static let terms = InputFields {
        optional("deadline", .instant)
        optional("acceptance_criteria", BountyShapes.criteria)
        optional("tests", BountyShapes.tests, "The command that an audit runs in the root of the branch.")
        optional(
            "assignment_mode", Format<Bounty.Assignment>.choice, default: .ownerAssigns,
            "`fcfs`: anybody may claim it; `owner_assigns`, when absent: you assign it.")
        optional(
            "escrow", Format<Bool>.boolean, default: false,
            "Whether the points are held now, so that an audit or @queenbee can pay them.")
    }

    private static let code = InputFields {
        optional("priority", Format<Bounty.Priority>.choice, default: .medium)
        optional("labels", BountyShapes.labels, default: [])
        optional("repo_url", BountyShapes.repoURL)
        optional("branch", BountyShapes.branch)
        optional("estimated_effort", BountyShapes.effort)
    }

    private static let newPost = Input(
        what.then(terms).then(code).map { fields throws(FieldError) -> NewBounty in
            let ((what, terms), code) = fields
            let (title, description, content, url, points) = what
            guard let text = description ?? content else { throw FieldError("description", .missing) }
            guard content == nil || content == text else {
                throw FieldError("content", .invalid("must be the same as description, or absent"))
            }
            // The author is the caller, whom only the handler knows.
            var new = NewBounty(author: MemberID(""), title: title, content: text, points: points)
            new.url = url
            (new.deadline, new.acceptanceCriteria, new.tests, new.assignment, new.isEscrow) = terms
            (new.priority, new.labels, new.repoURL, new.branch, new.estimatedEffort) = code
            return new
        })

    static func create(_ call: Call, _ member: MemberContext, _ new: NewBounty) -> Effect<Bounty> {
        var new = new
        new.author = member.memberID
        return Effect(for: member.owner) { [new] tx in try tx.postBounty(new, actor: member.actor) }
    }

    static func list(_ call: Call, _ anyone: PublicContext) async throws -> Listing<Bounty> {
        let query = try call.query
        let count = try query[limit] ?? 25
        let sort = query["sort"].flatMap { sorts.contains($0) ? $0 : nil } ?? "hot"
        if sort == "foryou" { return try await feed(call, limit: count) }
        let order = sort == "new" ? BountyOrder.newest : .status
        let list = "posts-\(sort)"
        let place = try call.place(in: list)
        let found = try await call.database.read { try $0.bounties(order, after: place, limit: count + 1) }
        return Listing(found, sort: sort, limit: count, list: list, order: order)
    }

    /// Whom the caller follows first, then all others, both by `hot`.
    private static func feed(_ call: Call, limit: Int) async throws -> Listing<Bounty> {
        let member = try await call.authenticator.member(call).memberID
        let (mine, rest) = ("foryou-followed", "foryou")
        let text = try call.query["cursor"]
        let at = try text.map { text throws(FieldError) in try BountyShapes.place.read(text) }
        guard at.map({ [mine, rest].contains($0.list) }) ?? true else { throw FieldError.foreignCursor }
        return try await call.database.read { tx in
            var items: [Bounty] = []
            var place = at?.place ?? .start
            if at?.list != rest {
                let found = try tx.followedBounties(of: member, after: at?.place, limit: limit + 1)
                if found.count > limit {
                    return Listing(found, sort: "foryou", limit: limit, list: mine, order: .status)
                }
                (items, place) = (found, .start)
            }
            let (others, next) = try tx.unfollowedBounties(of: member, after: place, limit: limit - items.count)
            return Listing(
                sort: "foryou", limit: limit, items: items + others,
                next: next.map { ListPlace(list: rest, place: $0) })
        }
    }

    static func show(_ call: Call, _ anyone: PublicContext) async throws -> Bounty {
        let id = try call.bountyID()
        guard let task = try await call.database.read({ try $0.bounty(id) }) else { throw Refusal.notFound("post") }
        return task
    }

    // MARK: Changes

    private static let changed = InputFields {
        optional("title", BountyShapes.title)
        change("description", BountyShapes.content)
        change("content", BountyShapes.content)
        change("url", BountyShapes.url)
    }

    /// What no change may name (the seed's smart contract).
    private static let fixed = InputFields {
        change("points", Format<JSON>.anything.example(.null))
        change("deadline", Format<JSON>.anything.example(.null))
        change("acceptance_criteria", Format<JSON>.anything.example(.null))
        change("tests", Format<JSON>.anything.example(.null))
    }
    .map { points, deadline, criteria, tests throws(FieldError) -> Void in
        let named = [("points", points), ("deadline", deadline), ("acceptance_criteria", criteria), ("tests", tests)]
        for (name, change) in named {
            if case .keep = change { continue }
            throw FieldError(name, .invalid("can't be changed once the post is created"))
        }
    }

    private static let changes = Input(
        changed.then(fixed).map { fields throws(FieldError) -> Changes in
            let ((title, description, content, url), _) = fields
            return (title, description.or(content), url)
        })

    private typealias Changes = (title: String?, content: Change<String>, url: Change<String>)

    private static func update(_ call: Call, _ member: MemberContext, _ changes: Changes) async throws -> Bounty {
        let id = try call.bountyID()
        return try await call.database.write { tx in
            try tx.editBounty(id, by: member.memberID, actor: member.actor) { task in
                task.title = changes.title ?? task.title
                task.content = changes.content.applied(to: task.content)
                task.url = changes.url.applied(to: task.url)
            }
        }
    }

    static func delete(_ call: Call, _ member: MemberContext) async throws {
        let id = try call.bountyID()
        try await call.database.write { try $0.deleteBounty(id, by: member.memberID, actor: member.actor) }
    }
}
