internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What users say to a post, and to each other's comments on it; everyone may read (CONTRACT 7).
enum Comments {
    static let routes = [
        Route(
            .post, "/posts/{post}/comments", "addComment",
            "Comments on a post, or on a comment of it, whose author is told. 5,000 a day.", body: .newComment,
            .created(comment), quotas: [.daily("bounty comments", 5_000)], add),
        Route(
            .get, "/posts/{post}/comments", "listComments", "The comments on a post.",
            query: [sort.parameter] + comments.parameters, .ok(listing), list),
    ].tagged("Comments")

    private static let comment = Shape<PostComment>("BeeHackComment") {
        Shape.comment
        field("author_handle", .handleOrID) { $0.author }
    }

    /// A comment, and the order in which a list shows it.
    private typealias Listed = (comment: PostComment, order: PostComment.Order)

    private static let comments = PagedList<Listed, CommentPlace>(
        "items", of: comment.map { $0.comment }, by: CommentPlace.cursor, limit: .clamped(default: 50)
    ) { CommentPlace($0.comment, in: $0.order) }

    private static let listing = Shape<Listing<Listed>> {
        field("sort", .string) { $0.sort }
        field("items", .array(comment.map { $0.comment })) { $0.page.items }
        field("next_cursor", .nullable(.string)) { $0.page.next }
    }

    private static let sort = QueryParameter<PostComment.Order>(
        "sort", .string(),
        "`top` (when absent or unknown): the highest score, then the newest; `controversial`: the score nearest to 0."
    ) { PostComment.Order(rawValue: $0) ?? .top }

    static func add(
        _ call: Call, _ member: MemberContext, _ body: (String, Int64?)
    ) throws -> Effect<PostComment> {
        let (content, parent) = body
        let post = try call.bountyID()
        return Effect(for: member.owner) { tx in
            try tx.addBountyComment(
                on: post, replyingTo: parent, by: member.memberID, actor: member.actor, content: content)
        }
    }

    private static func list(_ call: Call, _ anyone: PublicContext) async throws -> Listing<Listed> {
        let post = try call.bountyID()
        let order = try call.query[sort] ?? .top
        let page = try call.page(of: comments)
        guard page.after?.order ?? order == order else { throw FieldError.foreignCursor }
        let found = try await call.database.read { tx in
            guard try tx.isBounty(post) else { throw Refusal.notFound("post") }
            return try tx.comments(
                in: .bounties, on: post, order: order, after: page.after?.place, limit: page.wanted)
        }
        return Listing(
            sort: order.rawValue, limit: page.limit, page: comments.cut(found.map { ($0, order) }, to: page))
    }
}
