package import Bus
package import Bytes
package import Domain
package import Store

/// A worker's sign of life, as it was signed.
package struct Heartbeat: Sendable {
    package let worker: MachineID
    package let policy: PolicyID
    package let nonce: String
    /// A JSON object.
    package let metrics: String?
    private let token: String
    /// As it was written: the signature covers the text.
    private let timestamp: String
    private let sentAt: Int64
    private let signature: String

    /// In milliseconds.
    private static let skewAllowed: Int64 = 90_000

    /// - Parameters:
    ///   - token: the machine's.
    ///   - timestamp: the text that was signed; `sentAt` is what it says, in milliseconds since 1970.
    ///   - signature: in base64, over `worker_id|timestamp|nonce|policy_id`.
    package init(
        worker: MachineID, policy: PolicyID, nonce: String, metrics: String?, token: String, timestamp: String,
        sentAt: Int64, signature: String
    ) {
        self.worker = worker
        self.policy = policy
        self.nonce = nonce
        self.metrics = metrics
        self.token = token
        self.timestamp = timestamp
        self.sentAt = sentAt
        self.signature = signature
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

/// Takes heartbeats: clock, credential and consent first, then the nonce in Redis and in SQL (CONTRACT 5).
package final class HeartbeatReceiver: Sendable {
    /// What a worker is told.
    package struct Answer: Sendable {
        /// Jobs to stop, by id.
        package let cancelled: [JobID]
        /// How many jobs wait for some worker, counted up to `pendingShown`.
        package let pendingJobs: Int64
        /// Milliseconds since 1970.
        package let now: Int64
    }

    package static let nextMilliseconds: Int64 = 30_000
    package static let pendingShown: Int64 = 100

    /// How long a nonce is kept, in milliseconds. A timestamp is good for 180 s; the rest is so that a clock set back
    /// by ten minutes makes no message good again whose nonce is gone.
    private static let nonceLifetime: Int64 = 900_000

    /// How often SQL alone stopped replays.
    package let fallback: NonceFallback
    private let database: Database
    private let redis: Redis?
    private let allowsFallback: Bool

    /// - Parameters:
    ///   - redis: nil where none is configured; nonces are then kept in SQL alone.
    ///   - allowsFallback: whether they are too while Redis is down; else no heartbeat is taken then.
    package init(_ database: Database, redis: Redis?, allowsFallback: Bool, world: World) {
        self.database = database
        self.redis = redis
        self.allowsFallback = allowsFallback
        fallback = NonceFallback(world: world)
    }

    /// Throws `Refusal`; `RedisError.unavailable` while Redis is down.
    package func receive(_ heartbeat: Heartbeat) async throws -> Answer {
        // The time is the database's, and the credential has to be read there anyway: one snapshot tells both.
        let owner = try await database.read { tx in
            try heartbeat.checkClock(tx.now)
            let owner = try heartbeat.authenticate(tx.machineCredential(heartbeat.worker))
            try tx.checkConsent(worker: heartbeat.worker, policy: heartbeat.policy)
            return owner
        }
        try await reserveNonce(of: heartbeat)
        return try await database.write { tx in
            // Time may have passed while this waited.
            try heartbeat.checkClock(tx.now)
            let cancelled = try tx.heartbeat(
                worker: heartbeat.worker, owner: owner, policy: heartbeat.policy, nonce: heartbeat.nonce,
                nonceLifetime: Self.nonceLifetime, metrics: heartbeat.metrics)
            return Answer(
                cancelled: cancelled.sorted(), pendingJobs: try tx.pendingJobs(atMost: Int(Self.pendingShown)),
                now: tx.now)
        }
    }

    /// Redis comes first (CONTRACT 5): while it is down no heartbeat is taken, unless the operator wants it so.
    ///
    /// What it has seen is settled by SQL, which has every nonce that was ever spent. A reservation alone may be of a
    /// heartbeat that came to nothing (SQL was down, or Redis obeyed only after we had given up on it), and that one
    /// was told that nothing happened, so it may come again. So a reservation need never be taken back, and when two
    /// hold the same nonce at once the row in SQL lets one pass.
    private func reserveNonce(of heartbeat: Heartbeat) async throws {
        guard let redis else { return }
        let (worker, nonce) = (heartbeat.worker.text, heartbeat.nonce)
        do {
            let key = "hatchfarm:nonce:\(worker):\(nonce)"
            if try await redis.reserve(key, milliseconds: Self.nonceLifetime) { return }
        } catch RedisError.unavailable where allowsFallback {
            return fallback.use()
        }
        guard try await !database.read({ try $0.isSpent(nonce, scope: worker) }) else { throw Refusal.nonceSeen }
    }
}
