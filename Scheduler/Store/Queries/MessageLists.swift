package import Domain

extension Transaction {
    /// What a member sent and got, the newest first, what is before `before`.
    package func messages(of member: MemberID, before: Int64?, limit: Int) throws -> [Message] {
        let before = before ?? .max
        var found = try rows(
            """
            SELECT id, content, sender_id, recipient_id, created_at FROM (
                SELECT * FROM (
                    SELECT id, sender_id, recipient_id, content, created_at FROM messages
                    WHERE sender_id = \(member.text) AND id < \(before) ORDER BY id DESC LIMIT \(limit)) AS sent
                UNION ALL
                SELECT * FROM (
                    SELECT id, sender_id, recipient_id, content, created_at FROM messages
                    WHERE recipient_id = \(member.text) AND id < \(before) ORDER BY id DESC LIMIT \(limit)) AS got
            ) AS page
            ORDER BY id DESC LIMIT \(limit)
            """
        ) { row in
            try Message(
                id: row.integer(), content: row.text(), senderHandle: row.text(), recipientHandle: row.text(),
                createdAt: row.integer())
        }
        try putHandles(in: &found) { message, handle in
            message.senderHandle = handle(message.senderHandle)
            message.recipientHandle = handle(message.recipientHandle)
        }
        return found
    }
}
