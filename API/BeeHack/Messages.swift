internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What users say to one another, and only the two of them read (CONTRACT 7).
enum Messages {
    static let routes = [
        Route(
            .post, "/messages", "sendMessage", "Sends a message to a user, who is told. 1,000 a day.",
            body: newMessage, .created(message), quotas: [.daily("messages", 1_000)], send),
        Route(
            .get, "/messages", "listMessages", "What you sent and got, newest first.", messages, list),
    ].tagged("Messages")

    private static let newMessage = Input {
        required("to_handle", .text(1...128))
        required("content", .content)
    }

    private static let message = Shape<Message>("BeeHackMessage") {
        field("id", .decimalID) { $0.id }
        field("content", .content) { $0.content }
        field("created_at", .instant) { $0.createdAt }
        field("sender_handle", .handleOrID) { $0.senderHandle }
        field("recipient_handle", .handleOrID) { $0.recipientHandle }
    }

    private static let messages = PagedList(
        "items", of: message, by: .decimalID, limit: .clamped(default: 10), default: 10
    ) { $0.id }

    private static func send(
        _ call: Call, _ member: MemberContext, _ body: (String, String)
    ) -> Effect<Message> {
        let (name, content) = body
        return Effect(for: member.owner) { tx in
            try tx.sendMessage(
                to: name, by: member.memberID, actor: member.actor, content: content)
        }
    }

    private static func list(_ call: Call, _ member: MemberContext, _ page: Page<Int64>) async throws -> [Message] {
        try await call.database.read { tx in
            try tx.messages(of: member.memberID, before: page.after, limit: page.wanted)
        }
    }
}
