internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// What leased workers say of a task's tests (CONTRACT 7).
enum Audits {
    static let routes = [
        Route(
            .get, "/posts/{post}/audit", "showAudits",
            "The audits of a task, the newest 20: for its author, its assignee and @queenbee.", .ok(audits), show),
        Route(
            .post, "/posts/{post}/audit-dry-run", "dryRunAudit",
            "Has the tests of an open task of yours run on its untouched branch. 50 a day.", .accepted(audit),
            quotas: [.window { _ in Quota(limit: 50, seconds: 86_400) }], dryRun),
        Route(
            .post, "/posts/{post}/dispute", "disputeAudit",
            "Leaves it to @queenbee to settle a task whose audit waits to be settled. For its author and its assignee.",
            body: dispute, .ok(BountyShapes.changed), disputeAudit),
    ].tagged("Bounties")

    private static let dispute = Input { required("reason", .text(1...1_024)) }

    /// An audit, and the escrow that it divides; nil when it divides none.
    private typealias Shown = (audit: Audit, escrow: Bounty.Escrow?)

    private static let split = Shape<EscrowSplit> {
        field("assignee_payout", .integer) { $0.payout }
        field("poster_refund", .integer) { $0.refund }
        field("assignee_escrow_return", .integer) { $0.depositReturn }
        field("assignee_escrow_penalty", .integer) { $0.penalty }
    }

    private static let audit = Shape<Shown>("Audit") {
        field("id", .id(format: "uuid"), "The job's.") { $0.audit.job }
        field("dry_run", .boolean) { $0.audit.isDryRun }
        field("status", .choice) { $0.audit.state }
        field("passed", .nullable(.integer)) { $0.audit.report?.passed }
        field("failed", .nullable(.integer)) { $0.audit.report?.failed }
        field("total", .nullable(.integer)) { $0.audit.report?.total }
        field("log", .nullable(.string)) { $0.audit.report?.log }
        field("reason", .nullable(.string)) { $0.audit.reason }
        field("split", .nullable(split), "How it divides the escrow.") { shown in
            guard let report = shown.audit.report, let escrow = shown.escrow else { return nil }
            return EscrowSplit(escrow, by: report)
        }
        field("created_at", .instant) { $0.audit.createdAt }
        field("reported_at", .nullable(.instant)) { $0.audit.reportedAt }
        field("settles_at", .nullable(.instant)) { $0.audit.settlesAt }
    }

    private static let audits = Shape<(id: Int64, audits: [Shown])> {
        field("post_id", .decimalID) { $0.id }
        field("audits", .array(audit)) { $0.audits }
    }

    private static func show(_ call: Call, _ caller: MemberContext) async throws -> (id: Int64, audits: [Shown]) {
        let id = try call.bountyID()
        let found = try await call.database.read { tx -> [Shown] in
            guard let task = try tx.bounty(id) else { throw Refusal.notFound("post") }
            let member = caller.memberID
            guard try member == task.author || member == task.assignee || tx.member(member)?.role == .queenbee else {
                throw Refusal.notAllowed("Only the author, the assignee and @queenbee can see the audits of a task")
            }
            // As it was when the audit ran: what a task has in escrow is nothing once it is settled.
            let escrow = Bounty.Escrow(
                status: .bothHeld, poster: task.points, assignee: Bounty.Escrow.deposit(on: task.points))
            return try tx.audits(of: id, limit: 20).map { ($0, $0.isDryRun ? nil : escrow) }
        }
        return (id, found)
    }

    private static func dryRun(_ call: Call, _ member: MemberContext) async throws -> Shown {
        let id = try call.bountyID()
        let broker = call.dependencies.broker
        let (audit, jobs) = try await call.database.write { tx in
            try tx.dryRunAudit(
                of: id, by: member.memberID, actor: member.actor, hints: broker.classIndex.submitHints)
        }
        broker.announce(jobs)
        return (audit, nil)
    }

    static func disputeAudit(_ call: Call, _ member: MemberContext, _ reason: String) throws -> Effect<Bounty> {
        let id = try call.bountyID()
        return Effect(for: member.owner) { tx in
            try tx.disputeAudit(of: id, by: member.memberID, actor: member.actor, reason: reason)
        }
    }
}
