internal import Domain

extension Transaction {
    /// The position of a new letter to a device, which is locked until the commit: positions have the order of commits.
    func nextPosition(for key: InklingKey) throws -> Int64 {
        let position = try first(
            """
            INSERT INTO mailboxes (public_key, last_position) VALUES (\(key.text), 1)
            ON CONFLICT (public_key) DO UPDATE SET last_position = mailboxes.last_position + 1
            RETURNING last_position
            """
        ) { try $0.integer() }
        guard let position else { throw InternalError("a mailbox gave no position") }
        return position
    }

    /// Takes away what is beyond the newest letters of a mailbox.
    func trimMailbox(of key: InklingKey, last: Int64) throws {
        let end = last - Inkling.mailboxLimit
        guard end > 0 else { return }
        try executeLater("DELETE FROM telegrams WHERE to_key = \(key.text) AND position <= \(end)")
        try executeLater("DELETE FROM postcards WHERE to_key = \(key.text) AND position <= \(end)")
    }

    func insertTelegram(_ telegram: Telegram, to key: InklingKey) throws {
        try executeLater(
            """
            INSERT INTO telegrams (to_key, position, id, from_key, content, content_nonce, sender_encryption_key,
                created_at)
            VALUES (\(key.text), \(telegram.position), \(telegram.id), \(telegram.sender.text), \(telegram.content),
                \(telegram.contentNonce), \(telegram.senderEncryptionKey), \(now))
            """)
    }

    /// Marks telegrams to a device as read.
    func markRead(_ positions: [Int64], of key: InklingKey) throws {
        try SQL.chunked(positions) { chunk in
            try executeLater(
                """
                UPDATE telegrams SET read_at = \(now)
                WHERE to_key = \(key.text) AND position \(in: chunk) AND read_at IS NULL
                """)
        }
    }

    func insertPostcard(_ postcard: Postcard) throws {
        try executeLater(
            """
            INSERT INTO postcards (id, to_key, position, from_key, image_data, width, height, caption, created_at)
            VALUES (\(postcard.id), \(postcard.recipient?.text ?? ""), \(postcard.position), \(postcard.sender.text),
                \(postcard.imageData), \(postcard.width), \(postcard.height), \(postcard.caption), \(now))
            """)
    }

    /// Takes away telegrams that were sent before an instant; returns how many.
    func deleteTelegrams(olderThan instant: Int64, limit: Int) throws -> Int {
        let old = try rows(
            """
            SELECT to_key, position FROM telegrams WHERE created_at < \(instant) ORDER BY created_at LIMIT \(limit)
            """
        ) { row in try (key: row.text(), position: row.integer()) }
        for (key, position) in old {
            try executeLater("DELETE FROM telegrams WHERE to_key = \(key) AND position = \(position)")
        }
        return old.count
    }

    /// Takes away the oldest postcards that were sent before an instant; returns how many.
    func deletePostcards(olderThan instant: Int64, limit: Int) throws -> Int {
        let oldest = try rows("SELECT id, created_at FROM postcards ORDER BY id LIMIT \(limit)") { row in
            try (id: row.text(), at: row.integer())
        }
        var gone = 0
        try SQL.chunked(oldest.filter { $0.at < instant }.map(\.id)) { chunk in
            gone += try execute("DELETE FROM postcards WHERE id \(in: chunk)")
        }
        return gone
    }
}
