internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Postcards: drawings of black and white pixels, for one device or for all (CONTRACT 8).
enum Postcards {
    static let routes = [
        Route.signed(
            "/postcard", "sendPostcard", "Sends a drawing to a device, or to all: 10 a day.", .ok(sent),
            daily: .postcards, send),
        Route(
            .get, "/postcard", "listPostcards", "A device's postcards, or with public=true those for all.",
            query: [forAll.parameter, InklingShapes.keyParameter.parameter], postcards, list),
    ].tagged("Postcards")

    private struct NewPostcard: SignedPayload {
        let imageData: String
        let width: Int64
        let height: Int64
        let caption: String?
        let recipient: InklingKey?

        static let signed = Input {
            required("image_data", .utf8(1...10_000), "Base64 of the bitmap, or of its zlib stream.")
            required("width", .integer(Postcard.widths))
            required("height", .integer(Postcard.heights))
            optional("caption", .text(0...60))
            optional("to_public_key", InklingShapes.key)
        }
        .map { imageData, width, height, caption, recipient throws(FieldError) in
            guard isBitmap(imageData, width: width, height: height) else {
                throw FieldError(
                    "image_data", .invalid("must be base64 of a bitmap of this size: one bit a pixel, rows of bytes"))
            }
            return NewPostcard(
                imageData: imageData, width: width, height: height, caption: caption, recipient: recipient)
        }
        .signed
    }

    /// Whether it has one bit for each pixel, as it is or unpacked.
    private static func isBitmap(_ text: String, width: Int64, height: Int64) -> Bool {
        let sizes = Postcard.bytes(width: width, height: height)
        guard let bytes = Base64.decode(text), !bytes.isEmpty else { return false }
        if sizes.contains(bytes.count) { return true }
        return Zlib.inflate(bytes, limit: sizes.max() ?? 0).map { sizes.contains($0.count) } ?? false
    }

    private typealias Sent = (id: String, remaining: Int64)

    private static let sent = Shape<Sent> {
        field("postcard_id", .uuid) { $0.id }
        field("remaining_postcards", InklingShapes.count) { $0.remaining }
    }

    private static func send(_ call: Call, _ caller: SignedContext<NewPostcard>) -> Effect<Sent> {
        let new = caller.payload
        return Effect { tx in
            let id = tx.newUUID()
            try tx.send(
                Postcard(
                    id: id, position: nil, sender: caller.key, senderName: "", recipient: new.recipient,
                    imageData: new.imageData, width: new.width, height: new.height, caption: new.caption,
                    createdAt: tx.now))
            return (id, call.remaining)
        }
    }

    private static let forAll = InklingShapes.flag("public", "Those for all.")

    private static let postcards = PagedList(
        "postcards", of: InklingShapes.postcard, by: .text, limit: InklingShapes.limit
    ) { $0.id }

    private static func list(_ call: Call, _ anyone: PublicContext, _ page: Page<String>) async throws -> [Postcard] {
        let key = try call.query[forAll] ?? false ? nil : try call.askedInkling
        return try await call.database.read { tx in
            if let key { _ = try tx.knownInkling(key) }
            return try tx.postcards(to: key, before: page.after, limit: page.wanted)
        }
    }
}
