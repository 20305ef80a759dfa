package import Domain

extension Transaction {
    /// A device's telegrams, the newest first: those before a position.
    package func telegrams(to key: InklingKey, before position: Int64?, limit: Int) throws -> [Telegram] {
        try telegrams(
            """
            to_key = \(key.text) AND position < \(position ?? .max) ORDER BY position DESC LIMIT \(limit)
            """)
    }

    /// A device's telegrams that it hasn't read, the oldest first.
    func unreadTelegrams(to key: InklingKey, limit: Int) throws -> [Telegram] {
        try telegrams("to_key = \(key.text) AND read_at IS NULL ORDER BY position LIMIT \(limit)")
    }

    private func telegrams(_ condition: SQL) throws -> [Telegram] {
        try rows(
            """
            SELECT telegrams.id, position, from_key, name, content, content_nonce, sender_encryption_key, read_at,
                telegrams.created_at
            FROM telegrams JOIN inklings ON public_key = from_key
            WHERE \(sql: condition)
            """
        ) { row in
            try Telegram(
                id: row.text(), position: row.integer(), sender: InklingKey(row.text()), senderName: row.text(),
                content: row.text(), contentNonce: row.text(), senderEncryptionKey: row.optionalText(),
                readAt: row.optionalInteger(), createdAt: row.integer())
        }
    }

    /// Postcards to a device, or those to all, the newest first: what is before an id.
    package func postcards(to key: InklingKey?, before id: String?, limit: Int) throws -> [Postcard] {
        try postcards(
            """
            to_key = \(key?.text ?? "") AND postcards.id < \(id ?? Self.afterAllIDs)
            ORDER BY postcards.id DESC LIMIT \(limit)
            """)
    }

    private func postcards(_ condition: SQL) throws -> [Postcard] {
        try rows(
            """
            SELECT postcards.id, position, from_key, name, to_key, image_data, width, height, caption,
                postcards.created_at
            FROM postcards JOIN inklings ON public_key = from_key
            WHERE \(sql: condition)
            """
        ) { row in
            let (id, position) = try (row.text(), row.optionalInteger())
            let (sender, name, recipient) = try (InklingKey(row.text()), row.text(), row.text())
            return try Postcard(
                id: id, position: position, sender: sender, senderName: name,
                recipient: recipient.isEmpty ? nil : InklingKey(recipient), imageData: row.text(),
                width: row.integer(), height: row.integer(), caption: row.optionalText(), createdAt: row.integer())
        }
    }

    // MARK: Sockets

    /// Where a device's mail begins and ends: `oldest` is one more than `last` when there is none.
    package func mailBounds(of key: InklingKey) throws -> (oldest: Int64, last: Int64) {
        let last = try lastPosition(of: key)
        let telegram = try first(
            "SELECT position FROM telegrams WHERE to_key = \(key.text) ORDER BY position LIMIT 1"
        ) { try $0.integer() }
        let postcard = try first(
            "SELECT position FROM postcards WHERE to_key = \(key.text) ORDER BY position LIMIT 1"
        ) { try $0.integer() }
        return (min(telegram ?? last + 1, postcard ?? last + 1), last)
    }

    /// What an open socket of a device has to know: where its mail ends, and whether it may be there at all.
    package func mailEnd(of key: InklingKey) throws -> (last: Int64, isBanned: Bool) {
        let isBanned = try first("SELECT is_banned FROM inklings WHERE public_key = \(key.text)") { try $0.bool() }
        return (try lastPosition(of: key), isBanned ?? true)
    }

    private func lastPosition(of key: InklingKey) throws -> Int64 {
        try first("SELECT last_position FROM mailboxes WHERE public_key = \(key.text)") { try $0.integer() } ?? 0
    }

    /// A device's telegrams and postcards after a position, in the order of positions.
    /// - Parameter last: a position that `mailEnd` gave: all up to it are committed, so that neither of the two
    ///   statements misses what the other one's successor shows.
    package func mail(
        of key: InklingKey, after position: Int64, upTo last: Int64, limit: Int
    ) throws -> [InklingMail] {
        let telegrams = try telegrams(
            """
            to_key = \(key.text) AND position > \(position) AND position <= \(last)
            ORDER BY position LIMIT \(limit)
            """)
        let postcards = try postcards(
            """
            to_key = \(key.text) AND position > \(position) AND position <= \(last)
            ORDER BY position LIMIT \(limit)
            """)
        let both = telegrams.map { InklingMail.telegram($0) } + postcards.map { InklingMail.postcard($0) }
        return Array(both.sorted { $0.position < $1.position }.prefix(limit))
    }
}
