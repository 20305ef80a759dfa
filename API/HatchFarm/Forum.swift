internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Where members talk; everyone may read (CONTRACT 5).
enum Forum {
    static let routes = [
        Route(.get, "/forum/posts", "listForumPosts", "Posts, the newest first.", posts, list),
        Route(
            .post, "/forum/posts", "createForumPost", "Says something to all. For members: 100 posts in 24 hours.",
            body: newPost, .created(post.under("post")) { "/forum/posts/\($0.id)" }, create),
        Route(.get, "/forum/posts/{post}", "showForumPost", "One post.", .ok(post.under("post")), show),
        Route(
            .get, "/forum/posts/{post}/comments", "listForumComments", "The comments on a post.",
            query: [sort.parameter], comments, listComments),
        Route(
            .post, "/forum/posts/{post}/comments", "addForumComment",
            "Comments on a post, or on a comment of it. For members: 1,000 comments in 24 hours.", body: .newComment,
            .created(comment.under("comment")), addComment),
    ].tagged("Forum")

    private static let title = Format<String>.text(1...255)
    private static let content = Format<String>.content

    private static let newPost = Input {
        required("title", title)
        required("content", content)
    }

    private static let post = Shape<ForumPost>("ForumPost") {
        field("id", .decimalID) { $0.id }
        field("title", title) { $0.title }
        field("content", content) { $0.content }
        field("author", .text(1...128), "The author's handle; the member's id when it has none.") { $0.author }
        field("comment_count", .integer(0...Int64.max)) { $0.commentCount }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let comment = Shape<PostComment>("ForumComment") {
        Shape.comment
        field("author", .text(1...128), "The author's handle; the member's id when it has none.") { $0.author }
    }

    private static let posts = PagedList("posts", of: post, by: .decimalID) { $0.id }

    /// A comment, and the order in which a list shows it.
    private typealias Listed = (comment: PostComment, order: PostComment.Order)

    private static let comments = PagedList<Listed, CommentPlace>(
        "comments", of: comment.map { $0.comment }, by: CommentPlace.cursor
    ) { CommentPlace($0.comment, in: $0.order) }

    private static let sort = QueryParameter<PostComment.Order>.choice(
        "sort", "`top` (when absent): the highest score, then the newest; `controversial`: the score nearest to 0.")

    static func list(_ call: Call, _ anyone: PublicContext, _ page: Page<Int64>) async throws -> [ForumPost] {
        try await call.database.read { try $0.forumPosts(before: page.after, limit: page.wanted) }
    }

    static func create(
        _ call: Call, _ member: MemberContext, _ body: (String, String)
    ) -> Effect<ForumPost> {
        let (title, content) = body
        return Effect(for: member.owner) { tx in
            try tx.createForumPost(
                by: MemberID(member.owner.text), actor: member.actor, title: title, content: content)
        }
    }

    static func show(_ call: Call, _ anyone: PublicContext) async throws -> ForumPost {
        let id = try post(call)
        guard let post = try await call.database.read({ try $0.forumPost(id) }) else { throw Refusal.notFound("post") }
        return post
    }

    private static func listComments(
        _ call: Call, _ anyone: PublicContext, _ page: Page<CommentPlace>
    ) async throws -> [Listed] {
        let id = try post(call)
        let order = try call.query[sort] ?? .top
        guard page.after?.order ?? order == order else { throw FieldError.foreignCursor }
        let comments = try await call.database.read { tx in
            guard try tx.forumPost(id) != nil else { throw Refusal.notFound("post") }
            return try tx.comments(in: .forum, on: id, order: order, after: page.after?.place, limit: page.wanted)
        }
        return comments.map { ($0, order) }
    }

    static func addComment(
        _ call: Call, _ member: MemberContext, _ body: (String, Int64?)
    ) throws -> Effect<PostComment> {
        let (content, parent) = body
        let post = try post(call)
        return Effect(for: member.owner) { tx in
            try tx.addForumComment(
                on: post, replyingTo: parent, by: MemberID(member.owner.text), actor: member.actor, content: content)
        }
    }

    private static func post(_ call: Call) throws -> Int64 {
        guard let id = try call.decimalID("post") else { throw Refusal.notFound("post") }
        return id
    }
}
