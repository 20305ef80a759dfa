internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Where members talk; everyone may read (CONTRACT 5).
enum Forum {
    static let routes: [Route] = [
        .get(
            "/forum/posts", "listForumPosts", "Posts, the newest first.", tag: "Forum", query: Route.Parameter.page,
            answers: [.ok(.list("posts", ForumWire.post))], list),
        .post(
            "/forum/posts", "createForumPost", "Says something to all. For members: 100 posts in 24 hours.",
            tag: "Forum", headers: [.idempotencyKey],
            body: .object(.required("title", .string(1...255)), .required("content", .string(1...20_000))),
            answers: [.created(.data(.object(.required("post", ForumWire.post))))], create),
        .get(
            "/forum/posts/{post}", "showForumPost", "One post.", tag: "Forum",
            answers: [.ok(.data(.object(.required("post", ForumWire.post))))], show),
        .get(
            "/forum/posts/{post}/comments", "listForumComments", "The comments on a post.", tag: "Forum",
            query: [
                .init(
                    "sort", .choice(ForumComment.Order.self),
                    "`top` (when absent): the highest score, then the newest; `controversial`: the score nearest to 0.")
            ] + Route.Parameter.page, answers: [.ok(.list("comments", ForumWire.comment))], listComments),
        .post(
            "/forum/posts/{post}/comments", "addForumComment",
            "Comments on a post, or on a comment of it. For members: 1,000 comments in 24 hours.", tag: "Forum",
            headers: [.idempotencyKey],
            body: .object(
                .required("content", .string(1...20_000)),
                .optional("parent_id", .nullable(.either([.integer(1...Int64.max), ForumWire.id])))),
            answers: [.created(.data(.object(.required("comment", ForumWire.comment))))], comment),
    ]

    static func list(_ call: Call, _ anyone: PublicContext) async throws -> Reply {
        let page = try call.page()
        let before = try page.after.map { text throws(FieldError) in
            guard let id = ForumWire.id(text) else {
                throw FieldError("cursor", .invalid("is not one that a list gave"))
            }
            return id
        }
        let posts = try await call.dependencies.database.read {
            try $0.forumPosts(before: before, limit: page.limit + 1)
        }
        return .list("posts", posts, limit: page.limit, cursor: { String($0.id) }, write: ForumWire.write)
    }

    static func create(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let title = try fields.text("title", 1...255)
        let content = try fields.text("content", 1...20_000)
        try fields.end()
        return Reply(
            try await call.once(for: member.owner, body) { tx in
                let post = try tx.createForumPost(
                    by: MemberID(member.owner.text), actor: member.actor, title: title, content: content)
                return ForumWire.created("post", at: "/forum/posts/\(post.id)") { ForumWire.write(post, to: &$0) }
            })
    }

    static func show(_ call: Call, _ anyone: PublicContext) async throws -> Reply {
        let id = try post(call)
        guard let post = try await call.dependencies.database.read({ try $0.forumPost(id) }) else {
            throw Refusal.notFound("post")
        }
        return .data { writer in writer.object("post") { ForumWire.write(post, to: &$0) } }
    }

    static func listComments(_ call: Call, _ anyone: PublicContext) async throws -> Reply {
        let id = try post(call)
        let order = try call.query.choice("sort", ForumComment.Order.self) ?? .top
        let page = try call.page()
        let place = try page.after.map { text throws(FieldError) in
            guard let place = ForumWire.place(text, in: order) else {
                throw FieldError("cursor", .invalid("is not one that a list of this sort gave"))
            }
            return place
        }
        let comments = try await call.dependencies.database.read { tx in
            guard try tx.forumPost(id) != nil else { throw Refusal.notFound("post") }
            return try tx.forumComments(on: id, order: order, after: place, limit: page.limit + 1)
        }
        return .list(
            "comments", comments, limit: page.limit, cursor: { ForumWire.cursor($0, in: order) },
            write: ForumWire.write)
    }

    static func comment(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let content = try fields.text("content", 1...20_000)
        let parent = try ForumWire.parent(&fields)
        try fields.end()
        let post = try post(call)
        return Reply(
            try await call.once(for: member.owner, body) { tx in
                let comment = try tx.addForumComment(
                    on: post, replyingTo: parent, by: MemberID(member.owner.text), actor: member.actor,
                    content: content)
                return ForumWire.created("comment", at: nil) { ForumWire.write(comment, to: &$0) }
            })
    }

    private static func post(_ call: Call) throws(Refusal) -> Int64 {
        guard let id = ForumWire.id(call.parameter("post")) else { throw .notFound("post") }
        return id
    }
}
