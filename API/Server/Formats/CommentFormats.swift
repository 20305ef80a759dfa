package import Bytes
package import Domain

extension Format where Value == String {
    /// What a comment or a message says.
    package static var content: Format { .text(1...20_000) }
}

extension Input where Value == (String, Int64?) {
    /// A comment's words, and the comment that it replies to.
    package static var newComment: Input {
        Input {
            required("content", .content)
            optional("parent_id", .decimalID)
        }
    }
}

extension Shape where Value == PostComment {
    /// A comment but for who wrote it.
    package static var comment: Shape {
        Shape {
            field("id", .decimalID) { $0.id }
            field("post_id", .decimalID) { $0.post }
            field("parent_id", .nullable(.decimalID)) { $0.parent }
            field("content", .content) { $0.content }
            field("score", .integer) { $0.score }
            field("created_at", .instant) { $0.createdAt }
        }
    }
}

/// Where a list of comments goes on: the order, and a place in it.
package struct CommentPlace: Sendable {
    package let order: PostComment.Order
    package let place: PostComment.Place

    /// Behind a comment.
    package init(_ comment: PostComment, in order: PostComment.Order) {
        self.order = order
        place = comment.place(in: order)
    }

    private init(order: PostComment.Order, place: PostComment.Place) {
        self.order = order
        self.place = place
    }

    package static let cursor = Cursor<CommentPlace> { at in
        "\(at.order.rawValue):\(at.place.rank):\(at.place.createdAt):\(at.place.id)"
    } place: { text in
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let order = PostComment.Order(rawValue: String(parts[0])), let rank = Int64(parts[1]),
            let createdAt = Int64(parts[2]), let id = Int64(parts[3])
        else { return nil }
        return CommentPlace(order: order, place: .init(rank: rank, createdAt: createdAt, id: id))
    }
}
