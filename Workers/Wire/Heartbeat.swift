package import Bytes
package import Domain

/// `POST workers/{id}/heartbeat` (CONTRACT 5).
package struct HeartbeatRequest: Sendable, Equatable {
    /// RFC 3339, as sent: the signature covers the text.
    package let timestamp: String
    /// The same, milliseconds since 1970.
    package let sentAt: Int64
    package var nonce: String
    package var policyID: PolicyID
    /// Any object.
    package var metrics: JSON?
    /// The signature of `SignedMessage.heartbeat`, with the machine token as its key.
    package var signature: String

    /// A signed request.
    package init(
        workerID: MachineID, machineToken: String, sentAt: Int64, nonce: String, policyID: PolicyID, metrics: JSON?
    ) {
        self.timestamp = RFC3339.format(sentAt)
        self.sentAt = sentAt
        self.nonce = nonce
        self.policyID = policyID
        self.metrics = metrics
        self.signature = SignedMessage.heartbeat(
            worker: workerID, timestamp: timestamp, nonce: nonce, policy: policyID
        ).signature(key: machineToken)
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.timestamp = try fields.text("timestamp", characters: WireLimits.timestampCharacters)
        self.nonce = try fields.text("nonce", characters: WireLimits.wordCharacters)
        self.policyID = PolicyID(try fields.text("policy_id", characters: WireLimits.wordCharacters))
        self.metrics = try Self.metrics(&fields)
        self.signature = try fields.text("signature", characters: WireLimits.wordCharacters)
        try fields.end()
        self.sentAt = try fields.instant(timestamp, of: "timestamp")
    }

    private static func metrics(_ fields: inout Fields) throws(FieldError) -> JSON? {
        guard let metrics = fields.optionalRaw("metrics"), !metrics.isNull else { return nil }
        guard metrics.members != nil else { throw fields.error("metrics", .wrongType(expected: "an object")) }
        guard WireLimits.metricsBytes.contains(metrics.bytes(.compact).count) else {
            throw fields.error("metrics", .outOfRange("at most \(WireLimits.metricsBytes.upperBound) bytes"))
        }
        return metrics
    }

    package var json: JSON {
        object([
            ("timestamp", .string(timestamp)), ("nonce", .string(nonce)), ("policy_id", .string(policyID.text)),
            ("metrics", metrics), ("signature", .string(signature)),
        ])
    }

    /// Whether it is signed by a machine with this id and token.
    package func isSigned(by workerID: MachineID, token: String) -> Bool {
        SignedMessage.heartbeat(worker: workerID, timestamp: timestamp, nonce: nonce, policy: policyID)
            .isSigned(signature, key: token)
    }
}

package struct HeartbeatReply: Sendable, Equatable {
    package var workerID: MachineID
    package var nextHeartbeatMilliseconds: Int
    /// Milliseconds since 1970.
    package var serverTime: Int64
    /// Running jobs to stop.
    package var cancelled: [JobID]
    package var pendingJobs: Int

    package init(
        workerID: MachineID, nextHeartbeatMilliseconds: Int, serverTime: Int64, cancelled: [JobID], pendingJobs: Int
    ) {
        self.workerID = workerID
        self.nextHeartbeatMilliseconds = nextHeartbeatMilliseconds
        self.serverTime = serverTime
        self.cancelled = cancelled
        self.pendingJobs = pendingJobs
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.workerID = try fields.identifier("worker_id")
        self.nextHeartbeatMilliseconds = try fields.int(
            "next_heartbeat_ms", in: WireLimits.nextHeartbeatMilliseconds, default: 30_000)
        self.serverTime = try fields.instant("server_time")
        self.cancelled = try fields.strings("cancelled", default: []).map { JobID($0) }
        self.pendingJobs = try fields.int("pending_jobs", default: 0)
    }

    package var json: JSON {
        [
            "worker_id": .string(workerID.text), "accepted": true, "next_heartbeat_ms": JSON(nextHeartbeatMilliseconds),
            "server_time": .string(RFC3339.format(serverTime)), "cancelled": list(cancelled.map(\.text)),
            "pending_jobs": JSON(pendingJobs),
        ]
    }
}
