package import Bytes
package import Domain
package import Store

/// A job in a lab worker's hands.
@dynamicMemberLookup
package struct LabLease: Sendable {
    package let grant: Grant
    package let worker: LabWorker

    package init(_ grant: Grant, _ worker: LabWorker) {
        self.grant = grant
        self.worker = worker
    }

    package var job: JobID { grant.id }
    package var key: LeaseKey { worker.key(grant) }

    package subscript<T>(dynamicMember path: KeyPath<Grant, T>) -> T { grant[keyPath: path] }
}

/// A claim that was to bring a job brought none.
package struct NothingToClaim: Error {
    package init() {}
}

/// A job to be asked for. What it needs of a machine is asked as its own: `$0.memoryMiB = 512`.
@dynamicMemberLookup
package struct LabOrder {
    package var needs: Requirement
    package var title = "a job"
    package var spec = #"{"command":["true"]}"#
    package var maxAttempts: Int64 = 3
    package var backoff = Backoff.standard
    package var runAt: Int64?
    package var dependsOn: [JobID] = []
    package var maxPrice: Int64?

    package subscript<T>(dynamicMember path: WritableKeyPath<Requirement, T>) -> T {
        get { needs[keyPath: path] }
        set { needs[keyPath: path] = newValue }
    }
}

/// Jobs.
extension Lab {
    /// A job as an owner asks for it.
    package static func job(
        _ kind: Kind = .compute, by owner: OwnerID = Lab.alice, priority: Int64 = 5,
        _ change: (inout LabOrder) -> Void = { _ in }
    ) -> NewJob {
        var order = LabOrder(needs: Requirement(kind: kind, priority: priority))
        change(&order)
        var job = NewJob(owner: owner, title: order.title, requirement: order.needs, spec: order.spec)
        job.maxAttempts = order.maxAttempts
        job.backoff = order.backoff
        job.runAt = order.runAt
        job.dependsOn = order.dependsOn
        job.maxPrice = order.maxPrice
        return job
    }

    @discardableResult
    package func submit(
        _ kind: Kind = .compute, by owner: OwnerID = Lab.alice, priority: Int64 = 5,
        _ change: (inout LabOrder) -> Void = { _ in }
    ) async throws -> JobID {
        let jobs = try await submit([Lab.job(kind, by: owner, priority: priority, change)])
        guard let job = jobs.first else { throw NothingToClaim() }
        return job
    }

    /// Submits jobs together, all or none.
    @discardableResult
    package func submit(_ jobs: [NewJob]) async throws -> [JobID] {
        guard case .accepted(let accepted, _) = try await send(Lab.submission(jobs)) else { return [] }
        return accepted.map(\.id)
    }

    package static func submission(
        _ jobs: [NewJob], key: IdempotencyKey? = nil
    ) -> Submission {
        Submission(jobs: jobs, idempotency: key) { accepted, now in
            StoredAnswer(status: 201, body: accepted.map(\.id.text).joined(separator: " "))
        }
    }

    /// Throws its `Refusal`.
    @discardableResult
    package func send(_ submission: Submission) async throws -> Submission.Reply {
        hints.know(submission.jobs)
        let hints = hints.submit
        let results = try await database.write { try $0.submit([submission], hints: hints) }
        guard let result = results.first else { throw NothingToClaim() }
        return try result.get()
    }

    package func job(_ id: JobID, of owner: OwnerID = Lab.alice) async throws -> Job? {
        try await database.read { try $0.job(id, owner: owner) }
    }

    package func state(_ id: JobID, of owner: OwnerID = Lab.alice) async throws -> JobState? {
        try await job(id, of: owner)?.state
    }

    package func attempts(_ id: JobID) async throws -> [Attempt] {
        try await database.read { try $0.attempts(of: id) }
    }

    package func cancel(_ id: JobID, by owner: OwnerID = Lab.alice) async throws {
        try await database.write { try $0.cancel(id, owner: owner, actor: owner.text) }
    }

    package func retry(_ id: JobID, by owner: OwnerID = Lab.alice, withDependents: Bool = false) async throws {
        _ = try await database.write {
            try $0.retry(id, owner: owner, actor: owner.text, withDependents: withDependents)
        }
        try await promote()
    }
}

/// Leases.
extension Lab {
    /// One job; throws `NothingToClaim`.
    @discardableResult
    package func claim(by name: String = "worker", for timeout: Duration? = nil) async throws -> LabLease {
        guard let lease = try await claim(by: name, upTo: 1, for: timeout).first else { throw NothingToClaim() }
        return lease
    }

    package func claim(
        by name: String = "worker", upTo limit: Int, for timeout: Duration? = nil, request: String? = nil,
        _ change: @Sendable (inout Claim) -> Void = { _ in }
    ) async throws -> [LabLease] {
        let worker = try await worker(name)
        var claim = Lab.claim(by: worker, upTo: limit, request: request)
        claim.visibilityTimeout = timeout.map { $0.milliseconds }
        change(&claim)
        let (wanted, hints) = (claim, hints.claim)
        let answer = try await database.write { try $0.claim(wanted, hints: hints) }
        return answer.grants.map { LabLease($0, worker) }
    }

    package static func claim(by worker: LabWorker, upTo limit: Int, request: String? = nil) -> Claim {
        var offer = Offer(worker: worker.id.text, owner: worker.owner.text, kinds: Set(Kind.allCases))
        offer.gpus = 64
        offer.isolation = .vm
        return Claim(
            offer: offer, limit: limit, visibilityTimeout: nil,
            requestID: request ?? Hex.encode(World.live.random(8)), isRepeatable: request != nil,
            secret: worker.secret)
    }

    package func extend(_ lease: LabLease, by duration: Duration = .seconds(60)) async throws -> ExtendOutcome? {
        let wanted = Extension(key: lease.key, milliseconds: duration.milliseconds)
        return try await database.write { try $0.extend([wanted]).first }
    }

    /// Throws the `Refusal` of a report that isn't accepted.
    @discardableResult
    package func finish(_ lease: LabLease, _ status: Outcome.Status = .success) async throws -> Finished {
        try await finish(lease, Outcome(status: status, exitCode: status == .success ? 0 : 1))
    }

    @discardableResult
    package func finish(_ lease: LabLease, _ outcome: Outcome) async throws -> Finished {
        let report = Report(key: lease.key, outcome: outcome)
        let results = try await database.write { try $0.finish([report]) }
        guard let result = results.first else { throw NothingToClaim() }
        return try result.get()
    }

    package func progress(
        _ lease: LabLease, percent: Int64? = nil, message: String? = nil, log: RawText? = nil, at offset: Int64? = nil
    ) async throws {
        let progress = Progress(key: lease.key, percent: percent, message: message, log: log, logOffset: offset)
        try await database.write { try $0.progress(progress) }
    }

    package func release(_ lease: LabLease, reason: String? = nil) async throws {
        let key = lease.key
        try await database.write { try $0.release(key, reason: reason) }
    }

    /// The worker was killed, and says so in its next life.
    @discardableResult
    package func lose(_ lease: LabLease, reason: String? = nil) async throws -> Losses {
        let key = lease.key
        return try await database.write { try $0.lose(key, reason: reason) }
    }

    package func log(of id: JobID) async throws -> [LogPiece] {
        try await database.read { try $0.log(of: id, after: 0, limit: 1_000_000) }
    }
}

extension Duration {
    package var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
