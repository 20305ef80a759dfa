internal import Bytes
internal import Domain
package import Store
internal import Synchronization

/// The real thing as the model sees it: the same operations on a database, ids and tokens told as numbers.
package final class ModelSubject {
    /// Stands still between operations.
    package final class Clock: Sendable {
        private let time = Mutex<Int64>(1_800_000_000_000)

        package init() {}

        package var now: Int64 { time.withLock { $0 } }
        package func advance(_ milliseconds: Int64) { time.withLock { $0 += milliseconds } }
    }

    /// The database's clock was further from ours than any answer may be: nothing has happened.
    private struct Hiccup: Error {}

    package let database: Database
    private let clock: Clock
    private let hints = LabHints()
    private var workers: [LabWorker] = []
    private var ids: [JobID] = []
    private var numbers: [JobID: Int] = [:]
    private var grants: [Int: [Int64: Grant]] = [:]

    private static let farmer = OwnerID("farmer")
    private static func owner(_ number: Int) -> OwnerID { OwnerID("owner-\(number)") }

    package init(_ kind: TestDatabase, clock: Clock) async throws {
        self.clock = clock
        var settings = DatabaseSettings()
        settings.clock = { clock.now }
        settings.clockOffset = { clock.now - World.live.now() }
        database = try await Database.open(try await kind.freshURL(), settings: settings)
        _ = try await database.migrate(Migration.all)
        for number in 0..<ModelFarm.owners { hints.setService(of: Self.owner(number), Int64(number)) }
        for worker in ModelFarm.firstWorkers { workers.append(try await enroll(worker)) }
    }

    private func enroll(_ worker: ModelFarm.Worker) async throws -> LabWorker {
        try await write { tx in
            let capacity = worker.cores.map { Capacity(milliCores: $0) }
            let machine = try tx.registerMachine(
                owner: Self.farmer, actor: "farmer", name: "w", capacity: capacity, hourlyPrice: 0, tokenHash: "h")
            var rules = PolicyRules(maxCPUPercent: 100)
            rules.maxJobMinutes = worker.maxMinutes
            let policy = try tx.createPolicy(owner: Self.farmer, actor: "farmer", rules: rules, text: "{}")
            _ = try tx.activatePolicy(policy.id, owner: Self.farmer, actor: "farmer")
            let consent = try tx.createConsent(
                owner: Self.farmer, actor: "farmer", worker: machine.id, policy: policy.id)
            return LabWorker(id: machine.id, owner: Self.farmer, policy: policy.id, consent: consent.id)
        }
    }

    /// Runs the closure in a transaction whose time is the clock's, give or take less than matters: what is reckoned
    /// from three such times is still rounded to the half second that was meant.
    private func write<T: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> T) async throws -> T {
        let due = clock.now
        while true {
            do {
                return try await database.write { tx in
                    guard abs(tx.now - due) < 80 else { throw Hiccup() }
                    return try body(tx)
                }
            } catch is Hiccup { continue }
        }
    }

    private func act(_ body: @escaping @Sendable (Transaction) throws -> Void) async throws -> ModelAnswer {
        do {
            try await write(body)
            return .done
        } catch let refusal as Refusal {
            return .refused(name(refusal))
        }
    }

    /// To the half second that was meant.
    private func round(_ time: Int64) -> Int64 { (time + 250) / 500 * 500 }

    private func name(_ refusal: Refusal) -> ModelRefusal {
        switch refusal {
        case .leaseLost(let id): .leaseLost(numbers[id] ?? -1)
        case .jobEnded(let id, let state): .jobEnded(numbers[id] ?? -1, state)
        case .notFound: .notFound
        case .wrongState: .wrongState
        case .keyReused: .keyReused
        case .invalid(let field, _): .invalid(field)
        default: .invalid("\(refusal)")
        }
    }

    /// A key that was never given, for tokens that nobody has.
    private func key(_ token: ModelToken) -> LeaseKey {
        let secret = grants[token.job]?[token.fence]?.token ?? "nobody's"
        return LeaseKey(job: ids[token.job], worker: workers[token.worker].id, tokenHash: SHA256.hex(secret))
    }

    /// Does it.
    package func apply(_ operation: ModelOperation) async throws -> ModelAnswer {
        switch operation {
        case .submit(let submission): return try await submit(submission)
        case .claim(let claim): return try await self.claim(claim)
        case .extend(let wanted):
            let extensions = wanted.map { Extension(key: key($0.token), milliseconds: $0.milliseconds) }
            let outcomes = try await write { try $0.extend(extensions) }
            return .extended(
                outcomes.map { outcome in
                    switch outcome {
                    case .extended(let until): .until(round(until))
                    case .lost: .lost
                    case .cancelled: .cancelled
                    }
                })
        case .progress(let token, let percent):
            let progress = Progress(key: key(token), percent: percent, message: nil, log: "\(percent)\n")
            return try await act { try $0.progress(progress) }
        case .release(let token):
            let key = key(token)
            return try await act { try $0.release(key) }
        case .finish(let reports): return try await finish(reports)
        case .cancel(let job, let owner):
            let (id, by) = (ids[job], Self.owner(owner))
            return try await act { try $0.cancel(id, owner: by, actor: by.text) }
        case .retry(let job, let owner):
            let (id, by) = (ids[job], Self.owner(owner))
            return try await act { try $0.retry(id, owner: by, actor: by.text) }
        case .sweep, .promote, .pass: return try await schedule(operation)
        case .revoke, .consent, .drain: return try await administer(operation)
        }
    }

    private func submit(_ submission: ModelSubmission) async throws -> ModelAnswer {
        let owner = Self.owner(submission.owner)
        let jobs = submission.jobs.map { wanted in
            let need = ModelFarm.classes[wanted.classNumber]
            return Lab.job(need.kind, by: owner, priority: need.priority) { order in
                (order.milliCores, order.minutes) = (need.cores, need.minutes)
                order.maxAttempts = wanted.maxAttempts
                order.runAt = wanted.runAt
                order.backoff = Backoff(initial: ModelFarm.backoff, factor: 1_000, max: ModelFarm.backoff)
                order.dependsOn = wanted.dependsOn.map { ids.indices.contains($0) ? ids[$0] : JobID("nobody's") }
            }
        }
        hints.know(jobs)
        let key = submission.key.map {
            IdempotencyKey(owner: owner, endpoint: "submit", key: "\($0)", bodyHash: "\(submission.body)")
        }
        let (wanted, tags) = (Lab.submission(jobs, key: key), hints.submit)
        let result = try await write { try $0.submit([wanted], hints: tags).first }
        switch result {
        case .success(.accepted(let accepted, _)):
            for job in accepted {
                numbers[job.id] = ids.count
                ids.append(job.id)
            }
            return .jobs(accepted.compactMap { numbers[$0.id] }, isReplay: false)
        case .success(.replayed(let answer)):
            return .jobs(answer.body.split(separator: " ").map { numbers[JobID(String($0))] ?? -1 }, isReplay: true)
        case .failure(let refusal): return .refused(name(refusal))
        case nil: return .done
        }
    }

    private func claim(_ claim: ModelClaim) async throws -> ModelAnswer {
        let worker = workers[claim.worker]
        var wanted = Lab.claim(by: worker, upTo: claim.limit, request: claim.request.map(String.init))
        wanted.visibilityTimeout = claim.timeout
        wanted.offer.kinds = ModelFarm.firstWorkers[claim.worker].kinds
        let (asked, known) = (wanted, hints.claim)
        let answer = try await write { try $0.claim(asked, hints: known) }
        return .grants(
            answer.grants.map { grant in
                let number = numbers[grant.id] ?? -1
                grants[number, default: [:]][grant.fence] = grant
                return ModelGrant(
                    job: number, worker: claim.worker, fence: grant.fence, attempt: grant.attempt,
                    until: round(grant.visibleUntil), ends: round(grant.leaseEnds))
            }.sorted { $0.job < $1.job })
    }

    private func finish(_ reports: [ModelReport]) async throws -> ModelAnswer {
        let wanted = reports.map { Report(key: key($0.token), outcome: Outcome(status: $0.status)) }
        let results = try await write { try $0.finish(wanted) }
        return .finished(
            results.map { result in
                result.map { ModelResult(state: $0.state, attempt: $0.attempt, fence: $0.fence) }.mapError(name)
            })
    }
}

