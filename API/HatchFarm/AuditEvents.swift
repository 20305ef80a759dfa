internal import Bytes
internal import Engine
internal import HTTPTypes
internal import Store

/// The audit log: who did what when, each event bound to the one before it by its hash (CONTRACT 5).
enum AuditEvents {
    static let routes = [
        Route(
            .get, "/audit/events", "listAuditEvents", "Your events, oldest first: a chain that anyone can verify.",
            query: [limit.parameter, offset.parameter], .ok(events), list)
    ].tagged("Audit")

    private static let limit = QueryParameter.capped(
        "limit", 1...500, "How many, 100 when absent; 500 at most are given.")
    private static let offset = QueryParameter.capped(
        "offset", 0...Int.max, "How many to pass over, of those that are kept.")

    private static let event = Shape<SealedEvent>("AuditEvent") {
        field("id", .string(pattern: "^aud_[0-9a-f]{16}$").example("aud_0123456789abcdef")) { $0.event.id }
        field("type", .string) { $0.event.type }
        field("actor", .string) { $0.event.actor }
        field("object_id", .string) { $0.event.object }
        field("metadata", .objectText) { $0.event.metadata }
        field("created_at", .instant) { $0.event.createdAt }
        field(
            "prev_hash", .hex(64...64),
            "64 zeros at the start of the chain; the checkpoint's `hash` where earlier events are gone."
        ) { $0.prevHash }
        field(
            "hash", .hex(64...64),
            "SHA-256 of `prev_hash` and the six fields above as canonical JSON: keys sorted, `, ` and `: `, ASCII."
        ) { $0.hash }
    }

    private typealias Events = (
        events: [SealedEvent], checkpoint: ChainCheckpoint?, limit: Int, offset: Int
    )

    private static let checkpoint = Shape<ChainCheckpoint>("AuditCheckpoint") {
        field("position", .integer(1...Int64.max), "How many events are gone.") { $0.position }
        field("hash", .hex(64...64), "The last one's: the `prev_hash` of the first that is left.") { $0.hash }
    }

    private static let events = Shape<Events> {
        field("events", .array(event, 0...500)) { $0.events }
        optionalField("checkpoint", checkpoint, "Absent while all events are kept.") { $0.checkpoint }
        field("limit", .integer(1...500)) { Int64($0.limit) }
        field("offset", .integer(0...Int64.max)) { Int64($0.offset) }
    }

    private static func list(_ call: Call, _ member: MemberContext) async throws -> Events {
        let query = try call.query
        let limit = try query[limit] ?? 100
        let offset = try query[offset] ?? 0
        let page = try await AuditChain(call.database)
            .page(of: member.owner, offset: Int64(offset), limit: Int64(limit))
        return (page.events, page.checkpoint, limit, offset)
    }
}
