package import Domain

extension Transaction {
    package func inkling(_ key: InklingKey) throws -> Inkling? {
        try first("SELECT \(raw: Inkling.columns) FROM inklings WHERE public_key = \(key.text)") { try Inkling(&$0) }
    }

    /// Throws `Refusal.notFound`.
    package func knownInkling(_ key: InklingKey) throws -> Inkling {
        guard let inkling = try inkling(key) else { throw Refusal.notFound("device") }
        return inkling
    }

    /// A device's children, the newest first: those before a number. A child's number counts from 1.
    package func children(
        of parent: InklingKey, before number: Int64?, limit: Int
    ) throws -> [(child: Inkling, number: Int64)] {
        try rows(
            """
            SELECT \(raw: Inkling.columns), child_number FROM inklings
            WHERE parent_key = \(parent.text) AND child_number < \(number ?? .max)
            ORDER BY child_number DESC LIMIT \(limit)
            """
        ) { row in try (Inkling(&row), row.integer()) }
    }

    /// These dreams, the newest first.
    func dreams(_ ids: [String]) throws -> [Dream] {
        try rows(
            """
            SELECT dreams.id, author_key, name, content, mood, face, fish_count, dreams.created_at
            FROM dreams JOIN inklings ON public_key = author_key
            WHERE dreams.id \(in: ids) ORDER BY dreams.id DESC
            """
        ) { row in
            try Dream(
                id: row.text(), author: InklingKey(row.text()), authorName: row.text(), content: row.text(),
                mood: row.optionalText(), face: row.optionalText(), fishCount: row.integer(),
                createdAt: row.integer())
        }
    }

    func hasDream(before id: String) throws -> Bool {
        try first("SELECT id FROM dreams WHERE id < \(id) ORDER BY id DESC LIMIT 1") { try $0.text() } != nil
    }

    // MARK: Baptism

    package func baptism(of key: InklingKey) throws -> Baptism {
        try first("SELECT \(raw: Baptism.columns) FROM baptisms WHERE public_key = \(key.text)") {
            try Baptism(&$0)
        } ?? Baptism()
    }

    /// What others say of a device, the newest first: what is before an id.
    package func endorsements(of key: InklingKey, before id: String?, limit: Int) throws -> [Endorsement] {
        try rows(
            """
            SELECT endorsements.id, endorser_key, name, level, message, endorsements.created_at
            FROM endorsements JOIN inklings ON public_key = endorser_key
            WHERE target_key = \(key.text) AND endorsements.id < \(id ?? Self.afterAllIDs)
            ORDER BY endorsements.id DESC LIMIT \(limit)
            """
        ) { row in
            try Endorsement(
                id: row.text(), endorser: InklingKey(row.text()), endorserName: row.text(), level: row.integer(),
                message: row.optionalText(), createdAt: row.integer())
        }
    }

    /// Devices that ask to be baptized and aren't, the newest first: what is before a request's id.
    package func baptismRequests(before id: String?, limit: Int) throws -> [BaptismRequest] {
        try rows(
            """
            SELECT request_id, baptisms.public_key, name, message, requested_at, \(raw: Baptism.columns)
            FROM baptisms JOIN inklings ON inklings.public_key = baptisms.public_key
            WHERE is_verified = 0 AND request_id < \(id ?? Self.afterAllIDs)
            ORDER BY request_id DESC LIMIT \(limit)
            """
        ) { row in
            let (id, key, name) = try (row.text(), InklingKey(row.text()), row.text())
            let (message, requestedAt) = try (row.optionalText(), row.integer())
            return BaptismRequest(
                id: id, key: key, name: name, message: message, baptism: try Baptism(&row), requestedAt: requestedAt)
        }
    }
}
