import Bytes
import Domain
import Store
import Support
import Testing

/// One way in which points can move, or must not, with what is there afterwards. The bounty is 25, the deposit 3.
struct MoneyCase: Sendable {
    /// What happened to one task.
    struct Deal: Sendable {
        let lab: BeeHackLab
        let poster: Bee
        let assignee: Bee
        let id: String

        func bring(to stage: Stage, escrow: Bool = true) async throws {
            try await lab.bring(id, to: stage, by: poster, for: assignee, escrow: escrow)
        }

        /// Brings the task into review and runs its audit by a new machine up to the report.
        func audit() async throws -> Held {
            try await bring(to: .inReview)
            return try await lab.audit(by: lab.auditor())
        }

        func audit(_ passed: Int64, of total: Int64) async throws {
            let held = try await audit()
            #expect(try await lab.plane.report(held, "result", BeeHackLab.verdict(passed, of: total)).status == 200)
            try await lab.sweep()
        }

        /// Lets the deadline of an hour pass.
        func pass() async throws {
            lab.plane.clock.advance(by: .seconds(3_601))
            try await lab.sweep()
        }

        func settle(_ payout: Int64, _ refund: Int64, _ back: Int64, _ penalty: Int64) async throws {
            try lab.must(await lab.settle(id, Split(payout, refund, back, penalty)))
        }

        /// A call that has to be refused.
        func refuse(_ status: Int, _ reply: PlaneReply) {
            #expect(reply.status == status, "\(reply.status) \(reply.text)")
        }
    }

    let name: String
    var fields: JSON = ["escrow": true]
    /// What poster and assignee may spend afterwards.
    let balances: [Int64]
    /// Of the task; `404` when it is gone.
    let escrow: String
    let stage: String
    /// What moved the poster's points, and the assignee's, in any order.
    let poster: [String]
    let assignee: [String]
    let happens: @Sendable (Deal) async throws -> Void

    init(
        _ name: String, _ fields: JSON = ["escrow": true], balances: [Int64], _ escrow: String, _ stage: String,
        poster: [String] = [], assignee: [String] = [], _ happens: @escaping @Sendable (Deal) async throws -> Void
    ) {
        self.name = name
        self.fields = fields
        self.balances = balances
        self.escrow = escrow
        self.stage = stage
        self.poster = poster
        self.assignee = assignee
        self.happens = happens
    }

    /// Runs the case with two new members, and compares.
    func check(_ lab: BeeHackLab, number: Int) async throws {
        let (maya, noor) = try await lab.join("poster_\(number)", "assignee_\(number)")
        let dated = JSON.object((fields.members ?? []) + [.init("deadline", lab.instant(in: 3_600))])
        let id = try await lab.post(by: maya, dated)
        try await happens(Deal(lab: lab, poster: maya, assignee: noor, id: id))
        for round in ["at once", "and after another sweep"] {
            let label = Comment(rawValue: "\(name), \(round)")
            let found = [try await lab.points(of: maya), try await lab.points(of: noor)]
            #expect(found == balances, label)
            #expect(try await lab.escrow(id) == escrow, label)
            #expect(try await lab.stage(id) == stage, label)
            #expect(try await lab.lines(of: maya, on: id).sorted() == poster.sorted(), label)
            #expect(try await lab.lines(of: noor, on: id).sorted() == assignee.sorted(), label)
            try await lab.expectSum(label)
            try await lab.sweep()
        }
        try await clear(lab, id, by: maya)
    }

    /// Ends what a case left open, so that no later one finds it.
    private func clear(_ lab: BeeHackLab, _ id: String, by poster: Bee) async throws {
        if escrow.hasSuffix("both_held") { try lab.must(await lab.giveBack(id)) }
        if escrow.hasSuffix("poster_held") { try lab.must(await lab.delete(id, by: poster)) }
    }
}

/// What the lines of a task say when it was held by one, or by both.
extension MoneyCase {
    static let hold = "escrow_hold -25"
    static let deposit = "escrow_hold -3"
    static let plain: JSON = [:]

    /// The poster has all again, and the deposit.
    static let forfeited = [hold, "refund +25", "escrow_forfeit +3"]
}
