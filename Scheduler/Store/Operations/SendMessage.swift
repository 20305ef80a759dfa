package import Domain

extension Transaction {
    /// Sends a message, and tells its recipient.
    ///
    /// Throws `Refusal.membersOnly`, `.notFound`, `.invalid` for a message to oneself.
    package func sendMessage(
        to name: String, by sender: MemberID, actor: String, content: String
    ) throws -> Message {
        guard let senderName = try callName(of: sender) else { throw Refusal.membersOnly }
        guard let recipient = try memberID(named: name), let recipientName = try callName(of: recipient) else {
            throw Refusal.notFound("user")
        }
        guard recipient != sender else {
            throw Refusal.invalid(field: "to_handle", message: "You can't send a message to yourself")
        }
        let id = try insertMessage(from: sender, to: recipient, content: content)
        try notify(.newMessage, to: recipient, by: sender, bounty: nil)
        try record(
            Event(
                owner: OwnerID(sender.text), type: .messageSent, actor: actor, object: String(id),
                metadata: "{\"recipient_id\":\"\(recipient.text)\"}"))
        return Message(
            id: id, content: content, senderHandle: senderName, recipientHandle: recipientName, createdAt: now)
    }
}
