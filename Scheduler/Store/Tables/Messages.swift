internal import Domain

extension Transaction {
    func insertMessage(from sender: MemberID, to recipient: MemberID, content: String) throws -> Int64 {
        try inserted(
            """
            INSERT INTO messages (sender_id, recipient_id, content, created_at)
            VALUES (\(sender.text), \(recipient.text), \(content), \(now)) RETURNING id
            """)
    }
}
