internal import Bytes
package import Domain

extension Refusal {
    /// An audit's success must say what passed (CONTRACT 7).
    static let unreportedAudit = Refusal.invalid(
        field: "report",
        message:
            "report must be {passed, failed, total, log}: passed + failed = total, total from 1 to 10^9, log of at "
            + "most 65,536 bytes")
}

extension Transaction {
    /// Has the tests of an open task run on its untouched branch, so that its author sees what they say before anybody
    /// works on it. No money moves.
    package func dryRunAudit(
        of id: Int64, by author: MemberID, actor: String, hints: SubmitHints
    ) throws -> (audit: Audit, jobs: [AcceptedJob]) {
        guard let task = try lockBounty(id) else { throw Refusal.notFound("post") }
        guard task.author == author else { throw Refusal.notAllowed("Only the author can have a task's tests tried") }
        guard task.status == .open else {
            throw Refusal.wrongState("The task is \(task.status.rawValue); a dry run is for an open one")
        }
        guard try !isAuditWaiting(of: id) else { throw Refusal.wrongState("A dry run of this task is under way") }
        guard let job = try startAudit(of: task, isDryRun: true, hints: hints, actor: actor) else {
            throw Refusal.wrongState("A dry run needs repo_url and tests")
        }
        let audit = Audit(
            job: job.id, bounty: id, isDryRun: true, state: .waiting, report: nil, reason: nil, createdAt: now,
            reportedAt: nil, settlesAt: nil)
        return (audit, [job])
    }

    /// The job that runs a task's tests; nil when the task doesn't name code and tests. Machines of the two sides never
    /// get it, which the claim sees to: all audits are of one class. Its owner is nobody who could cancel it.
    func startAudit(
        of task: Bounty, isDryRun: Bool = false, hints: SubmitHints, actor: String
    ) throws -> AcceptedJob? {
        guard let repoURL = task.repoURL, let tests = task.tests else { return nil }
        var need = Requirement(kind: .audit, queue: "audits")
        need.milliCores = 1_000
        need.memoryMiB = 1_024
        need.minutes = 15
        var spec = JobSpec()
        spec.audit = AuditedCode(repoURL: repoURL, branch: task.branch, tests: tests)
        spec.trace = .current
        var job = NewJob(
            owner: task.author.auditOwner, title: "Audit of post \(task.id)", requirement: need, spec: spec.text)
        job.bounty = task.id
        let submission = Submission(jobs: [job], idempotency: nil) { _, _ in StoredAnswer(status: 200, body: "") }
        guard case .accepted(let jobs, _)? = try submit([submission], hints: hints).first?.get(),
            let accepted = jobs.first
        else { throw InternalError("the audit of post \(task.id) was not accepted") }
        try insertAudit(accepted.id, of: task.id, isDryRun: isDryRun)
        try record(task.event(.auditStarted, actor: actor, [("job", accepted.id.text)]))
        return accepted
    }

    /// Locks a task that is to end otherwise than by its audit: the audit's job is cancelled, its worker told, and a
    /// report that waits is not carried out. The job is locked before the task, as results do it.
    /// - Parameter seen: the task as it was read, not locked.
    func lockBounty(_ id: Int64, endingAuditOf seen: Bounty, actor: String) throws -> Bounty? {
        try cancelAudit(of: seen, actor: actor)
        guard let task = try lockBounty(id) else { return nil }
        // It was handed in meanwhile. Locked the other way round: a deadlock is ended by the database and tried again.
        if task.auditJob != seen.auditJob { try cancelAudit(of: task, actor: actor) }
        if let job = task.auditJob { try supersedeAudit(job) }
        return task
    }

    private func cancelAudit(of task: Bounty, actor: String) throws {
        guard let id = task.auditJob, let job = try deleteOwned(id, owner: task.author.auditOwner) else { return }
        if let worker = job.worker { try noticeCancelled([(worker, id)]) }
        try end([Ended(job: job, state: .cancelled, reason: "cancelled", outcome: nil)], by: actor)
    }

