internal import Bytes
internal import Domain
internal import Store

/// What posts and comments look like outside: their ids are integers, written as strings.
enum ForumWire {
    static let id = Schema.string(1...19, pattern: "^[1-9][0-9]{0,18}$")
    private static let author = Schema.Property.required(
        "author", .string(1...128), "The author's handle; the member's id when it has none.")

    static let post = Schema.named(
        "ForumPost",
        .object(
            .required("id", id), .required("title", .string(1...255)), .required("content", .string(1...20_000)),
            author, .required("comment_count", .integer(0...Int64.max)), .required("created_at", .instant)))

    static let comment = Schema.named(
        "ForumComment",
        .object(
            .required("id", id), .required("post_id", id), .required("parent_id", .nullable(id)),
            .required("content", .string(1...20_000)), .required("score", .integer()),
            .required("created_at", .instant), author))

    static func write(_ post: ForumPost, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", String(post.id))
        writer.field("title", post.title)
        writer.field("content", post.content)
        writer.field("author", post.author)
        writer.field("comment_count", post.commentCount)
        writer.field("created_at", instant: post.createdAt)
        writer.endObject()
    }

    static func write(_ comment: ForumComment, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", String(comment.id))
        writer.field("post_id", String(comment.post))
        writer.field("parent_id", comment.parent.map { String($0) })
        writer.field("content", comment.content)
        writer.field("score", comment.score)
        writer.field("created_at", instant: comment.createdAt)
        writer.field("author", comment.author)
        writer.endObject()
    }

    /// HatchFarm's envelope of something new, to be kept with its idempotency key.
    static func created(_ noun: String, at path: String?, _ write: (inout JSONWriter) -> Void) -> StoredAnswer {
        var writer = JSONWriter()
        writer.success { $0.object(noun, write) }
        return StoredAnswer(
            status: 201, location: path.map { "/api/v1" + $0 }, body: String(decoding: writer.bytes, as: UTF8.self))
    }

    /// An id as we write it: a positive integer without zeros before it.
    static func id(_ text: String) -> Int64? {
        guard let id = Int64(text), id > 0, String(id).isExactly(text) else { return nil }
        return id
    }

    /// `parent_id`, a number or a string; nil when there is none.
    static func parent(_ fields: inout Fields) throws(FieldError) -> Int64? {
        let text: String
        switch fields.optionalRaw("parent_id") {
        case nil, .null: return nil
        case .number(let token), .string(let token): text = token
        default: text = ""
        }
        guard let id = id(text) else {
            throw fields.error("parent_id", .invalid("must be a comment's id: a positive integer"))
        }
        return id
    }

    /// Where a list of comments goes on: the order, and a place in it.
    static func cursor(_ comment: ForumComment, in order: ForumComment.Order) -> String {
        let place = comment.place(in: order)
        return "\(order.rawValue):\(place.rank):\(place.createdAt):\(place.id)"
    }

    /// nil for anything that `cursor` can't have made in this order.
    static func place(_ cursor: String, in order: ForumComment.Order) -> ForumComment.Place? {
        let parts = cursor.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == order.rawValue, let rank = Int64(parts[1]),
            let createdAt = Int64(parts[2]), let id = Int64(parts[3])
        else { return nil }
        return ForumComment.Place(rank: rank, createdAt: createdAt, id: id)
    }
}
