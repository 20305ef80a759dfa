/// What may become of a task (CONTRACT 7).
package enum BountyRules {
    /// How long an escrow task may stay in review before both sides get theirs back, in milliseconds: 30 days, for when
    /// neither an audit nor the queenbee decides.
    package static let longestReview: Int64 = 30 * 86_400_000

    /// Whether the seed lets a task go from one status to the other; the same again is no step.
    package static func isStep(from: Bounty.Status, to: Bounty.Status) -> Bool {
        switch (from, to) {
        case (.open, .claimed), (.claimed, .inProgress), (.inProgress, .inReview), (.inReview, .done): true
        // From `open` only its author, which `check` sees to.
        case (.open, .cancelled), (.claimed, .cancelled), (.inProgress, .cancelled), (.inReview, .cancelled): true
        default: false
        }
    }

    /// Throws unless `member`, its author or its assignee, may move the task to `status`, which is not its own.
    package static func check(_ task: Bounty, to status: Bounty.Status, by member: MemberID, at now: Int64) throws {
        guard isStep(from: task.status, to: status) else {
            throw Refusal.wrongState(
                "A task can't go from \(task.status.rawValue) to \(status.rawValue)" + steps(from: task.status))
        }
        let isHeld = task.escrow.status == .bothHeld
        switch status {
        case .inProgress, .inReview:
            guard !isHeld || member == task.assignee else {
                throw Refusal.notAllowed("Only the assignee can move an escrow task to \(status.rawValue)")
            }
            try checkDeadline(of: task, at: now)
        case .done where task.escrow.isHeld:
            throw Refusal.wrongState("An escrow task is done by its settlement: by the audit or by @queenbee")
        case .cancelled where isHeld && member != task.assignee:
            throw Refusal.notAllowed(
                "While both sides hold escrow only the assignee can cancel, forfeiting the deposit")
        case .cancelled where task.status == .open && member != task.author:
            throw Refusal.notAllowed("Only the author can cancel an open task")
        default: break
        }
    }

    /// Throws when an escrow task's deadline has passed.
    package static func checkDeadline(of task: Bounty, at now: Int64) throws {
        guard task.escrow.isHeld, let deadline = task.deadline, deadline <= now else { return }
        throw Refusal.wrongState("The deadline of this escrow task has passed")
    }

    private static func steps(from status: Bounty.Status) -> String {
        let next = Bounty.Status.allCases.filter { isStep(from: status, to: $0) }.map(\.rawValue)
        return next.isEmpty ? ": it has ended" : "; it can go to \(next.joined(separator: " or "))"
    }
}

/// How what is in escrow is divided when a task ends, in points.
package struct EscrowSplit: Sendable, Equatable {
    /// To the assignee and to the poster, out of what the poster set aside.
    package var payout: Int64
    package var refund: Int64
    /// To the assignee and to the poster, out of the assignee's deposit.
    package var depositReturn: Int64
    package var penalty: Int64

    package init(payout: Int64, refund: Int64, depositReturn: Int64, penalty: Int64) {
        self.payout = payout
        self.refund = refund
        self.depositReturn = depositReturn
        self.penalty = penalty
    }

    /// Whether it divides all that is held, and nothing more. No sum overflows, whatever the amounts.
    package func matches(_ escrow: Bounty.Escrow) -> Bool {
        [payout, refund, depositReturn, penalty].allSatisfy { (0...Money.maxMinorUnits).contains($0) }
            && payout + refund == escrow.poster && depositReturn + penalty == escrow.assignee
    }

    /// By an audit's report: the passed part of the bounty, rounded down; the deposit comes back when at least half
    /// passed (CONTRACT 7).
    package init(_ escrow: Bounty.Escrow, by report: AuditReport) {
        let product = escrow.poster.multipliedFullWidth(by: report.passed)
        // `passed` is at most `total`, so the quotient is at most what is held.
        payout = product.high < report.total ? report.total.dividingFullWidth(product).quotient : escrow.poster
        refund = escrow.poster - payout
        depositReturn = report.passed >= report.total - report.passed ? escrow.assignee : 0
        penalty = escrow.assignee - depositReturn
    }

    /// Of a task that was given up, or ran out of time: the poster gets all of it. But an assignee to whom the author
    /// gave the task, and who never began with it, owes nothing: nobody's points can be had by giving them a task.
    package static func givenUp(_ task: Bounty) -> EscrowSplit {
        if task.isAssigned, task.status == .claimed { return undone(task.escrow) }
        let escrow = task.escrow
        return EscrowSplit(payout: 0, refund: escrow.poster, depositReturn: 0, penalty: escrow.assignee)
    }

    /// Each side gets its own back.
    package static func undone(_ escrow: Bounty.Escrow) -> EscrowSplit {
        EscrowSplit(payout: 0, refund: escrow.poster, depositReturn: escrow.assignee, penalty: 0)
    }
}

/// What a worker says of a task's tests (CONTRACT 7).
package struct AuditReport: Sendable, Equatable {
    package static let maxTotal: Int64 = 1_000_000_000
    /// Bytes of the log that are kept: its end.
    package static let maxLogBytes = 65_536

    /// 0…`total`.
    package let passed: Int64
    /// 1…10⁹.
    package let total: Int64
    package let log: String

    package var failed: Int64 { total - passed }

    /// nil unless the numbers go together.
    package init?(passed: Int64, failed: Int64, total: Int64, log: String) {
        guard (1...Self.maxTotal).contains(total), (0...total).contains(passed), failed == total - passed,
            log.utf8.count <= Self.maxLogBytes
        else { return nil }
        self.passed = passed
        self.total = total
        self.log = log
    }
}

/// What the operator sets for audits.
package struct AuditTerms: Sendable {
    /// How long a report waits for a dispute before it settles, in milliseconds; 0 settles in the report's commit
    /// (`AUDIT_DISPUTE_HOURS`).
    package var disputeMilliseconds: Int64
    /// Minor units of USDT that the queenbee pays the auditor's owner for an accepted report, as far as it has them
    /// (`AUDIT_FEE_USDT`).
    package var fee: Int64

    package init(disputeMilliseconds: Int64 = 0, fee: Int64 = 0) {
        self.disputeMilliseconds = disputeMilliseconds
        self.fee = fee
    }
}

/// A run of a task's tests by a leased worker.
package struct Audit: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// For a worker, or for its report.
        case waiting
        /// The report waits until it settles.
        case reported
        /// A side disputes it: the queenbee decides.
        case disputed
        case settled
        /// No worker could report: the queenbee decides.
        case failed
        /// The task ended otherwise first.
        case superseded
    }

    package var job: JobID
    package var bounty: Int64
    package var isDryRun: Bool
    package var state: State
    package var report: AuditReport?
    /// Of a dispute or a failure.
    package var reason: String?
    package var createdAt: Int64
    package var reportedAt: Int64?
    package var settlesAt: Int64?

    package init(
        job: JobID, bounty: Int64, isDryRun: Bool, state: State, report: AuditReport?, reason: String?,
        createdAt: Int64, reportedAt: Int64?, settlesAt: Int64?
    ) {
        self.job = job
        self.bounty = bounty
        self.isDryRun = isDryRun
        self.state = state
        self.report = report
        self.reason = reason
        self.createdAt = createdAt
        self.reportedAt = reportedAt
        self.settlesAt = settlesAt
    }
}
