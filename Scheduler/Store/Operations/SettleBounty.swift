package import Domain

/// How a locked task is settled.
struct SettledBounty {
    var task: Bounty
    var split: EscrowSplit
    /// For the record.
    var reason: String?
}

extension Transaction {
    /// Pays a bounty that isn't in escrow, and ends its task.
    package func completeBounty(_ id: Int64, by author: MemberID, actor: String) throws -> Bounty {
        guard var task = try lockBounty(id) else { throw Refusal.notFound("post") }
        guard task.author == author else { throw Refusal.notAllowed("Only the author can complete a task") }
        guard let assignee = task.assignee else {
            throw Refusal.invalid(field: "task", message: "The task has no assignee to pay")
        }
        guard task.escrow.status == .none else {
            throw Refusal.invalid(field: "escrow", message: "Only @queenbee can settle an escrow task, by /settle")
        }
        guard !task.status.isEnded else { throw Refusal.wrongState("The task is already \(task.status.rawValue)") }
        try post(task.payment(to: assignee))
        let status = task.status
        (task.status, task.completedAt, task.updatedAt) = (.done, now, now)
        try end(task, seen: status)
        try notify(.taskCompleted, to: assignee, by: author, bounty: id)
        try record(task.event(.bountySettled, actor: actor, [("payout", String(task.points))]))
        return task
    }

    /// Divides an escrow task's money by the queenbee's word, and ends the task. Refusals in the order of CONTRACT 7.
    package func settleBounty(
        _ id: Int64, _ split: EscrowSplit, reason: String?, by member: MemberID, actor: String
    ) throws -> Bounty {
        guard let seen = try bounty(id) else { throw Refusal.notFound("post") }
        guard try self.member(member)?.role == .queenbee else {
            throw Refusal.notAllowed("Only @queenbee can settle an escrow task")
        }
        guard let task = try lockBounty(id, endingAuditOf: seen, actor: actor) else { throw Refusal.notFound("post") }
        guard !task.status.isEnded else { throw Refusal.wrongState("The task is already \(task.status.rawValue)") }
        guard task.assignee != nil else {
            throw Refusal.invalid(field: "task", message: "The task has no assignee to settle with")
        }
        guard task.escrow.isHeld else {
            throw Refusal.invalid(field: "escrow", message: "The task has no escrow; its author completes it")
        }
        guard split.payout + split.refund == task.escrow.poster else {
            throw Refusal.invalid(
                field: "assignee_payout",
                message: "assignee_payout + poster_refund must equal poster_escrow (\(task.escrow.poster))")
        }
        guard split.matches(task.escrow) else {
            throw Refusal.invalid(
                field: "assignee_escrow_return",
                message: "assignee_escrow_return + assignee_escrow_penalty must equal assignee_escrow "
                    + "(\(task.escrow.assignee))")
        }
        let settled = SettledBounty(task: task, split: split, reason: reason)
        return try settle([settled], by: member, actor: actor).first ?? task
    }

    /// Divides all that locked tasks have in escrow, and ends them.
    /// - Returns: the tasks as they ended.
    @discardableResult
    func settle(_ settled: [SettledBounty], by member: MemberID, actor: String) throws -> [Bounty] {
        try postHeld(settled.flatMap { $0.task.settlement($0.split) })
        var events: [Event] = []
        let tasks = try settled.map { settled in
            let (task, split) = (settled.task, settled.split)
            var ended = task
            (ended.status, ended.completedAt, ended.updatedAt) = (.done, now, now)
            ended.escrow = Bounty.Escrow(status: .settled)
            try end(ended, seen: task.status)
            try tell(.taskCompleted, of: ended, by: member, queenbee: false)
            var facts = [("payout", String(split.payout)), ("refund", String(split.refund))]
            facts += [("deposit_return", String(split.depositReturn)), ("penalty", String(split.penalty))]
            if let reason = settled.reason { facts.append(("reason", reason)) }
            events.append(ended.event(.bountySettled, actor: actor, facts))
            return ended
        }
        try record(events)
        return tasks
    }

    /// Ends escrow tasks that weren't handed in before their deadline: the bounty goes back, a deposit is forfeited.
    /// Returns how many.
    package func expireBounties(_ picking: Picking) throws -> Int {
        let overdue = try lockOverdueBounties(picking)
        picking.note(overdue.map { String($0.id) })
        try refund(overdue.map { ($0, .givenUp($0)) }, reason: "deadline")
        return overdue.count
    }

    /// Ends escrow tasks on which nobody has decided for `BountyRules.longestReview`: each side gets its own back.
    /// Returns how many.
    package func endStaleReviews(_ picking: Picking) throws -> Int {
        let stale = try lockStaleReviews(before: now - BountyRules.longestReview, picking)
        picking.note(stale.map { String($0.id) })
        try refund(stale.map { ($0, .undone($0.escrow)) }, reason: "review")
        return stale.count
    }

    private func refund(_ tasks: [(Bounty, EscrowSplit)], reason: String) throws {
        guard !tasks.isEmpty else { return }
        try postHeld(tasks.flatMap { $0.settlement($1) })
        var events: [Event] = []
        for (task, _) in tasks {
            var ended = task
            (ended.status, ended.updatedAt) = (.cancelled, now)
            ended.escrow = Bounty.Escrow(status: .refunded)
            try end(ended, seen: task.status)
            if let job = task.auditJob { try supersedeAudit(job) }
            try tell(.taskCancelled, of: ended, by: Member.queenbee)
            try notify(.taskCancelled, to: Member.queenbee, by: task.author, bounty: task.id)
            events.append(ended.event(.bountyRefunded, actor: "system", [("reason", reason)]))
        }
        try record(events)
    }

    private func end(_ task: Bounty, seen status: Bounty.Status) throws {
        try updateBounty(task, seen: status)
        if !task.labels.isEmpty { try writeLabels(of: task) }
    }
}
