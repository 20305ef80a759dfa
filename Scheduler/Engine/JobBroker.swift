package import Bus
package import Bytes
package import Domain
package import Store

/// Where the edges bring jobs, claims and reports: it gathers callers who wait at the same moment, keeps the long
/// polls, and wakes whoever waits for what has happened.
package final class JobBroker: Sendable {
    package let database: Database
    package let classIndex: ClassIndex
    package let bus: LocalBus
    package let stats: JobStats
    package let internalErrors = InternalErrors()
    package let liveLimit: LiveLimit
    let retention: Retention
    let claims: LongPolls
    let relay: WakeRelay
    let world: World
    private let audits: AuditTerms
    private let patience: RowPatience
    // Nil where another transaction has the row: nobody waits for a stranger's.
    private let submissions: Batcher<Submission, Submission.Reply?>
    private let reports: Batcher<Report, Finished?>
    private let extensions: Batcher<Extension, ExtendOutcome?>

    package init(
        database: Database, bus: LocalBus, world: World, audits: AuditTerms = AuditTerms(),
        liveLimit: LiveLimit = LiveLimit(), retention: Retention = .forEver
    ) {
        self.database = database
        self.bus = bus
        self.world = world
        self.audits = audits
        patience = RowPatience(world)
        self.liveLimit = liveLimit
        self.retention = retention
        let classIndex = ClassIndex(world: world)
        let stats = JobStats()
        self.classIndex = classIndex
        self.stats = stats
        let relay = WakeRelay(database: database, bus: bus, world: world, origin: Hex.encode(world.random(8)))
        self.relay = relay
        // The relay keeps the database: kept by it in turn, neither would ever end.
        database.onWake { [weak relay] topics in
            for topic in topics { bus.publish(topic) }
            relay?.note(topics)
        }
        claims = LongPolls(database: database, classIndex: classIndex, bus: bus, world: world, stats: stats)
        submissions = Batcher(weight: \.weight) { round in
            try await Self.each(round, in: database) { tx, some in
                var hints = classIndex.submitHints
                hints.isFull = { liveLimit.isFull($0) }
                hints.mostLive = liveLimit.most
                return try tx.submitFree(some, hints: hints).map { Self.inBatch($0) }
            }
        }
        reports = Batcher { round in
            try await Self.each(round, in: database) { tx, some in
                try tx.finishFree(some, audits: audits).map { Self.inBatch($0) }
            }
        }
        extensions = Batcher { round in
            try await database.write { tx in try tx.extendFree(round).map { .success($0) } }
        }
    }

    private static func inBatch<Answer>(_ answer: Result<Answer, Refusal>?) -> Result<Answer?, any Error> {
        answer.map { $0.map { $0 }.mapError { $0 as any Error } } ?? .success(nil)
    }

    /// Serves a whole round in one transaction, or each by itself when one spoils it for all.
    private static func each<Item: Sendable, Answer: Sendable>(
        _ round: [Item], in database: Database,
        _ serve: @escaping @Sendable (Transaction, [Item]) throws -> [Result<Answer, any Error>]
    ) async throws -> [Result<Answer, any Error>] {
        try await Batcher<Item, Answer>.serveEach(round) { some in
            try await database.write { try serve($0, some) }
        }
    }

    // MARK: Owners

    /// Accepts jobs, or gives the answer of an earlier call with the same key.
    package func submit(_ submission: Submission) async throws -> Submission.Reply {
        let reply: Submission.Reply
        do {
            reply = try await patience.answer { try await submissions(submission) }
        } catch let error where submission.idempotency != nil && Self.mayComeOfItsTwin(error) {
            // The same call came at the same moment and was first: now its answer is there to be found.
            reply = try await patience.answer { try await submissions(submission) }
        }
        if case .accepted(let jobs, _) = reply { announce(jobs) }
        return reply
    }

    /// Whether the same call, a moment earlier, may have written the key, or taken what this one lacks.
    private static func mayComeOfItsTwin(_ error: any Error) -> Bool {
        switch error {
        case DatabaseError.conflict, Refusal.insufficientFunds, Refusal.quota: true
        default: false
        }
    }

    /// Wakes who waits for these jobs. For those that were accepted in a transaction of their own.
    package func announce(_ jobs: [AcceptedJob]) {
        stats.submitted(jobs.count)
        var ready: [ClassID: (count: Int, first: AcceptedJob)] = [:]
        var isScheduled = false
        for job in jobs {
            if job.state == .scheduled { isScheduled = true }
            // Devices are woken by what their commands' commit tells.
            guard job.state == .pending, job.job.device == nil else { continue }
            let first = ready[job.classID]?.first ?? job
            ready[job.classID] = ((ready[job.classID]?.count ?? 0) + 1, job.tag < first.tag ? job : first)
        }
        for (id, arrival) in ready {
            note(arrival.first)
            woke(id, count: arrival.count, tag: arrival.first.tag, owner: arrival.first.job.owner)
        }
        for job in jobs where job.state != .pending || job.job.device != nil { note(job) }
        if isScheduled { bus.publish(Promoter.topic) }
    }

    /// The class of an accepted job is recorded.
    private func note(_ job: AcceptedJob) {
        guard job.classUsedAt != nil || !classIndex.isKnown(job.classID) else { return }
        classIndex.add([(job.classID, job.job.requirement)], usedAt: job.classUsedAt ?? 0)
    }

    /// Tells the claims of this process at once, and those of others at the relay's next round.
    func woke(_ id: ClassID, count: Int, tag: Int64, owner: OwnerID? = nil) {
        classIndex.ready(id, tag: tag, owner: owner)
        claims.wake(id, count: count)
        relay.note(id, count: count, tag: tag)
    }

    /// Cancels a job. The answer is read in the same commit: nobody comes between.
    package func cancel<Answer: Sendable>(
        _ id: JobID, owner: OwnerID, actor: String, answer: @escaping @Sendable (Transaction) throws -> Answer
    ) async throws -> Answer {
        let answer = try await database.write { tx in
            try tx.cancel(id, owner: owner, actor: actor)
            return try answer(tx)
        }
        changed([id])
        stats.ended(.cancelled)
        return answer
    }

    /// Redrives a failed job, and those that were cancelled with it when asked to; the answer as with `cancel`.
    package func retry<Answer: Sendable>(
        _ id: JobID, owner: OwnerID, actor: String, withDependents: Bool = false,
        answer: @escaping @Sendable (Transaction) throws -> Answer
    ) async throws -> Answer {
        if liveLimit.isFull(owner) { throw Refusal.tooManyLive(liveLimit.most) }
        let (answer, bite) = try await database.write { tx in
            let bite = try tx.retry(id, owner: owner, actor: actor, withDependents: withDependents)
            return (try answer(tx), bite)
        }
        bus.publish(Promoter.topic)
        changed([id])
        revived(bite)
        return answer
    }

    /// Tells who waits for jobs that were brought back.
    func revived(_ bite: RevivalBite) {
        if bite.isReady { bus.publish(Promoter.topic) }
        changed(bite.revived)
    }

    // MARK: Workers

    /// How many claims wait for a job.
    package var waitingClaims: Int { claims.depth }

    /// Grants jobs, waiting for some up to `wait`. Empty when none came, when `isAbandoned` says that nobody waits for
    /// the answer any more, or when the process is shutting down.
    package func claim(
        _ claim: Claim, wait: Duration, isAbandoned: @escaping @Sendable () -> Bool = { false }
    ) async throws -> [Grant] {
        let grants = try await claims.claim(claim, wait: wait, isAbandoned: isAbandoned)
        changed(grants.map(\.id))
        return grants
    }

    /// One whose row another transaction has all the time stays as it stands: it is told until when that is.
    package func extend(_ extensions: [Extension]) async throws -> [ExtendOutcome] {
        if extensions.count == 1, let only = extensions.first {
            return [try await patience.answer { try await self.extensions(only) }]
        }
        let outcomes = try await patience.answers(extensions) { open in
            try await database.write { try $0.extendFree(open) }
        }
        let taken = zip(extensions, outcomes).filter { $0.1 == nil }.map(\.0)
        guard !taken.isEmpty else { return outcomes.compactMap(\.self) }
        let standing = try await database.read { try $0.standing(taken) }
        return zip(extensions, outcomes).map { wanted, outcome in outcome ?? standing[wanted.key] ?? .lost }
    }

    package func finish(_ report: Report) async throws -> Finished {
        let finished = try await patience.answer { try await reports(report) }
        ended([finished])
        return finished
    }

    /// Each report is accepted or refused by itself, in the order given. Nil: nothing has happened of it, as another
    /// transaction has its job all the time.
    package func finish(_ reports: [Report]) async throws -> [Result<Finished, Refusal>?] {
        let audits = audits
        return try await patience.answers(reports) { open in
            let results = try await database.write { try $0.finishFree(open, audits: audits) }
            ended(
                results.compactMap { result in
                    guard case .success(let finished)? = result else { return nil }
                    return finished
                })
            return results
        }
    }

    /// Claimed jobs whose files can't come any more fail for good.
    func fail(_ unfed: [UnfedJob]) async throws { ended(try await database.write { try $0.fail(unfed) }) }

    private func ended(_ finished: [Finished]) {
        for one in finished {
            stats.ended(one.state, ran: one.ranMilliseconds)
            changed([one.job])
        }
        // Retries and freed dependents wait for their time with the promoter.
        if finished.contains(where: { $0.state == .pending || $0.freesOthers }) { bus.publish(Promoter.topic) }
    }

    package func progress(_ progress: Progress) async throws {
        try await database.write { try $0.progress(progress) }
        changed([progress.key.job])
    }

    package func release(_ key: LeaseKey, reason: String? = nil) async throws {
        try await database.write { try $0.release(key, reason: reason) }
        bus.publish(Promoter.topic)
        changed([key.job])
    }

    /// A worker was killed and says which lease its last life held.
    package func lose(_ key: LeaseKey, reason: String?) async throws {
        let losses = try await database.write { try $0.lose(key, reason: reason) }
        stats.lost(losses)
        bus.publish(Promoter.topic)
        changed([key.job])
    }

    package func revokeConsent(_ id: ConsentID, owner: OwnerID, actor: String) async throws -> Consent {
        let consent = try await database.write { try $0.revokeConsent(id, owner: owner, actor: actor) }
        bus.publish(Promoter.topic)
        return consent
    }

    /// The topic on the local bus that is notified when something about a job has changed.
    package static func topic(_ id: JobID) -> String { "job:\(id.text)" }

    private func changed(_ ids: [JobID]) {
        for id in ids { bus.publish(Self.topic(id)) }
    }
}
