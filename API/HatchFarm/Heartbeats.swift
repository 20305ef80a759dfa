internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes

/// A worker's sign of life. It keeps no lease: an outage of Redis, which stops heartbeats, loses no job
/// (CONTRACT 5, PROMISES 0.3).
enum Heartbeats {
    static let routes: [Route] = [
        .post(
            "/workers/{worker}/heartbeat", "heartbeat", "Says that a worker lives, signed with its machine token.",
            tag: "Workers",
            headers: [.init("X-Machine-Token", .string(1...256), "The machine's token.", isRequired: true)],
            body: .object(
                .required("timestamp", .string(1...64, format: "date-time"), "Within 90 s of our clock."),
                .required("nonce", .string(1...128), "Never used before."),
                .required("policy_id", .string(1...128), "A policy that the worker has consented to."),
                .optional("metrics", .nullable(.anyObject), "Anything, up to 64 KiB."),
                .required("signature", .signature, "Over `worker_id|timestamp|nonce|policy_id`.")),
            answers: [
                .ok(
                    .data(
                        .object(
                            .required("worker_id", .identifier("wrk")), .required("accepted", .constant(true)),
                            .required("next_heartbeat_ms", .integer(1...3_600_000)), .required("server_time", .instant),
                            .required("cancelled", .array(.string()), "Jobs to stop."),
                            .required(
                                "pending_jobs", .integer(0...pendingShown),
                                "How many jobs wait for some worker: a hint, counted up to \(pendingShown)."))))
            ],
            // It checks its own credential, in its own order.
            metering: .failures, beat)
    ]

    private static let pendingShown = HeartbeatReceiver.pendingShown

    static func beat(_ call: Call, _ context: PublicContext) async throws -> Reply {
        let answer = try await call.dependencies.heartbeats.receive(Heartbeat(call))
        return .data { writer in
            writer.beginObject()
            writer.field("worker_id", call.parameter("worker"))
            writer.field("accepted", true)
            writer.field("next_heartbeat_ms", HeartbeatReceiver.nextMilliseconds)
            writer.field("server_time", instant: answer.now)
            writer.key("cancelled")
            writer.beginArray()
            for id in answer.cancelled { writer.string(id.text) }
            writer.endArray()
            writer.field("pending_jobs", answer.pendingJobs)
            writer.endObject()
        }
    }
}

extension Heartbeat {
    private static let metricsLimit = 65_536

    init(_ call: Call) async throws {
        let body = try await call.body()
        guard let token = call.header(.machineToken), !token.isEmpty else {
            throw Problem(.badRequest, "missing_header", "X-Machine-Token is required", field: "X-Machine-Token")
        }
        var fields = try body.fields()
        let timestamp = try fields.text("timestamp", 1...64)
        let nonce = try fields.text("nonce", 1...128)
        let policy = PolicyID(try fields.text("policy_id", 1...128))
        let metrics = try Self.metrics(&fields)
        let signature = try fields.text("signature", 1...128)
        try fields.end()
        guard let sentAt = RFC3339.parse(timestamp) else {
            throw FieldError("timestamp", .invalid("must be an RFC 3339 time, as 2026-01-31T12:00:00Z"))
        }
        self.init(
            worker: call.parameter("worker", as: MachineID.self), policy: policy, nonce: nonce, metrics: metrics,
            token: token, timestamp: timestamp, sentAt: sentAt, signature: signature)
    }

    private static func metrics(_ fields: inout Fields) throws(FieldError) -> String? {
        guard let metrics = fields.optionalRaw("metrics"), !metrics.isNull else { return nil }
        guard metrics.members != nil else { throw fields.error("metrics", .wrongType(expected: "an object")) }
        let text = metrics.text(.compact)
        guard text.utf8.count <= metricsLimit else {
            throw fields.error("metrics", .outOfRange("at most \(metricsLimit) bytes"))
        }
        return text
    }
}