    /// What the ends of audits' jobs mean for their tasks: a report settles, at once or after the time for disputes;
    /// where no worker could report, the queenbee decides.
    /// - Returns: what the auditors are to be paid.
    func endAudits(_ ends: [Ended], _ terms: AuditTerms) throws -> [Transfer] {
        let mine = ends.filter { $0.job.bounty != nil }.sorted { $0.job.id < $1.job.id }
        guard !mine.isEmpty else { return [] }
        let found = try audits(mine.map(\.job.id)).filter { $0.value.state == .waiting }
        let tasks = try lockBounties(Set(found.values.filter { !$0.isDryRun }.map(\.bounty)).sorted())
        let byID = Dictionary(tasks.map { ($0.id, $0) }) { first, _ in first }
        var settled: [SettledBounty] = []
        var written: [Audit] = []
        for end in mine {
            guard var audit = found[end.job.id] else { continue }
            var task = byID[audit.bounty]
            if task?.auditJob != audit.job || task?.status != .inReview || task?.escrow.isHeld != true { task = nil }
            if end.state == .completed, let report = end.outcome?.audit {
                (audit.report, audit.reportedAt) = (report, now)
                audit.state = audit.isDryRun ? .settled : .superseded
                if let task {
                    try record(
                        task.event(
                            .auditReported, actor: end.job.worker?.text ?? "system",
                            [("passed", String(report.passed)), ("total", String(report.total))]))
                }
                if let task, terms.disputeMilliseconds > 0 {
                    audit.state = .reported
                    audit.settlesAt = now + terms.disputeMilliseconds
                    try tell(.taskInReview, of: task, by: Member.queenbee)
                } else if let task {
                    audit.state = .settled
                    settled.append(SettledBounty(task, by: report))
                }
            } else {
                audit.state = end.state == .cancelled ? .superseded : .failed
                audit.reason = end.outcome?.error ?? end.error ?? end.reason
                if let task, let assignee = task.assignee, audit.state == .failed {
                    try notify(.taskInReview, to: Member.queenbee, by: assignee, bounty: task.id)
                }
            }
            written.append(audit)
        }
        try writeAudits(written)
        try settle(settled, by: Member.queenbee, actor: "audit")
        // A dry run costs its author nothing, so it pays nothing either: it could be asked for without end.
        let paid = mine.filter { $0.outcome?.audit != nil && found[$0.job.id]?.isDryRun == false }
        return terms.fee > 0 ? try fees(paid, terms.fee) : []
    }

    private func fees(_ ends: [Ended], _ fee: Int64) throws -> [Transfer] {
        let owners = try owners(ofMachines: Set(ends.compactMap(\.job.worker)))
        return ends.compactMap { end in
            guard end.state == .completed, let owner = end.job.worker.flatMap({ owners[$0] }),
                owner.text != Member.queenbee.text
            else { return nil }
            return Transfer(
                id: "audit:\(end.job.id.text)/fee", from: Account(OwnerID(Member.queenbee.text), .usdt, .available),
                to: Account(owner, .usdt, .available), amount: fee, reason: .auditFee, reference: end.job.id.text)
        }
    }

    /// One side disputes a report before it settles: the queenbee decides.
    package func disputeAudit(of id: Int64, by member: MemberID, actor: String, reason: String) throws -> Bounty {
        guard let task = try lockBounty(id) else { throw Refusal.notFound("post") }
        guard member == task.author || member == task.assignee else {
            throw Refusal.notAllowed("Only the author or the assignee can dispute an audit")
        }
        guard let job = task.auditJob, try disputeAudit(job, reason: reason) else {
            throw Refusal.wrongState("No audit of this task waits to be settled")
        }
        try notify(.taskInReview, to: Member.queenbee, by: member, bounty: id)
        try record(task.event(.auditDisputed, actor: actor, [("job", job.text)]))
        return task
    }

    /// Settles the reports that nobody disputed in time. Returns how many were due.
    package func settleDueAudits(_ picking: Picking) throws -> Int {
        let due = try dueAudits(picking)
        picking.note(due.map(\.job.text))
        guard !due.isEmpty else { return 0 }
        let tasks = try lockBounties(Set(due.map(\.bounty)).sorted())
        let byID = Dictionary(tasks.map { ($0.id, $0) }) { first, _ in first }
        var settled: [SettledBounty] = []
        for audit in due {
            guard let report = audit.report else { throw InternalError.unreadable("the report of \(audit.job.text)") }
            // Under the task's lock: what was disputed meanwhile isn't marked.
            guard let task = byID[audit.bounty], task.auditJob == audit.job, task.status == .inReview else {
                try supersedeAudit(audit.job)
                continue
            }
            if try markSettled(audit.job) { settled.append(SettledBounty(task, by: report)) }
        }
        try settle(settled, by: Member.queenbee, actor: "audit")
        return due.count
    }
}

extension SettledBounty {
    init(_ task: Bounty, by report: AuditReport) {
        self.init(
            task: task, split: EscrowSplit(task.escrow, by: report),
            reason: "Audit: \(report.passed)/\(report.total) criteria passed")
    }
}
