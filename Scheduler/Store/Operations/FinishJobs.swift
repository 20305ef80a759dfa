package import Domain

/// A worker's report of how an attempt ended.
package struct Report: Sendable {
    package var key: LeaseKey
    package var outcome: Outcome

    package init(key: LeaseKey, outcome: Outcome) {
        self.key = key
        self.outcome = outcome
    }
}

/// What the accepted report did.
package struct Finished: Sendable {
    package var job: JobID
    package var state: JobState
    package var attempt: Int64
    package var fence: Int64
    /// By the server's clock; nil when this answers a repeated call.
    package var ranMilliseconds: Int64?
    /// What this result earned, minor units of USDT.
    package var paid: Int64 = 0
    /// Whether other jobs waited for it.
    package var freesOthers = false
}

extension Transaction {
    /// Ends attempts, each exactly once: the job ends or goes back, its money moves, and the event is recorded, all
    /// or none.
    /// A report with a key that doesn't hold changes nothing; a repeated report gets the first one's answer, and
    /// another outcome of the same attempt a 409 (CONTRACT 4). An audit's report also settles its task (CONTRACT 7).
    /// Waits for jobs that another transaction has.
    package func finish(_ reports: [Report], audits: AuditTerms = AuditTerms()) throws -> [Result<Finished, Refusal>] {
        try finish(reports, audits: audits, waits: true).enumerated().map { place, answer in
            answer ?? .failure(.leaseLost(reports[place].key.job))
        }
    }

    /// As `finish`, but waits for nobody: a report of a job that another transaction has gets no answer (nil), and
    /// nothing has happened to it.
    package func finishFree(_ reports: [Report], audits: AuditTerms) throws -> [Result<Finished, Refusal>?] {
        try finish(reports, audits: audits, waits: false)
    }

    private func finish(
        _ reports: [Report], audits: AuditTerms, waits: Bool
    ) throws -> [Result<Finished, Refusal>?] {
        var round = ReportRound(reports)
        try accept(&round, waits: waits)
        if !round.isAnswered {
            try creditOutage()
            try accept(&round, waits: waits)
        }
        // Once, and last: accounts are locked after all live rows.
        try end(round.ends, retried: round.retried, audits: audits)
        let before = round.isAnswered ? [:] : try acceptedResults(round.unanswered.map(\.key))
        let answers = reports.indices.map { round.answer(at: $0, before: before) }
        let missing = zip(reports, answers).filter { $0.1 == nil }.map(\.0.key)
        let ended = missing.isEmpty ? [:] : try endedStates(missing.map(\.job))
        let standing = missing.isEmpty ? [:] : try standingLeases(missing)
        return reports.indices.map { place in
            if let answer = answers[place] { return .success(answer) }
            let key = reports[place].key
            if let job = standing[key] {
                if job.bounty != nil, reports[place].lacksAudit { return .failure(.unreportedAudit) }
                if !waits { return nil }
            }
            if let state = ended[key.job] { return .failure(.jobEnded(key.job, state)) }
            return .failure(round.isAccepted(at: place, before: before) ? .otherOutcome : .leaseLost(key.job))
        }
    }

    /// Takes the attempts whose keys hold; says nothing of the others.
    private func accept(_ round: inout ReportRound, waits: Bool) throws {
        var completed: [LiveJob] = []
        var others: [(LiveJob, place: Int)] = []
        for job in try lockHeld(round.unanswered.map(\.key), waits: waits) {
            guard let key = job.leaseKey, let place = round.places[key] else { continue }
            let report = round.reports[place]
            guard report.outcome.status == .success else {
                others.append((job, place))
                continue
            }
            // No other audit is taken than one with its report.
            if job.bounty != nil, report.lacksAudit { continue }
            let pay = job.earned(at: now)
            completed.append(job)
            round.ends.append(Ended(job: job, state: .completed, reason: nil, outcome: report.outcome, pay: pay))
            round.answers[place] = job.finished(.completed, at: now, paid: pay)
        }
        try deleteLocked(completed)
        for (job, place) in others {
            let pay = job.earned(at: now)
            let ended = try fail(job, round.reports[place].outcome, pay: pay)
            if let ended {
                round.ends.append(ended)
            } else {
                round.retried.append(Settlement(job: job, pay: pay, isOver: false))
            }
            round.answers[place] = job.finished(ended?.state ?? .pending, at: now, paid: pay)
        }
    }

    /// The job's own failure: it is tried again later, or it has failed for good, be it that what is left of its
    /// price doesn't pay another run (decision 0015).
    private func fail(_ job: LiveJob, _ outcome: Outcome, pay: Int64) throws -> Ended? {
        var job = job
        job.failures += 1
        job.lossesInRow = 0
        var reason = outcome.status.rawValue
        if case .retry = NextStep.after(outcome.status, attempt: job.failures, of: job.maxAttempts) {
            let terms = try terms(of: job.id)
            if job.held == 0
                || JobPay.paysAnotherRun(
                    left: job.held - pay, of: job.paid + job.held, hourlyPrice: job.hourlyPrice ?? 0,
                    minutes: terms.minutes)
            {
                try tryAgain(job, outcome, pay: pay, terms.backoff)
                return nil
            }
            reason = "price"
        }
        try deleteLocked([job])
        return Ended(job: job, state: .failed, reason: reason, outcome: outcome, pay: pay)
    }

