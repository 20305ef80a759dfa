internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Telegrams: what one device tells another; the server can't read it (CONTRACT 8).
enum Telegrams {
    static let routes = [
        Route.signed(
            "/telegram", "sendTelegram", "Sends an encrypted telegram: 50 a day.", .ok(sent),
            daily: .telegrams, send),
        Route(
            .get, "/telegram", "listTelegrams", "A device's telegrams, the newest first; marks nothing.",
            query: [InklingShapes.keyParameter.parameter], telegrams, list),
        Route.signed(
            "/telegram/inbox", "readTelegrams", "The device's unread telegrams, the oldest first, read from now on.",
            .ok(inbox), daily: .inbox, read),
    ].tagged("Telegrams")

    private struct NewTelegram: SignedPayload {
        let recipient: InklingKey
        let content: String
        let nonce: String
        let encryptionKey: String?

        static let signed = Input {
            required("to_public_key", InklingShapes.key)
            required("encrypted_content", encrypted)
            required("content_nonce", .hex(1...128))
            optional("sender_encryption_key", .visible(1...128))
        }
        .map { recipient, content, nonce, encryptionKey throws(FieldError) in
            NewTelegram(recipient: recipient, content: content, nonce: nonce, encryptionKey: encryptionKey)
        }
        .signed
    }

    /// Base64 of either alphabet; its bytes are the devices' own affair.
    private static let encrypted = Format<String>.checked(.string(1...10_000, pattern: "^[A-Za-z0-9+/_=-]+$")) {
        text throws(FieldError) in
        guard (1...10_000).contains(text.utf8.count) else { throw .outOfRange("1 to 10000 characters long") }
        let isBase64 = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "+/_-=".utf8.contains(byte)
            }
        }
        guard isBase64 else { throw .invalid("must be base64") }
    }

    private typealias Sent = (id: String, remaining: Int64)

    private static let sent = Shape<Sent> {
        field("telegram_id", .uuid) { $0.id }
        field("remaining_telegrams", InklingShapes.count) { $0.remaining }
    }

    private static func send(_ call: Call, _ caller: SignedContext<NewTelegram>) -> Effect<Sent> {
        let new = caller.payload
        return Effect { tx in
            let id = tx.newUUID()
            let telegram = Telegram(
                id: id, position: 0, sender: caller.key, senderName: "", content: new.content,
                contentNonce: new.nonce, senderEncryptionKey: new.encryptionKey, readAt: nil, createdAt: tx.now)
            try tx.send(telegram, to: new.recipient)
            return (id, call.remaining)
        }
    }

    private static let telegrams = PagedList(
        "telegrams", of: InklingShapes.telegram, by: .integer, limit: InklingShapes.limit
    ) { $0.position }

    private static func list(_ call: Call, _ anyone: PublicContext, _ page: Page<Int64>) async throws -> [Telegram] {
        let key = try call.askedInkling
        return try await call.database.read { tx in
            _ = try tx.knownInkling(key)
            return try tx.telegrams(to: key, before: page.after, limit: page.wanted)
        }
    }

    // MARK: The inbox

    private struct Glance: SignedPayload {
        let limit: Int

        static let signed = Input {
            optional("limit", .integer(1...Int64.max), default: 50)
        }
        .map { (limit: Int64) throws(FieldError) in Glance(limit: Int(min(limit, 100))) }
        .signed
    }

    private typealias Inbox = (telegrams: [Telegram], hasMore: Bool)

    private static let inbox = Shape<Inbox> {
        field("telegrams", .array(InklingShapes.telegram)) { $0.telegrams }
        field("has_more", .boolean) { $0.hasMore }
    }

    private static func read(_ call: Call, _ caller: SignedContext<Glance>) -> Effect<Inbox> {
        Effect { try $0.readTelegrams(of: caller.key, limit: caller.payload.limit) }
    }
}
