package import Domain

extension Transaction {
    /// A post's comments, those behind `place` in the order.
    package func comments(
        in table: CommentTable, on post: Int64, order: PostComment.Order, after place: PostComment.Place?, limit: Int
    ) throws -> [PostComment] {
        let time = (at: place?.createdAt ?? .max, id: place?.id ?? .max)
        let page: SQL
        switch order {
        case .top:
            page = """
                AND (score, comments.created_at, comments.id)
                    < (\(place?.rank ?? .max), \(time.at), \(time.id))
                ORDER BY score DESC, comments.created_at DESC, comments.id DESC
                """
        case .controversial:
            page = """
                AND (0 - ABS(score), comments.created_at, comments.id)
                    < (\(place?.rank ?? .max), \(time.at), \(time.id))
                ORDER BY 0 - ABS(score) DESC, comments.created_at DESC, comments.id DESC
                """
        case .new:
            page = """
                AND (comments.created_at, comments.id) < (\(time.at), \(time.id))
                ORDER BY comments.created_at DESC, comments.id DESC
                """
        case .old:
            page = """
                AND (comments.created_at, comments.id)
                    > (\(place?.createdAt ?? .min), \(place?.id ?? .min))
                ORDER BY comments.created_at, comments.id
                """
        }
        return try rows(
            """
            SELECT comments.id, post_id, parent_id, content, score, comments.created_at,
                COALESCE(handle, members.id)
            FROM \(raw: table.name) AS comments JOIN members ON members.id = author_id
            WHERE post_id = \(post) \(sql: page) LIMIT \(limit)
            """
        ) { row in
            try PostComment(
                id: row.integer(), post: row.integer(), parent: row.optionalInteger(), content: row.text(),
                score: row.integer(), createdAt: row.integer(), author: row.text())
        }
    }
}
