package import Domain

extension Transaction {
    /// A post's comments, those behind `place` in the order.
    package func comments(
        in table: CommentTable, on post: Int64, order: PostComment.Order, after place: PostComment.Place?, limit: Int
    ) throws -> [PostComment] {
        let time = (at: place?.createdAt ?? .max, id: place?.id ?? .max)
        let pages: [SQL]
        switch order {
        case .top:
            pages = [
                """
                AND (score, created_at, id)
                    < (\(place?.rank ?? .max), \(time.at), \(time.id))
                ORDER BY score DESC, created_at DESC, id DESC
                """
            ]
        case .controversial:
            // The rest of a score, then the scores behind it: SQLite finds no range by a row that begins with an
            // expression.
            let rest = place.map { place -> SQL in
                """
                AND 0 - ABS(score) = \(place.rank)
                    AND (created_at, id) < (\(time.at), \(time.id))
                ORDER BY created_at DESC, id DESC
                """
            }
            let behind: SQL = """
                AND 0 - ABS(score) < \(place?.rank ?? .max)
                ORDER BY 0 - ABS(score) DESC, created_at DESC, id DESC
                """
            pages = [rest, behind].compactMap { $0 }
        case .new:
            pages = [
                """
                AND (created_at, id) < (\(time.at), \(time.id))
                ORDER BY created_at DESC, id DESC
                """
            ]
        case .old:
            pages = [
                """
                AND (created_at, id)
                    > (\(place?.createdAt ?? .min), \(place?.id ?? .min))
                ORDER BY created_at, id
                """
            ]
        }
        var found: [PostComment] = []
        for page in pages where found.count < limit {
            found += try comments(in: table, on: post, page, limit: limit - found.count)
        }
        return found
    }

    /// - Parameter page: the range of a list, and its order.
    private func comments(
        in table: CommentTable, on post: Int64, _ page: SQL, limit: Int
    ) throws -> [PostComment] {
        var found = try rows(
            """
            SELECT id, post_id, parent_id, content, score, created_at, author_id FROM \(raw: table.name)
            WHERE post_id = \(post) \(sql: page) LIMIT \(limit)
            """
        ) { row in
            try PostComment(
                id: row.integer(), post: row.integer(), parent: row.optionalInteger(), content: row.text(),
                score: row.integer(), createdAt: row.integer(), author: row.text())
        }
        try putHandles(in: &found) { $0.author = $1($0.author) }
        return found
    }
}