extension ModelSubject {
    private func schedule(_ operation: ModelOperation) async throws -> ModelAnswer {
        switch operation {
        case .sweep:
            let jobs = try await write { try $0.sweep(from: .min, Picking(10_000)).jobs }
            return .swept(jobs.map { numbers[$0] ?? -1 }.sorted())
        case .promote:
            let hints = hints
            let count = try await write { tx in
                try tx.promote(limit: 10_000) { _, _, _ in hints.nextTag() }.ready.values.reduce(0) { $0 + $1.count }
            }
            return .promoted(count)
        default:
            guard case .pass(_, isAttended: true) = operation else { return .done }
            return try await act { tx in try tx.execute("UPDATE scheduler_clock SET last_round = \(tx.now)") }
        }
    }

    private func administer(_ operation: ModelOperation) async throws -> ModelAnswer {
        switch operation {
        case .revoke(let number):
            let worker = workers[number]
            guard let consent = worker.consent else { return .done }
            workers[number].consent = nil
            return try await act { _ = try $0.revokeConsent(consent, owner: worker.owner, actor: "farmer") }
        case .consent(let number):
            let worker = workers[number]
            guard worker.consent == nil else { return .done }
            let consent: Consent = try await write { tx in
                try tx.createConsent(
                    owner: worker.owner, actor: "farmer", worker: worker.id, policy: worker.policy)
            }
            workers[number].consent = consent.id
        case .drain(let number, let isDraining):
            let worker = workers[number]
            return try await act { try $0.drain(worker.id, owner: worker.owner, draining: isDraining) }
        default: break
        }
        return .done
    }

    /// What is to be seen of these jobs.
    package func sights(of wanted: some Sequence<Int>) async throws -> [ModelSight] {
        let known = wanted.map { (number: $0, id: ids[$0]) }
        let jobs = try await database.read { tx in
            var found: [(Int, Job)] = []
            for (number, id) in known {
                for owner in 0..<ModelFarm.owners {
                    if let job = try tx.job(id, owner: Self.owner(owner)) { found.append((number, job)) }
                }
            }
            return found
        }
        let machines = Dictionary(workers.enumerated().map { ($1.id, $0) }) { first, _ in first }
        return jobs.map { number, job in
            ModelSight(
                job: number, state: job.state, attempt: job.attempt, fence: job.fence, losses: job.losses,
                percent: job.percent, reason: job.ending?.reason, worker: job.worker.flatMap { machines[$0] },
                until: job.visibleUntil.map(round))
        }
    }

    package var count: Int { ids.count }
}
