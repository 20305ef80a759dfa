package import Bytes
package import Domain

/// What a call changes of a task; what is nil stays.
package struct BountyChange: Sendable {
    package var status: Bounty.Status?
    package var priority: Bounty.Priority?
    package var labels: [String]?
    package var repoURL = Change<String>.keep
    package var branch = Change<String>.keep
    package var prURL = Change<String>.keep
    package var estimatedEffort = Change<String>.keep

    package init() {}
}

/// A task after a change, and the audit that it started.
package struct MovedBounty: Sendable {
    package var task: Bounty
    package var audit: [AcceptedJob] = []
}

extension Transaction {
    /// Changes a task by its author or assignee; anybody may claim an open one (`open` → `claimed`), by the rules of
    /// `claimBounty`. A step to `in_review` starts the audit of an escrow task that names its tests.
    package func moveBounty(
        _ id: Int64, by member: MemberID, actor: String, _ change: BountyChange, hints: SubmitHints
    ) throws -> MovedBounty {
        guard let seen = try bounty(id) else { throw Refusal.notFound("task") }
        var change = change
        let isStranger = member != seen.author && member != seen.assignee
        if change.status == .claimed, seen.status == .open || isStranger {
            _ = try claimBounty(id, by: member, actor: actor)
            change.status = nil
        }
        let ends = change.status == .cancelled
        let locked = try ends ? lockBounty(id, endingAuditOf: seen, actor: actor) : lockBounty(id)
        guard var task = locked else { throw Refusal.notFound("task") }
        guard member == task.author || member == task.assignee else {
            throw Refusal.notAllowed("Only the author or the assignee can change a task")
        }
        let before = task
        guard before.status != .inReview || !before.escrow.isHeld || !change.namesCode(of: before) else {
            throw Refusal.wrongState("repo_url and branch can't be changed while an escrow task is in review")
        }
        guard before.escrow.status != .bothHeld || member == before.assignee || !change.namesCode(of: before) else {
            throw Refusal.notAllowed("While both sides hold escrow only the assignee can change repo_url and branch")
        }
        if let status = change.status, status != before.status {
            try BountyRules.check(before, to: status, by: member, at: now)
        }
        change.apply(to: &task)
        guard task != before else { return MovedBounty(task: before) }
        task.updatedAt = now
        var moved = MovedBounty(task: task)
        if task.status != before.status { try step(&moved, from: before, by: member, actor: actor, hints: hints) }
        try updateBounty(moved.task, seen: before.status)
        try writeLabels(of: moved.task, before: before.labels)
        try record(moved.task.event(.bountyMoved, actor: actor, [("from", before.status.rawValue)]))
        return moved
    }

    /// What a step brings about: money, an audit, and who is told.
    private func step(
        _ moved: inout MovedBounty, from before: Bounty, by member: MemberID, actor: String, hints: SubmitHints
    ) throws {
        let task = moved.task
        switch task.status {
        case .inReview:
            try tell(.taskInReview, of: task, by: member)
            if task.escrow.status == .bothHeld, let job = try startAudit(of: task, hints: hints, actor: actor) {
                moved.task.auditJob = job.id
                moved.audit = [job]
            }
        case .done:
            moved.task.completedAt = now
            try tell(.taskCompleted, of: task, by: member, queenbee: false)
        case .cancelled:
            if before.escrow.isHeld {
                try postHeld(before.settlement(.givenUp(before)))
                moved.task.escrow = Bounty.Escrow(status: .refunded)
            }
            try tell(.taskCancelled, of: task, by: member)
        case .open, .claimed, .inProgress: break
        }
    }

    /// Tells both sides, and the queenbee, what `member` did.
    func tell(_ kind: Notification.Kind, of task: Bounty, by member: MemberID, queenbee: Bool = true) throws {
        var others = [task.author]
        if let assignee = task.assignee { others.append(assignee) }
        if queenbee, !others.contains(Member.queenbee) { others.append(Member.queenbee) }
        for other in others { try notify(kind, to: other, by: member, bounty: task.id) }
    }
}

extension BountyChange {
    /// Whether another code would be audited.
    fileprivate func namesCode(of task: Bounty) -> Bool {
        repoURL.applied(to: task.repoURL) != task.repoURL || branch.applied(to: task.branch) != task.branch
    }

    fileprivate func apply(to task: inout Bounty) {
        task.status = status ?? task.status
        task.priority = priority ?? task.priority
        task.labels = labels ?? task.labels
        task.repoURL = repoURL.applied(to: task.repoURL)
        task.branch = branch.applied(to: task.branch)
        task.prURL = prURL.applied(to: task.prURL)
        task.estimatedEffort = estimatedEffort.applied(to: task.estimatedEffort)
    }
}
