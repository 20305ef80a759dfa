internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Who works on a task, and how it is paid (bee:hack's seed, Posts). Each takes an `Idempotency-Key`.
enum Assignments {
    static let routes = [
        Route(
            .post, "/posts/{post}/claim", "claimBounty",
            "Takes an open `fcfs` task; in escrow a tenth of its points is deducted and held.",
            .ok(BountyShapes.changed),
            claim),
        Route(
            .post, "/posts/{post}/assign", "assignBounty",
            "Gives an open task of yours to a member; in escrow a tenth of its points is deducted from it and held.",
            body: assignment, .ok(BountyShapes.changed), assign),
        Route(
            .post, "/posts/{post}/complete", "completeBounty",
            "Pays a task of yours that isn't in escrow, and marks it done.", .ok(completed), complete),
        Route(
            .post, "/posts/{post}/settle", "settleBounty", "Divides what a task has in escrow. For @queenbee.",
            body: split, .ok(settled), settle),
        Route(
            .get, "/posts/{post}/escrow", "showEscrow", "What is held for a task.", .ok(escrow), showEscrow),
    ].tagged("Bounties")

    private static let assignment = Input { required("handle", BountyShapes.handle) }

    private static let completed = Shape<Bounty> {
        BountyShapes.changed
        field("points_awarded", BountyShapes.points) { $0.points }
    }

    private static let split = Input {
        required("assignee_payout", BountyShapes.amount)
        required("poster_refund", BountyShapes.amount)
        required("assignee_escrow_return", BountyShapes.amount)
        required("assignee_escrow_penalty", BountyShapes.amount)
        optional("reason", .text(0...1_024))
    }

    private typealias Settled = (task: Bounty, split: EscrowSplit)

    private static let settlement = Shape<Settled> {
        field("assignee_handle", .nullable(BountyShapes.handle)) { $0.task.assigneeHandle }
        field("assignee_received", .integer) { $0.split.payout + $0.split.depositReturn }
        field("poster_handle", BountyShapes.handle) { $0.task.authorHandle }
        field("poster_received", .integer) { $0.split.refund + $0.split.penalty }
        field("task_status", .choice) { $0.task.status }
        field("escrow_status", .choice) { $0.task.escrow.status }
    }

    private static let settled = Shape<Settled> {
        constant("ok", true)
        field("settlement", settlement) { $0 }
    }

    private static let escrow = Shape<Bounty> {
        field("post_id", .decimalID) { $0.id }
        field("poster_escrow", BountyShapes.amount) { $0.escrow.poster }
        field("assignee_escrow", BountyShapes.amount) { $0.escrow.assignee }
        field("escrow_status", .choice) { $0.escrow.status }
        field("poster_handle", BountyShapes.handle) { $0.authorHandle }
        field("assignee_handle", .nullable(BountyShapes.handle)) { $0.assigneeHandle }
    }

    static func claim(_ call: Call, _ member: MemberContext) throws -> Effect<Bounty> {
        let id = try call.bountyID()
        return Effect(for: member.owner) { try $0.claimBounty(id, by: member.memberID, actor: member.actor) }
    }

    static func assign(_ call: Call, _ member: MemberContext, _ handle: String) throws -> Effect<Bounty> {
        let id = try call.bountyID()
        let handle = handle.trimmed.lowercased()
        return Effect(for: member.owner) { tx in
            try tx.assignBounty(id, to: handle, by: member.memberID, actor: member.actor)
        }
    }

    static func complete(_ call: Call, _ member: MemberContext) throws -> Effect<Bounty> {
        let id = try call.bountyID()
        return Effect(for: member.owner) { try $0.completeBounty(id, by: member.memberID, actor: member.actor) }
    }

    private static func settle(
        _ call: Call, _ member: MemberContext, _ body: (Int64, Int64, Int64, Int64, String?)
    ) throws -> Effect<Settled> {
        let id = try call.bountyID()
        let (payout, refund, depositReturn, penalty, reason) = body
        let split = EscrowSplit(payout: payout, refund: refund, depositReturn: depositReturn, penalty: penalty)
        return Effect(for: member.owner) { tx in
            let task = try tx.settleBounty(id, split, reason: reason, by: member.memberID, actor: member.actor)
            return (task, split)
        }
    }

    static func showEscrow(_ call: Call, _ anyone: PublicContext) async throws -> Bounty {
        try await Posts.show(call, anyone)
    }
}
