internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Wire

/// A worker's sign of life. It keeps no lease: an outage of Redis, which stops heartbeats, loses no job
/// (CONTRACT 5, PROMISES 0.3).
enum Heartbeats {
    static let routes = [
        Route(
            .post, "/workers/{worker}/heartbeat", "heartbeat",
            "Says that a worker lives, signed with its machine token.", body: signs, .ok(answer), beat)
    ].tagged("Workers")

    /// What a heartbeat says.
    struct Signs: Sendable {
        /// As it was written: the signature covers the text.
        let timestamp: String
        let sentAt: Int64
        let nonce: String
        let policy: PolicyID
        let metrics: String?
        let signature: String
    }

    private static let signs = Input {
        required("timestamp", timestamp, "Within 90 s of the server's clock.")
        required("nonce", .text(WireLimits.wordCharacters), "Never used before.")
        required("policy_id", Format<PolicyID>.id(), "A policy that the worker has consented to.")
        optional("metrics", metrics, "Anything, up to 64 KiB.")
        required("signature", .signature, "Over `worker_id|timestamp|nonce|policy_id`.")
    }
    .map { timestamp, nonce, policy, metrics, signature throws(FieldError) in
        guard let sentAt = RFC3339.parse(timestamp) else {
            throw FieldError("timestamp", .invalid("must be an RFC 3339 time, as 2026-01-31T12:00:00Z"))
        }
        return Signs(
            timestamp: timestamp, sentAt: sentAt, nonce: nonce, policy: policy, metrics: metrics,
            signature: signature)
    }

    /// As text, and a time only when all else is there (CONTRACT 5: what is missing is told first).
    private static let timestamp = Input(Format.instant.schema) { json throws(FieldError) in
        try Format.text(WireLimits.timestampCharacters).read(json)
    }

    private static let metrics = Input(.anyObject) { json throws(FieldError) in
        let text = try Format.anyObject.read(json).text(.compact)
        guard WireLimits.metricsBytes.contains(text.utf8.count) else { throw .outOfRange("at most 65536 bytes") }
        return text
    }

    private typealias Beat = (worker: MachineID, answer: HeartbeatReceiver.Answer)

    private static let answer = Shape<Beat> {
        field("worker_id", .id("wrk")) { $0.worker }
        constant("accepted", true)
        field("next_heartbeat_ms", .integer(1...3_600_000)) { _ in HeartbeatReceiver.nextMilliseconds }
        field("server_time", .instant) { $0.answer.now }
        field("cancelled", .array(.id()), "Jobs to stop.") { $0.answer.cancelled }
        field(
            "pending_jobs", .integer(0...HeartbeatReceiver.pendingShown),
            "How many jobs wait for some worker: a hint, counted up to \(HeartbeatReceiver.pendingShown)."
        ) { $0.answer.pendingJobs }
    }

    private static func beat(_ call: Call, _ signer: HeartbeatContext, _ signs: Signs) async throws -> Beat {
        let worker = try call.parameter("worker", as: MachineID.self)
        let heartbeat = Heartbeat(
            worker: worker, policy: signs.policy, nonce: signs.nonce, metrics: signs.metrics, token: signer.token,
            timestamp: signs.timestamp, sentAt: signs.sentAt, signature: signs.signature)
        return (worker, try await call.dependencies.heartbeats.receive(heartbeat))
    }
}

/// A machine's token that has still to be checked, with the signature and in the order that heartbeats are checked in.
struct HeartbeatContext: CallContext {
    static let authentication = Authentication.machineToken.metered(.failures)

    let token: String

    static func admit(_ call: Call) throws -> HeartbeatContext {
        guard let token = call.header(.machineToken), !token.isEmpty else {
            throw Problem(.badRequest, "missing_header", "X-Machine-Token is required", field: "X-Machine-Token")
        }
        return HeartbeatContext(token: token)
    }
}
