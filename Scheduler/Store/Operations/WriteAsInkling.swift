package import Domain

extension Transaction {
    package func plantDream(_ dream: Dream) throws { try insertDream(dream) }

    /// The newest dreams before one, each counted as shown, and whether there are more.
    package func fishDreams(before id: String?, limit: Int) throws -> (dreams: [Dream], hasMore: Bool) {
        let ids = try countNewestDreams(before: id, limit: limit)
        guard let last = ids.last else { return ([], false) }
        return (try dreams(ids), try hasDream(before: last))
    }

    /// Sends a telegram; its position is found here.
    ///
    /// Throws `Refusal.notFound`, `.invalid` for one to oneself.
    package func send(_ telegram: Telegram, to key: InklingKey) throws {
        guard key != telegram.sender else {
            throw Refusal.invalid(field: "to_public_key", message: "You can't send a telegram to yourself")
        }
        _ = try knownInkling(key)
        var telegram = telegram
        telegram.position = try nextPosition(for: key)
        try insertTelegram(telegram, to: key)
        try trimMailbox(of: key, last: telegram.position)
        wake(InklingTopic.mail(key))
    }

    /// Sends a postcard to a device, or to all.
    ///
    /// Throws `Refusal.notFound`, `.invalid` for one to oneself.
    package func send(_ postcard: Postcard) throws {
        guard let key = postcard.recipient else { return try insertPostcard(postcard) }
        guard key != postcard.sender else {
            throw Refusal.invalid(field: "to_public_key", message: "You can't send a postcard to yourself")
        }
        _ = try knownInkling(key)
        var postcard = postcard
        let position = try nextPosition(for: key)
        postcard.position = position
        try insertPostcard(postcard)
        try trimMailbox(of: key, last: position)
        wake(InklingTopic.mail(key))
    }

    /// A device's oldest unread telegrams, read from now on, and whether there are more.
    package func readTelegrams(of key: InklingKey, limit: Int) throws -> (telegrams: [Telegram], hasMore: Bool) {
        var found = try unreadTelegrams(to: key, limit: limit + 1)
        let hasMore = found.count > limit
        if hasMore { found.removeLast() }
        try markRead(found.map(\.position), of: key)
        for index in found.indices { found[index].readAt = now }
        return (found, hasMore)
    }
}
