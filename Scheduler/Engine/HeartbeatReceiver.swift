package import Bus
package import Bytes
package import Domain
package import Store

/// Takes heartbeats: clock, credential and consent first, then the nonce in Redis and in SQL (CONTRACT 5). Those that
/// come at the same moment are looked at by one read and written by one commit; each is refused by itself.
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

    /// What the read found of a heartbeat that passed it.
    private struct Checked: Sendable {
        let owner: OwnerID
        let cancelled: Set<JobID>
        let pendingJobs: Int64
    }

    /// What is to be written.
    private struct Signed: Sendable {
        let heartbeat: Heartbeat
        let owner: OwnerID

        var beat: MachineBeat {
            MachineBeat(
                worker: heartbeat.worker, owner: owner, policy: heartbeat.policy, nonce: heartbeat.nonce,
                metrics: heartbeat.metrics)
        }
    }

    package static let nextMilliseconds: Int64 = 30_000
    package static let pendingShown: Int64 = 100

    /// How long a nonce is kept, in milliseconds. A timestamp is good for 180 s; the rest is so that a clock set back
    /// by ten minutes makes no message good again whose nonce is gone.
    private static let nonceLifetime: Int64 = 900_000
    /// How many one round serves: their metrics may have 64 KiB each.
    private static let perRound = 256

    /// How often SQL alone stopped replays.
    package let fallback: NonceFallback
    private let database: Database
    private let redis: Redis?
    private let allowsFallback: Bool
    private let checks: Batcher<Heartbeat, Checked>
    /// The time at which they were accepted; nil where another transaction had the machine's row.
    private let beats: Batcher<Signed, Int64?>

    /// - Parameters:
    ///   - redis: nil where none is configured; nonces are then kept in SQL alone.
    ///   - allowsFallback: whether they are too while Redis is down; else no heartbeat is taken then.
    package init(_ database: Database, redis: Redis?, allowsFallback: Bool, world: World) {
        self.database = database
        self.redis = redis
        self.allowsFallback = allowsFallback
        fallback = NonceFallback(world: world)
        checks = Batcher(maxWeight: Self.perRound) { round in
            try await Batcher<Heartbeat, Checked>.serveEach(round) { some in
                try await database.read { try Self.check(some, $0) }
            }
        }
        beats = Batcher(maxWeight: Self.perRound) { round in
            try await Batcher<Signed, Int64?>.serveEach(round) { some in
                try await database.write { try Self.write(some, $0, waits: false) }
            }
        }
    }

    /// Throws `Refusal`; `RedisError.unavailable` while Redis is down.
    package func receive(_ heartbeat: Heartbeat) async throws -> Answer {
        let checked = try await checks(heartbeat)
        // Each by itself: commands that wait together travel together, and one that Redis refuses is no other's.
        try await reserveNonce(of: heartbeat)
        let signed = Signed(heartbeat: heartbeat, owner: checked.owner)
        guard let now = try await acceptance(of: signed) else {
            throw InternalError("heartbeat of \(heartbeat.worker) got no answer")
        }
        return Answer(cancelled: checked.cancelled.sorted(), pendingJobs: checked.pendingJobs, now: now)
    }

    /// A machine whose row another has (a claim of its own) waits alone: its wait is nobody else's.
    private func acceptance(of signed: Signed) async throws -> Int64? {
        if let now = try await beats(signed) { return now }
        return try await database.write { try Self.write([signed], $0, waits: true).first?.get() ?? nil }
    }

    /// The time is the database's, and credentials have to be read there anyway: one snapshot tells both.
    private static func check(
        _ round: [Heartbeat], _ tx: Transaction
    ) throws -> [Result<Checked, any Error>] {
        let credentials = try tx.machineCredentials(Set(round.map(\.worker)))
        let owners = round.map { heartbeat in
            Result { () throws(Refusal) in
                try heartbeat.checkClock(tx.now)
                return try heartbeat.authenticate(credentials[heartbeat.worker])
            }
        }
        let authentic = zip(round, owners).compactMap { heartbeat, owner -> WorkerPolicy? in
            if case .success = owner { heartbeat.terms } else { nil }
        }
        let standing = try tx.standingConsents(Set(authentic))
        let cancelled = try tx.cancelNotices(for: Set(standing.map(\.worker)))
        let pending = try standing.isEmpty ? 0 : tx.pendingJobs(atMost: Int(pendingShown))
        return zip(round, owners).map { heartbeat, owner in
            Result {
                let owner = try owner.get()
                guard standing.contains(heartbeat.terms) else { throw Refusal.noConsent }
                return Checked(
                    owner: owner, cancelled: cancelled[heartbeat.worker] ?? [], pendingJobs: pending)
            }
        }
    }

    private static func write(
        _ round: [Signed], _ tx: Transaction, waits: Bool
    ) throws -> [Result<Int64?, any Error>] {
        let now = tx.now
        // Time may have passed while they waited.
        let clocks = round.map { signed in
            Result { () throws(Refusal) in try signed.heartbeat.checkClock(now) }
        }
        let inTime = zip(round, clocks).filter { if case .success = $0.1 { true } else { false } }.map(\.0.beat)
        var answers = try tx.beat(inTime, nonceLifetime: nonceLifetime, waits: waits)[...]
        return try clocks.map { clock in
            if case .failure(let refusal) = clock { return .failure(refusal) }
            guard let answer = answers.popFirst() else { throw InternalError("a heartbeat got no answer") }
            switch answer {
            case .success?: return .success(now)
            case .failure(let refusal)?: return .failure(refusal)
            case nil: return .success(nil)
            }
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