    /// A failed attempt is on record, what it earned is taken from what is held, and the job is put off.
    private func tryAgain(_ job: LiveJob, _ outcome: Outcome, pay: Int64, _ backoff: Backoff) throws {
        var job = job
        job.paid += pay
        job.held -= pay
        let wait = backoff.delay(after: job.failures, using: &random)
        try insertAttempt(
            job, outcome: outcome.status.rawValue, exitCode: outcome.exitCode, error: outcome.error, pay: pay)
        try reschedule([Rescheduling(job: job, runAt: now + wait)])
        try record(job.event(.jobAttemptFailed, actor: job.worker?.text ?? "system", pay: pay))
    }

    /// After the guard has let them through, jobs go to history; what waited for them moves on or is cancelled, and
    /// so on downwards, as far as these are few (`Cascade`); then the money of all of them, and of what is tried again,
    /// moves at once. `actor` is who ended them, when it wasn't their workers.
    func end(
        _ ends: [Ended], retried: [Settlement] = [], by actor: String? = nil, audits: AuditTerms = AuditTerms()
    ) throws {
        let fees = try endAudits(ends, audits)
        var ends = ends
        var actor = actor
        var settlements = retried
        var left = Cascade.bite
        var gone: [OwnerID: Int64] = [:]
        while !ends.isEmpty {
            for job in ends.lazy.map(\.job) { gone.addLive(-1, of: job.owner, bounty: job.bounty, device: job.device) }
            try insertEnded(ends)
            try note(ends.compactMap(\.change))
            settlements += ends.map { Settlement(job: $0.job, pay: $0.pay, isOver: true) }
            try record(Event.ends(ends, by: actor))
            let waited = try takeAlong(ends.filter(\.job.hasDependents), &left)
            let done = waited.filter { $0.state == .completed }.map(\.job.id)
            try unblock(dependents(of: done).sorted(), done: done)
            let lost = waited.filter { $0.state != .completed }.map(\.job.id)
            let cancelled = try deleteBlocked(dependents(of: lost).sorted())
            ends = cancelled.map { Ended(job: $0, state: .cancelled, reason: "dependency", outcome: nil) }
            actor = "system"
        }
        try noteLive(gone)
        try settle(settlements, fees: fees)
    }
}

/// Reports that are accepted together, found by their keys; of two with one key the first counts.
private struct ReportRound {
    let reports: [Report]
    /// Where the first report with a key stands.
    private(set) var places: [LeaseKey: Int]
    /// Where the first with its key stands, of each.
    private let firsts: [Int]
    /// What those are answered whose keys held; nil at the others.
    var answers: [Finished?]
    var ends: [Ended] = []
    /// Of failed attempts whose jobs are tried again.
    var retried: [Settlement] = []

    init(_ reports: [Report]) {
        var places: [LeaseKey: Int] = [:]
        places.reserveCapacity(reports.count)
        self.reports = reports
        firsts = reports.indices.map { place in
            if let first = places[reports[place].key] { return first }
            places[reports[place].key] = place
            return place
        }
        self.places = places
        answers = Array(repeating: nil, count: reports.count)
    }

    var isAnswered: Bool { reports.indices.allSatisfy { answers[firsts[$0]] != nil } }

    /// The reports that have no answer, one a key, in the order in which live rows are locked.
    var unanswered: [Report] {
        reports.indices.filter { firsts[$0] == $0 && answers[$0] == nil }.map { reports[$0] }
            .sorted { $0.key.job < $1.key.job }
    }

    /// A repeated report is answered as the first was, another outcome isn't (CONTRACT 4).
    func answer(at place: Int, before: [LeaseKey: (status: String, answer: Finished)]) -> Finished? {
        let (report, first) = (reports[place], firsts[place])
        if let answer = answers[first] {
            return reports[first].outcome.status == report.outcome.status ? answer : nil
        }
        return before[report.key].flatMap { $0.status == report.outcome.status.rawValue ? $0.answer : nil }
    }

    /// Whether a report with this key was accepted, whatever its outcome was.
    func isAccepted(at place: Int, before: [LeaseKey: (status: String, answer: Finished)]) -> Bool {
        answers[firsts[place]] != nil || before[reports[place].key] != nil
    }
}

extension Report {
    /// Whether it says of a success nothing that an audit has to say.
    fileprivate var lacksAudit: Bool { outcome.status == .success && outcome.audit == nil }
}

extension Refusal {
    /// The attempt ended otherwise, and its job lives on: to say so again changes nothing.
    fileprivate static let otherOutcome = Refusal.wrongState(
        "another outcome of this attempt was reported and accepted; it stays")
}

extension Ended {
    /// What it is to its device; nil for a job of another kind.
    fileprivate var change: DeviceChange? {
        let waited = job.state == .pending || job.state == .scheduled
        return job.change(
            DeviceCommand.Status(state, reason: reason), waiting: waited ? -1 : 0, open: -1, concernsDevice: true)
    }
}

extension LiveJob {
    var leaseKey: LeaseKey? {
        guard let worker, let token else { return nil }
        return LeaseKey(job: id, worker: worker, tokenHash: token)
    }

    func finished(_ state: JobState, at now: Int64, paid: Int64) -> Finished {
        Finished(
            job: id, state: state, attempt: attempt, fence: fence, ranMilliseconds: claimedAt.map { now - $0 },
            paid: paid, freesOthers: hasDependents)
    }
}
