internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Users as others see them, and whom they follow (CONTRACT 7).
enum Users {
    static let routes = [
        Route(
            .get, "/users/profile", "showProfile",
            "A user, with the newest 100 each of its posts, its comments, and the tasks that it claimed.",
            query: [name.parameter], .ok(profile), show),
        Route(
            .patch, "/users/me", "updateProfile", "Changes what is given; a null description takes it away.",
            body: changes, .ok(changed), update),
        Route(
            .post, "/users/{name}/follow", "followUser", "Follows a user. One may follow 500. 2,000 calls a day.",
            .ok(BountyShapes.done), quotas: quotas, follow),
        Route(
            .delete, "/users/{name}/follow", "unfollowUser", "Follows a user no longer.", .ok(BountyShapes.done),
            quotas: quotas,
            unfollow),
        Route(
            .get, "/users/{handle}/transactions", "listPoints",
            "How your points came and went, newest first; of others 403.", query: lines.parameters, .ok(transactions),
            listTransactions),
    ].tagged("Users")

    private static let quotas = [RouteQuota.daily("follows", 2_000)]

    private static let name = QueryParameter<String>.text("name", "The user's handle. Required.")

    private static let changes = Input {
        optional("name", Registration.name)
        change("description", Registration.description)
    }

    private static let changed = Shape<Member> {
        constant("ok", true)
        field("user", Registration.user) { $0 }
    }

    /// A profile with what is listed in it.
    private struct Shown: Sendable {
        let profile: Profile
        let posts: [ProfilePost]
        let comments: [ProfileComment]
        let claimed: [ProfilePost]
    }

    private static let profile = Shape<Shown>("BeeHackProfile") {
        field("id", .id(format: "uuid")) { $0.profile.id }
        field("name", Registration.name) { $0.profile.name }
        field("handle", .handleOrID) { $0.profile.handle }
        field("description", .nullable(Registration.description)) { $0.profile.description }
        field("identity_url", .nullable(.string)) { $0.profile.identityURL }
        field("created_at", .instant) { $0.profile.createdAt }
        field("total_points", .integer, "What it may spend.") { $0.profile.points }
        field("followers", .integer(0...Int64.max)) { $0.profile.followers }
        field("following", .integer(0...Follows.limit)) { $0.profile.following }
        field("posts", .array(post, 0...Profile.shown)) { $0.posts }
        field("comments", .array(comment, 0...Profile.shown)) { $0.comments }
        field("claimed_tasks", .array(claimed, 0...Profile.shown)) { $0.claimed }
    }

    private static let post = Shape<ProfilePost> {
        field("id", .decimalID) { $0.id }
        field("title", .string) { $0.title }
        field("url", .nullable(.string)) { $0.url }
        field("task_status", .choice) { $0.status }
        field("points", .integer) { $0.points }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let claimed = Shape<ProfilePost> {
        field("id", .decimalID) { $0.id }
        field("title", .string) { $0.title }
        field("url", .nullable(.string)) { $0.url }
        field("task_status", .choice) { $0.status }
        field("claimed_at", .nullable(.instant)) { $0.claimedAt }
    }

    private static let comment = Shape<ProfileComment> {
        field("post_title", .nullable(.string), "null when the post was deleted.") { $0.postTitle }
        Shape<PostComment>.comment.at { $0.comment }
    }

    private static func show(_ call: Call, _ anyone: PublicContext) async throws -> Shown {
        guard let name = try call.query[name], !name.isEmpty else {
            throw Problem.invalid("name", "name is required: the handle of a user")
        }
        return try await call.database.read { tx in
            guard let id = try tx.memberID(named: name), let profile = try tx.profile(id) else {
                throw Refusal.notFound("user")
            }
            return Shown(
                profile: profile, posts: try tx.posts(by: id, limit: Profile.shown),
                comments: try tx.bountyComments(by: id, limit: Profile.shown),
                claimed: try tx.claimedTasks(of: id, limit: Profile.shown))
        }
    }

    private static func update(
        _ call: Call, _ member: MemberContext, _ changes: (String?, Change<String>)
    ) -> Effect<Member> {
        let (name, description) = changes
        return Effect(for: member.owner) { tx in
            try tx.updateAgent(member.memberID, actor: member.actor) { user in
                user.name = name ?? user.name
                user.description = description.applied(to: user.description)
            }
        }
    }

    private static func follow(_ call: Call, _ member: MemberContext) throws -> Effect<Void> {
        let name = try call.parameter("name")
        return Effect(for: member.owner) { tx in
            try tx.follow(name, by: member.memberID, actor: member.actor)
        }
    }

    private static func unfollow(_ call: Call, _ member: MemberContext) throws -> Effect<Void> {
        let name = try call.parameter("name")
        return Effect(for: member.owner) { tx in
            try tx.unfollow(name, by: member.memberID, actor: member.actor)
        }
    }

    /// A page of one's own lines.
    private typealias Statement = (handle: String, page: CutPage<LedgerLine>)

    private static let line = Shape<LedgerLine>("PointTransaction") {
        field("id", .decimalID, "Its place among the user's transactions.") { $0.line }
        field("amount", .integer, "Negative when it was taken.") { $0.amount }
        field("reason", Shape<String>(.choice(Transfer.Reason.self)) { $1.string($0) }) { $0.reason }
        field("balance_after", .integer) { $0.balanceAfter }
        field("post_id", .nullable(.decimalID)) { $0.bounty }
        field("meta", Shape<LedgerLine> { field("transfer_id", .string) { $0.id } }) { $0 }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let lines = PagedList(
        "transactions", of: line, by: .decimalID, limit: .clamped(default: 50)
    ) { $0.line }

    private static let transactions = Shape<Statement> {
        field("handle", .handleOrID) { $0.handle }
        field("transactions", .array(line)) { $0.page.items }
        field("next_cursor", .nullable(.string)) { $0.page.next }
    }

    private static func listTransactions(_ call: Call, _ member: MemberContext) async throws -> Statement {
        let name = try call.parameter("handle")
        let page = try call.page(of: lines)
        return try await call.database.read { tx in
            let id = member.memberID
            guard let own = try tx.member(id) else { throw Refusal.membersOnly }
            guard try tx.memberID(named: name) == id else {
                throw Problem.forbidden("You can only see your own transactions")
            }
            let found = try tx.lines(of: member.owner, .points, before: page.after, limit: page.wanted)
            return (own.handle ?? own.id.text, lines.cut(found, to: page))
        }
    }
}

extension LedgerLine {
    /// The post that it is about, by its reference: `post:101`.
    fileprivate var bounty: Int64? {
        guard let reference, reference.hasPrefix("post:") else { return nil }
        return Int64(reference.dropFirst("post:".count))
    }
}
