import Bytes
import Domain
import Support
import Testing

/// When the operator gives the sides a day to dispute what an audit reported.
@Suite("Disputes of audits", .timeLimit(.minutes(2)))
struct AuditDisputeTests {
    private static let terms = AuditTerms(disputeMilliseconds: 86_400_000)

    /// A task of maya's that noor did, with an audit's report of half its tests.
    private struct Reported {
        let lab: BeeHackLab
        let maya: Bee
        let noor: Bee
        let id: String

        init(_ lab: BeeHackLab, suffix: String = "", _ fields: JSON = [:]) async throws {
            self.lab = lab
            (maya, noor) = try await lab.join("maya\(suffix)", "noor\(suffix)")
            id = try await lab.post(by: maya, BeeHackLab.audited(with: fields))
            try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
            let held = try await lab.audit(by: lab.auditor())
            try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 2))
        }

        var balances: [Int64] { get async throws { try await [lab.points(of: maya), lab.points(of: noor)] } }

        func dispute(by bee: Bee?, _ body: JSON = ["reason": "It does count."]) async throws -> PlaneReply {
            try await lab.send("POST", "/posts/\(id)/dispute", bee, body)
        }
    }

    @Test("a report waits its day, and then settles", arguments: TestDatabase.all)
    func due(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: Self.terms) { lab in
            let task = try await Reported(lab)
            let audit = try #require(try await lab.audits(of: task.id, task.noor).first)
            let reported = try #require(audit["reported_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(audit["settles_at"]?.string.flatMap { RFC3339.parse($0) } == reported + 86_400_000)
            #expect(audit["status"] == "reported" && audit["passed"] == 1 && audit["total"] == 2)
            for hours in [0, 23] {
                lab.plane.clock.advance(by: .seconds(3_600 * hours))
                try await lab.sweep()
                #expect(try await lab.escrow(task.id) == "25/3 both_held")
                #expect(try await lab.stage(task.id) == "in_review")
            }
            lab.plane.clock.advance(by: .seconds(3_601))
            for _ in 0..<2 { try await lab.sweep() }
            #expect(try await lab.escrow(task.id) == "0/0 settled")
            #expect(try await task.balances == [88, 112])
            #expect(try await lab.audits(of: task.id, task.maya).first?["status"] == "settled")
            #expect(try await task.dispute(by: task.maya).status == 409, "too late")
        }
    }

    @Test("either side disputes it, once, and then the queenbee decides", arguments: TestDatabase.all)
    func disputed(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: Self.terms) { lab in
            let stranger = try await lab.join("omar")
            for (number, byAuthor) in [true, false].enumerated() {
                let task = try await Reported(lab, suffix: "_\(number)")
                let (side, other) = byAuthor ? (task.maya, task.noor) : (task.noor, task.maya)
                for (bee, status) in [(nil, 401), (stranger, 403), (lab.queenbee, 403)] as [(Bee?, Int)] {
                    #expect(try await task.dispute(by: bee).status == status)
                }
                for body in [[:], ["reason": ""], ["reason": 1], ["reason": "r", "x": 1], []] as [JSON] {
                    #expect(try await task.dispute(by: side, body).status == 400, "\(body.text())")
                }
                let reply = try await task.dispute(by: side)
                #expect((200...202).contains(reply.status), "\(reply.text)")
                #expect(try await task.dispute(by: other).status == 409, "it doesn't wait to settle any more")
                lab.plane.clock.advance(by: .seconds(7 * 86_400))
                try await lab.sweep()
                #expect(try await lab.escrow(task.id) == "25/3 both_held")
                #expect(try await lab.audits(of: task.id, side).first?["status"] == "disputed")
                try lab.must(await lab.settle(task.id, Split(20, 5, 3, 0)))
                #expect(try await task.balances == [80, 120])
            }
        }
    }

    @Test("nothing but a report that waits is disputed", arguments: TestDatabase.all)
    func refusals(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: Self.terms) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for stage in Stage.allCases {
                let id = try await lab.post(by: maya, BeeHackLab.audited(with: ["points": 5]))
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: true)
                let reply = try await lab.send("POST", "/posts/\(id)/dispute", maya, ["reason": "r"])
                #expect(reply.status == 409, "\(stage): \(reply.text)")
            }
        }
        try await BeeHackLab.run(database) { lab in
            let task = try await Reported(lab)
            #expect(try await task.balances == [88, 112], "without a time for disputes it settled at once")
            #expect(try await task.dispute(by: task.maya).status == 409)
        }
    }

    @Test("a settlement by hand, a cancel and a deadline in that day", arguments: TestDatabase.all)
    func meanwhile(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: Self.terms) { lab in
            let settled = try await Reported(lab, suffix: "_1")
            try lab.must(await lab.settle(settled.id, Split(25, 0, 3, 0)))
            let cancelled = try await Reported(lab, suffix: "_2")
            try lab.must(await lab.move(cancelled.id, to: .cancelled, by: cancelled.noor))
            let late = try await Reported(lab, suffix: "_3", ["deadline": lab.instant(in: 3_600)])
            lab.plane.clock.advance(by: .seconds(3_601))
            try await lab.sweep()
            #expect(try await lab.escrow(late.id) == "25/3 both_held", "it is in review")
            lab.plane.clock.advance(by: .seconds(86_400))
            for _ in 0..<2 { try await lab.sweep() }
            #expect(try await settled.balances == [75, 125])
            #expect(try await cancelled.balances == [103, 97])
            #expect(try await late.balances == [88, 112])
        }
    }

    @Test("a dispute, a settlement by hand and the end of the day: one of them", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: Self.terms) { lab in
            for round in 0..<6 {
                let task = try await Reported(lab, suffix: "_\(round)")
                lab.plane.clock.advance(by: .seconds(86_401))
                let (id, maya, noor) = (task.id, task.maya, task.noor)
                let statuses = try await atOnce(4) { number in
                    switch number {
                    case 0, 1:
                        try await lab.sweep()
                        return 0
                    case 2: return try await lab.send("POST", "/posts/\(id)/dispute", maya, ["reason": "r"]).status
                    default:
                        return round % 2 == 0
                            ? try await lab.settle(id, Split(0, 25, 0, 3)).status
                            : try await lab.move(id, to: .cancelled, by: noor).status
                    }
                }
                let state = "\(try await lab.escrow(id)) \(try await task.balances)"
                let byHand = round % 2 == 0 ? "0/0 settled [103, 97]" : "0/0 refunded [103, 97]"
                if statuses[3] == 200 {
                    #expect(state == byHand, "\(statuses)")
                } else {
                    #expect(statuses[2] == 200 ? state == "25/3 both_held [75, 97]" : state == "0/0 settled [88, 112]")
                }
                try await lab.expectSum("round \(round)")
            }
        }
    }
}
