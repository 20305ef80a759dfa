internal import Bytes
internal import Domain
internal import Store

/// What several nouns of small devices share (CONTRACT 8).
enum InklingShapes {
    /// A public key, of either case; lower case from here on.
    static let key = Format<String>.hex(64...64).map {
        InklingKey($0.lowercased())
    } from: {
        $0.text
    }

    static let name = Format<String>.text(1...64)
    static let message = Format<String>.text(1...280)
    static let count = Format<Int64>.integer(0...Int64.max)

    static let keyParameter = QueryParameter<InklingKey>("public_key", key.schema, "The device.") {
        text throws(FieldError) in
        try key.read(.string(text))
    }

    /// `true` or `false`.
    static func flag(_ name: String, _ note: String) -> QueryParameter<Bool> {
        QueryParameter(name, .boolean, note) { text throws(FieldError) in
            guard let value = ["true": true, "false": false][text] else { throw .invalid("must be true or false") }
            return value
        }
    }

    static let limit = QueryParameter<Int>.capped("limit", 1...100, "How many, 50 when absent; at most 100.")

    // MARK: Mail

    static let telegram = Shape<Telegram>("Telegram") {
        field("id", .uuid) { $0.id }
        field("position", count, "Of the device's mail, which its socket tells from.") { $0.position }
        field("from_name", .string) { $0.senderName }
        field("from_public_key", key) { $0.sender }
        field("encrypted_content", .string) { $0.content }
        field("content_nonce", .string) { $0.contentNonce }
        field("sender_encryption_key", .nullable(.string)) { $0.senderEncryptionKey }
        field("read_at", .nullable(.instant)) { $0.readAt }
        field("created_at", .instant) { $0.createdAt }
    }

    static let postcard = Shape<Postcard>("Postcard") {
        field("id", .uuid) { $0.id }
        field("position", .nullable(count), "Of the device's mail; null when it is for all.") { $0.position }
        field("from_name", .string) { $0.senderName }
        field("from_public_key", key) { $0.sender }
        field("to_public_key", .nullable(key)) { $0.recipient }
        field("image_data", .string) { $0.imageData }
        field("width", .integer(Postcard.widths)) { $0.width }
        field("height", .integer(Postcard.heights)) { $0.height }
        field("caption", .nullable(.string)) { $0.caption }
        field("created_at", .instant) { $0.createdAt }
    }
}

extension Call {
    /// The device that the query names. Throws `FieldError`.
    var askedInkling: InklingKey {
        get throws {
            guard let key = try query[InklingShapes.keyParameter] else { throw FieldError("public_key", .missing) }
            return key
        }
    }
}
