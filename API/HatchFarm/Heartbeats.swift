internal import Bus
internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

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

    private static let nextMilliseconds: Int64 = 30_000
    private static let pendingShown: Int64 = 100

    /// How long a nonce is kept, in milliseconds. A timestamp is good for 180 s; the rest is so that a clock set back
    /// by ten minutes makes no message good again whose nonce is gone.
    private static let nonceLifetime: Int64 = 900_000

    static func beat(_ call: Call, _ context: PublicContext) async throws -> Reply {
        let heartbeat = try await Heartbeat(call)
        let dependencies = call.dependencies
        // The time is the database's, and the credential has to be read there anyway: one snapshot tells both.
        let owner = try await dependencies.database.read { tx in
            try heartbeat.checkClock(tx.now)
            let owner = try heartbeat.authenticate(tx.machineCredential(heartbeat.worker))
            try tx.checkConsent(worker: heartbeat.worker, policy: heartbeat.policy)
            return owner
        }
        try await askRedis(heartbeat, dependencies)
        let (cancelled, now, pending) = try await dependencies.database.write { tx in
            // Time may have passed while this waited.
            try heartbeat.checkClock(tx.now)
            let cancelled = try tx.heartbeat(
                worker: heartbeat.worker, owner: owner, policy: heartbeat.policy, nonce: heartbeat.nonce,
                nonceLifetime: nonceLifetime, metrics: heartbeat.metrics)
            return (cancelled, tx.now, try tx.pendingJobs(atMost: Int(pendingShown)))
        }
        return .data { writer in
            writer.beginObject()
            writer.field("worker_id", heartbeat.worker.text)
            writer.field("accepted", true)
            writer.field("next_heartbeat_ms", nextMilliseconds)
            writer.field("server_time", instant: now)
            writer.key("cancelled")
            writer.beginArray()
            for id in cancelled.sorted() { writer.string(id.text) }
            writer.endArray()
            writer.field("pending_jobs", pending)
            writer.endObject()
        }
    }

    /// Redis comes first (CONTRACT 5): while it is down no heartbeat is taken, unless the operator wants it so.
    ///
    /// What it has seen is settled by SQL, which has every nonce that was ever spent. A reservation alone may be of a
    /// heartbeat that came to nothing (SQL was down, or Redis obeyed only after we had given up on it), and that one
    /// was told that nothing happened, so it may come again. So a reservation need never be taken back, and when two
    /// hold the same nonce at once the row in SQL lets one pass.
    private static func askRedis(_ heartbeat: Heartbeat, _ dependencies: Dependencies) async throws {
        guard let redis = dependencies.redis else { return }
        let (worker, nonce) = (heartbeat.worker.text, heartbeat.nonce)
        do {
            if try await redis.reserve("hatchfarm:nonce:\(worker):\(nonce)", milliseconds: nonceLifetime) { return }
        } catch RedisError.unavailable where dependencies.configuration.redisNonceFallback {
            return dependencies.nonceFallback.use()
        }
        guard try await !dependencies.database.read({ try $0.isSpent(nonce, scope: worker) }) else {
            throw Refusal.nonceSeen
        }
    }
}

/// A heartbeat whose every part is there.
private struct Heartbeat: Sendable {
    let worker: MachineID
    let policy: PolicyID
    let nonce: String
    let metrics: String?
    private let token: String
    /// As it was written: the signature covers the text.
    private let timestamp: String
    private let sentAt: Int64
    private let signature: String

    private static let skewAllowed: Int64 = 90_000
    private static let metricsLimit = 65_536

    init(_ call: Call) async throws {
        let body = try await call.body()
        guard let token = call.header(.machineToken), !token.isEmpty else {
            throw Problem(.badRequest, "missing_header", "X-Machine-Token is required", field: "X-Machine-Token")
        }
        var fields = try body.fields()
        timestamp = try fields.text("timestamp", 1...64)
        nonce = try fields.text("nonce", 1...128)
        policy = PolicyID(try fields.text("policy_id", 1...128))
        metrics = try Self.metrics(&fields)
        signature = try fields.text("signature", 1...128)
        try fields.end()
        guard let sentAt = RFC3339.parse(timestamp) else {
            throw FieldError("timestamp", .invalid("must be an RFC 3339 time, as 2026-01-31T12:00:00Z"))
        }
        self.sentAt = sentAt
        self.token = token
        worker = call.parameter("worker", as: MachineID.self)
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

    func checkClock(_ now: Int64) throws(Refusal) {
        let skew = sentAt - now
        guard skew.magnitude <= Self.skewAllowed.magnitude else { throw .clockSkew(milliseconds: skew) }
    }

    /// The owner of the machine, if there is one with this token and the token signed this.
    func authenticate(_ machine: MachineCredential?) throws(Refusal) -> OwnerID {
        let message = Array("\(worker)|\(timestamp)|\(nonce)|\(policy)".utf8)
        guard let machine, constantTimeEqual(machine.tokenHash, SHA256.hex(token)),
            let tag = Base64.decode(signature),
            HMACSHA256.verify(tag, key: Array(token.utf8), message: message)
        else { throw .invalidHeartbeatAuth }
        return machine.owner
    }
}
