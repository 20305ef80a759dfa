package import Bytes

/// `POST workers/{id}/heartbeat` (CONTRACT 5).
package struct HeartbeatRequest: Sendable, Equatable {
    /// RFC 3339, kept as written: the signature covers the text.
    package var timestamp: String
    package var nonce: String
    package var policyID: String
    /// Any object.
    package var metrics: JSON
    /// Standard base64 of HMAC-SHA256 over `signedMessage`, keyed with the machine token's text.
    package var signature: String

    package init(timestamp: String, nonce: String, policyID: String, metrics: JSON, signature: String) {
        self.timestamp = timestamp
        self.nonce = nonce
        self.policyID = policyID
        self.metrics = metrics
        self.signature = signature
    }

    /// A request signed with the machine token.
    package init(
        workerID: String, machineToken: String, timestamp: String, nonce: String, policyID: String, metrics: JSON
    ) {
        let message = Self.signedMessage(workerID: workerID, timestamp: timestamp, nonce: nonce, policyID: policyID)
        let signature = Base64.encode(HMACSHA256.sign(key: machineToken, message: message))
        self.init(timestamp: timestamp, nonce: nonce, policyID: policyID, metrics: metrics, signature: signature)
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.timestamp = try fields.text("timestamp", bytes: WireLimits.identifierBytes)
        self.nonce = try fields.text("nonce", bytes: WireLimits.identifierBytes)
        self.policyID = try fields.text("policy_id", bytes: WireLimits.identifierBytes)
        let metrics = fields.optionalRaw("metrics") ?? .null
        guard metrics.isNull || metrics.members != nil else {
            throw fields.error("metrics", .wrongType(expected: "an object"))
        }
        self.metrics = metrics.isNull ? [:] : metrics
        self.signature = try fields.text("signature", bytes: WireLimits.identifierBytes)
        try fields.end()
    }

    package var json: JSON {
        [
            "timestamp": .string(timestamp), "nonce": .string(nonce), "policy_id": .string(policyID),
            "metrics": metrics, "signature": .string(signature),
        ]
    }

    package static func signedMessage(workerID: String, timestamp: String, nonce: String, policyID: String) -> String {
        "\(workerID)|\(timestamp)|\(nonce)|\(policyID)"
    }
}

package struct HeartbeatReply: Sendable, Equatable {
    package var workerID: String
    package var nextHeartbeatMilliseconds: Int
    /// Milliseconds since 1970.
    package var serverTime: Int64
    /// Running jobs to stop.
    package var cancelled: [String]
    package var pendingJobs: Int

    package init(
        workerID: String, nextHeartbeatMilliseconds: Int, serverTime: Int64, cancelled: [String], pendingJobs: Int
    ) {
        self.workerID = workerID
        self.nextHeartbeatMilliseconds = nextHeartbeatMilliseconds
        self.serverTime = serverTime
        self.cancelled = cancelled
        self.pendingJobs = pendingJobs
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.workerID = try fields.string("worker_id")
        self.nextHeartbeatMilliseconds = try fields.int("next_heartbeat_ms", in: 100...3_600_000, default: 30_000)
        self.serverTime = try fields.instant("server_time")
        self.cancelled = try fields.strings("cancelled", default: [])
        self.pendingJobs = try fields.int("pending_jobs", default: 0)
    }

    package var json: JSON {
        [
            "worker_id": .string(workerID), "accepted": true, "next_heartbeat_ms": JSON(nextHeartbeatMilliseconds),
            "server_time": .string(RFC3339.format(serverTime)), "cancelled": list(cancelled),
            "pending_jobs": JSON(pendingJobs),
        ]
    }
}
