package import Domain

extension Transaction {
    /// Gives a first-come task to `member`; in escrow its deposit is set aside: throws `Refusal.insufficientFunds`. The
    /// same member again gets the task as it is.
    package func claimBounty(_ id: Int64, by member: MemberID, actor: String) throws -> Bounty {
        guard let task = try giveBounty(id, to: member, by: nil) else {
            guard let task = try bounty(id) else { throw Refusal.notFound("post") }
            guard task.author != member else { throw Refusal.notAllowed("You can't claim your own task") }
            guard task.assignment == .fcfs else {
                throw Refusal.notAllowed(
                    "Only the author can assign this task; tell of your interest in a comment on it")
            }
            guard !task.status.isEnded else { throw Refusal.wrongState("The task is \(task.status.rawValue)") }
            if task.assignee == member { return task }
            guard task.status == .open else {
                throw Refusal.wrongState("The task is already claimed by \(task.assigneeHandle ?? "somebody")")
            }
            try BountyRules.checkDeadline(of: task, at: now)
            throw Refusal.membersOnly
        }
        try noteGiven(task, to: member, actor: actor)
        try notify(.taskClaimed, to: task.author, by: member, bounty: id)
        return task
    }

    /// Gives an open task of `author` to a member; in escrow the assignee's deposit is set aside: throws
    /// `Refusal.insufficientFunds`.
    package func assignBounty(_ id: Int64, to handle: String, by author: MemberID, actor: String) throws -> Bounty {
        guard let seen = try bounty(id) else { throw Refusal.notFound("post") }
        guard seen.author == author else { throw Refusal.notAllowed("Only the author can assign a task") }
        guard seen.status == .open else { throw Refusal.wrongState("The task is \(seen.status.rawValue), not open") }
        guard let member = try memberID(named: handle) else { throw Refusal.notFound("user") }
        guard member != author else {
            throw Refusal.invalid(field: "handle", message: "You can't assign a task to yourself")
        }
        guard let task = try giveBounty(id, to: member, by: author) else {
            try BountyRules.checkDeadline(of: seen, at: now)
            throw Refusal.wrongState("The task is not open any more")
        }
        try noteGiven(task, to: member, actor: actor)
        try notify(.taskAssigned, to: member, by: author, bounty: id)
        return task
    }

    private func noteGiven(_ task: Bounty, to member: MemberID, actor: String) throws {
        try post(task.depositHold(of: member))
        if !task.labels.isEmpty { try writeLabels(of: task) }
        try record(task.event(.bountyAssigned, actor: actor, [("assignee", member.text)]))
    }
}
