package import Domain

/// A client's promise that two calls are one. A key is private to its member and endpoint (CONTRACT 4).
package struct IdempotencyKey: Sendable, Hashable {
    package struct Name: Sendable, Hashable {
        package let owner: OwnerID
        package let endpoint: String
        package let key: String
    }

    package let name: Name
    /// SHA-256 hex of the request's body.
    package let bodyHash: String

    package init(owner: OwnerID, endpoint: String, key: String, bodyHash: String) {
        name = Name(owner: owner, endpoint: endpoint, key: key)
        self.bodyHash = bodyHash
    }
}

/// An answer that can be given again.
package struct StoredAnswer: Sendable, Equatable {
    package var status: Int
    package var location: String?
    package var body: String
    /// Whether it was given to an earlier call. Not stored.
    package var isReplayed = false

    package init(status: Int, location: String? = nil, body: String) {
        self.status = status
        self.location = location
        self.body = body
    }
}

enum StoredAnswers {
    struct Entry {
        let bodyHash: String
        let answer: StoredAnswer
    }
}

extension Transaction {
    func storedAnswers(_ names: [IdempotencyKey.Name]) throws -> [IdempotencyKey.Name: StoredAnswers.Entry] {
        let wanted = SQL.Rows("wanted", ["owner", "place", "name"], of: names) {
            [.text($0.owner.text), .text($0.endpoint), .text($0.key)]
        }
        let entries = try rows(
            """
            SELECT owner_id, endpoint, key, body_hash, status, location, answer FROM idempotency_keys\(and: wanted)
            WHERE owner_id \(is: wanted.owner) AND endpoint \(is: wanted.place) AND key \(is: wanted.name)
            """
        ) { row in
            try (
                IdempotencyKey.Name(owner: OwnerID(row.text()), endpoint: row.text(), key: row.text()),
                StoredAnswers.Entry(
                    bodyHash: row.text(),
                    answer: StoredAnswer(
                        status: Int(row.integer()), location: row.optionalText(), body: row.text()))
            )
        }
        return Dictionary(entries) { first, _ in first }
    }

    func storeAnswers(_ answers: [(IdempotencyKey, StoredAnswer)]) throws {
        let columns: [StaticString] = [
            "owner_id", "endpoint", "key", "body_hash", "status", "location", "answer", "created_at",
        ]
        let rows = SQL.Rows("answers", columns, of: answers) { key, answer in
            [
                .text(key.name.owner.text), .text(key.name.endpoint), .text(key.name.key), .text(key.bodyHash),
                .integer(Int64(answer.status)), .text(answer.location), .text(answer.body), .integer(now),
            ]
        }
        try executeLater("INSERT INTO idempotency_keys \(inserting: rows)")
    }

    /// Takes away answers stored before an instant; returns how many.
    func deleteStoredAnswers(olderThan instant: Int64, limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM idempotency_keys WHERE (owner_id, endpoint, key) IN
                (SELECT owner_id, endpoint, key FROM idempotency_keys WHERE created_at <= \(instant)
                    LIMIT \(limit))
            """)
    }
}
