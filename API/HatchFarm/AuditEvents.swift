internal import Bytes
internal import Engine
internal import HTTPTypes
internal import Store

/// The audit log: who did what when, each event bound to the one before it by its hash (CONTRACT 5).
enum AuditEvents {
    static let routes: [Route] = [
        .get(
            "/audit/events", "listAuditEvents", "Your events, oldest first: a chain that anyone can verify.",
            tag: "Audit",
            query: [
                .init("limit", .integer(1...Int64.max), "How many, 100 when absent; 500 at most are given."),
                .init("offset", .integer(0...Int64.max), "How many to pass over."),
            ],
            answers: [
                .ok(
                    .data(
                        .object(
                            .required("events", .array(schema, 0...500)), .required("limit", .integer(1...500)),
                            .required("offset", .integer(0...Int64.max)))))
            ], list)
    ]

    private static let schema = Schema.named(
        "AuditEvent",
        .object(
            .required("id", .identifier("aud")), .required("type", .string()), .required("actor", .string()),
            .required("object_id", .string()), .required("metadata", .anyObject), .required("created_at", .instant),
            .required("prev_hash", .string(64...64), "64 zeros at the start of the chain."),
            .required(
                "hash", .string(64...64),
                "SHA-256 of `prev_hash` and the six fields above as canonical JSON: keys sorted, `, ` and `: `, ASCII."
            )))

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let query = try call.query
        let limit = try query.integer("limit", cappedTo: 1...500, default: 100)
        let offset = try query.integer("offset", cappedTo: 0...Int.max, default: 0)
        let events = try await AuditChain(call.dependencies.database)
            .events(of: member.owner, offset: Int64(offset), limit: Int64(limit))
        return .data { writer in
            writer.beginObject()
            writer.key("events")
            writer.beginArray()
            for event in events { write(event, to: &writer) }
            writer.endArray()
            writer.field("limit", limit)
            writer.field("offset", offset)
            writer.endObject()
        }
    }

    private static func write(_ event: SealedEvent, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", event.id)
        writer.field("type", event.type)
        writer.field("actor", event.actor)
        writer.field("object_id", event.object)
        writer.key("metadata")
        writer.raw(event.metadata)
        writer.field("created_at", instant: event.createdAt)
        writer.field("prev_hash", event.prevHash)
        writer.field("hash", event.hash)
        writer.endObject()
    }
}
