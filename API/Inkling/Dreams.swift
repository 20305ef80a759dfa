internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Dreams: what devices tell everybody (CONTRACT 8).
enum Dreams {
    static let routes = [
        Route.signed(
            "/plant", "plantDream", "Tells everybody a dream: 20 a day.", .ok(planted),
            daily: .dreams, plant),
        Route(
            .get, "/fish", "fishDreams", "The newest dreams; each counts as fished once more.", query: list.parameters,
            .ok(caught), fish),
        Route.signed(
            "/fish", "fishAsDevice", "As GET, and tells which dreams are the device's own.", .ok(caught),
            daily: .fish, fishSigned),
    ].tagged("Dreams")

    // MARK: Planting

    private struct NewDream: SignedPayload {
        let content: String
        let mood: String?
        let face: String?

        static let signed = Input {
            required("content", InklingShapes.message)
            optional("mood", .text(1...64))
            optional("face", .text(1...64))
        }
        .map { content, mood, face throws(FieldError) in NewDream(content: content, mood: mood, face: face) }
        .signed
    }

    private typealias Planted = (id: String, remaining: Int64)

    private static let planted = Shape<Planted> {
        field("dream_id", .uuid) { $0.id }
        field("remaining_dreams", InklingShapes.count) { $0.remaining }
    }

    private static func plant(_ call: Call, _ caller: SignedContext<NewDream>) -> Effect<Planted> {
        let new = caller.payload
        return Effect { tx in
            let id = tx.newUUID()
            try tx.plantDream(
                Dream(
                    id: id, author: caller.key, authorName: "", content: new.content, mood: new.mood, face: new.face,
                    fishCount: 0, createdAt: tx.now))
            return (id, call.remaining)
        }
    }

    // MARK: Fishing

    private static let most = 50

    private struct Cast: SignedPayload {
        let limit: Int
        let before: String?

        static let signed = Input {
            optional("limit", .integer(1...Int64.max), default: 10)
            optional("cursor", .string)
        }
        .map { limit, cursor throws(FieldError) in
            let before = try cursor.map { text throws(FieldError) in try list.cursor.read(text) }
            return Cast(limit: Int(min(limit, Int64(most))), before: before)
        }
        .signed
    }

    private struct Caught: Sendable {
        let dreams: [ShownDream]
        let next: String?
    }

    private struct ShownDream: Sendable {
        let dream: Dream
        /// Who looks; nil when that isn't known.
        let viewer: InklingKey?
    }

    private static let dream = Shape<ShownDream>("Dream") {
        field("id", .uuid) { $0.dream.id }
        field("content", .string) { $0.dream.content }
        field("mood", .nullable(.string)) { $0.dream.mood }
        field("face", .nullable(.string)) { $0.dream.face }
        field("author_name", .string) { $0.dream.authorName }
        field("author_public_key", InklingShapes.key) { $0.dream.author }
        field("fish_count", InklingShapes.count) { $0.dream.fishCount }
        field("created_at", .instant) { $0.dream.createdAt }
        optionalField("is_yours", .boolean) { shown in shown.viewer.map { $0 == shown.dream.author } }
    }

    private static let caught = Shape<Caught> {
        field("dreams", .array(dream)) { $0.dreams }
        field("count", InklingShapes.count) { Int64($0.dreams.count) }
        field("next_cursor", .nullable(.string)) { $0.next }
    }

    private static let list = PagedList(
        "dreams", of: dream, by: .text,
        limit: .capped("limit", 1...most, "How many, 10 when absent; at most 50."), default: 10
    ) { $0.dream.id }

    private static func fish(_ call: Call, _ anyone: PublicContext) async throws -> Caught {
        let page = try call.page(of: list)
        return try await call.database.write { try fish($0, before: page.after, limit: page.limit, by: nil) }
    }

    private static func fishSigned(_ call: Call, _ caller: SignedContext<Cast>) -> Effect<Caught> {
        Effect { try fish($0, before: caller.payload.before, limit: caller.payload.limit, by: caller.key) }
    }

    private static func fish(
        _ tx: Transaction, before id: String?, limit: Int, by viewer: InklingKey?
    ) throws -> Caught {
        let (dreams, hasMore) = try tx.fishDreams(before: id, limit: limit)
        let shown = dreams.map { ShownDream(dream: $0, viewer: viewer) }
        return Caught(dreams: shown, next: list.page(shown, next: hasMore ? dreams.last?.id : nil).next)
    }
}
