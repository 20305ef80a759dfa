import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Completing and settling tasks", .timeLimit(.minutes(2)))
struct BountySettleTests {
    @Test("completing pays the bounty, from each stage that has an assignee", arguments: TestDatabase.all)
    func complete(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for (number, stage) in [Stage.claimed, .inProgress, .inReview].enumerated() {
                let id = try await lab.post(by: maya)
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: false)
                for (bee, status) in [(nil, 401), (noor, 403), (lab.queenbee, 403)] as [(Bee?, Int)] {
                    #expect(try await lab.complete(id, by: bee).status == status)
                }
                let reply = try lab.must(await lab.complete(id, by: maya))
                #expect(reply["ok"] == true && reply["points_awarded"] == 25)
                #expect(reply["item"]?["id"]?.string == id && reply["item"]?["task_status"] == "done")
                #expect(try await lab.task(id)["completed_at"]?.string.flatMap { RFC3339.parse($0) } != nil)
                #expect(try await lab.points(of: maya) == 100 - 25 * Int64(number + 1))
                #expect(try await lab.points(of: noor) == 100 + 25 * Int64(number + 1))
                #expect(try await lab.complete(id, by: maya).status == 409)
                #expect(try await lab.escrow(id) == "0/0 none")
            }
            #expect(try await lab.lines(of: maya) == Array(repeating: "bounty_payout -25", count: 3))
            #expect(try await lab.lines(of: noor) == Array(repeating: "bounty_payout +25", count: 3))
        }
    }

    @Test("completing is refused without an assignee, points, or for what is in escrow", arguments: TestDatabase.all)
    func refusedCompletion(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let open = try await lab.post(by: maya)
            #expect(try await lab.complete(open, by: maya).status == 400, "unassigned")
            let escrow = try await lab.post(by: maya, ["escrow": true])
            #expect(try await lab.complete(escrow, by: maya).status == 400)
            try lab.must(await lab.claim(escrow, by: noor))
            #expect(try await lab.complete(escrow, by: maya).status == 400)
            #expect(try await lab.escrow(escrow) == "25/3 both_held")
            for stage in [Stage.done, .cancelled] {
                let id = try await lab.post(by: maya)
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: false)
                #expect(try await lab.complete(id, by: maya).status == 409, "\(stage)")
            }
            let dear = try await lab.post(by: maya, ["points": 76])
            try lab.must(await lab.claim(dear, by: noor))
            #expect(try await lab.complete(dear, by: maya).status == 400, "75 are left")
            #expect(try await lab.stage(dear) == "claimed")
            try lab.must(await lab.giveBack(escrow))
            try lab.must(await lab.complete(dear, by: maya))
            #expect(try await lab.points(of: maya) == 24)
            #expect(try await lab.points(of: noor) == 176)
        }
    }

    /// Amounts that are none, in the place of any of the four.
    private static let hostile = [
        "-1", "1.5", "1.0", "\"1\"", "1e1", "null", "true", "[]", "1000000000001", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "1e400", "1e-400", "-1e400", "{}",
    ]

    private static let names = [
        "assignee_payout", "poster_refund", "assignee_escrow_return", "assignee_escrow_penalty",
    ]

    @Test("what is no amount is told first, to everyone and of every task", arguments: TestDatabase.all)
    func malformed(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, ["escrow": true])
            try lab.must(await lab.claim(id, by: noor))
            for name in Self.names {
                for amount in Self.hostile + [""] {
                    let others = Self.names.filter { $0 != name }.map { "\"\($0)\":0" }
                    let fields = others + (amount.isEmpty ? [] : ["\"\(name)\":\(amount)"]) + ["\"reason\":\"r\""]
                    let text = "{\(fields.joined(separator: ","))}"
                    for (bee, id) in [(lab.queenbee, id), (maya, id), (noor, "9223372036854775807")] {
                        let reply = try await lab.send("POST", "/posts/\(id)/settle", bee, text: text)
                        #expect(reply.status == 400, "\(name) \(amount) by \(bee.handle): \(reply.text)")
                    }
                }
            }
            for reason in ["1", "[]", "\"a\\u0000b\""] {
                let text =
                    #"{"assignee_payout":25,"poster_refund":0,"assignee_escrow_return":3,"#
                    + #""assignee_escrow_penalty":0,"reason":\#(reason)}"#
                #expect(try await lab.send("POST", "/posts/\(id)/settle", lab.queenbee, text: text).status == 400)
            }
            #expect(try await lab.escrow(id) == "25/3 both_held")
        }
    }

    @Test("then the task, then who asks, then where it stands, then the sums", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let admin = try await lab.join("ada")
            _ = try await lab.plane.dependencies.database.write { tx in
                try tx.changeRole(of: MemberID(admin.owner.text), to: .admin, actor: "operator")
            }
            let (right, wrong) = (Split(0, 10, 1, 0), Split(1, 1, 1, 1))
            func make(_ stage: Stage) async throws -> String {
                let id = try await lab.post(by: maya, ["points": 10, "escrow": true])
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: true)
                return id
            }
            let claimed = try await make(.claimed)
            for split in [right, wrong] {
                for bee in [maya, noor, admin, lab.queenbee] {
                    for id in ["9223372036854775807", "x", "0"] {
                        #expect(try await lab.settle(id, by: bee, split).status == 404, "\(bee.handle)")
                    }
                }
                for stage in Stage.allCases where stage != .claimed {
                    let id = try await make(stage)
                    for bee in [maya, noor, admin] {
                        #expect(try await lab.settle(id, by: bee, split).status == 403, "\(stage) by \(bee.handle)")
                    }
                    switch stage {
                    case .done, .cancelled: #expect(try await lab.settle(id, split).status == 409, "\(stage)")
                    case .open:
                        #expect(try await lab.settle(id, split).status == 400, "unassigned")
                        try lab.must(await lab.delete(id, by: maya))
                    default:
                        #expect(try await lab.settle(id, wrong).status == 400, "the sums")
                        try lab.must(await lab.settle(id, right))
                    }
                }
                for bee in [maya, noor, admin] {
                    #expect(try await lab.settle(claimed, by: bee, split).status == 403)
                }
            }
            let anonymous = try await lab.send("POST", "/posts/\(claimed)/settle", nil, right.body)
            #expect(anonymous.status == 401)
            #expect(try await lab.escrow(claimed) == "10/1 both_held")
        }
    }

    @Test("both sums have to come out, whatever is added", arguments: TestDatabase.all)
    func sums(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, ["escrow": true])
            try lab.must(await lab.claim(id, by: noor))
            let most: Int64 = 1_000_000_000_000
            for split in [
                Split(25, 1, 3, 0), Split(24, 0, 3, 0), Split(0, 0, 0, 3), Split(25, 0, 3, 1), Split(25, 0, 2, 0),
                Split(25, 0, 0, 0), Split(28, 0, 0, 0), Split(3, 0, 25, 0), Split(most, most, most, most),
                Split(0, most, 3, 0), Split(25, 0, most, most), Split(22, 0, 3, 3),
            ] {
                let reply = try await lab.settle(id, split)
                #expect(reply.status == 400, "\(split): \(reply.text)")
            }
            #expect(try await lab.escrow(id) == "25/3 both_held")
            let plain = try await lab.post(by: maya)
            try lab.must(await lab.claim(plain, by: noor))
            for split in [Split(0, 0, 0, 0), Split(25, 0, 0, 0)] {
                let reply = try await lab.settle(plain, split)
                #expect([400, 409].contains(reply.status), "there is no escrow: \(reply.status) \(reply.text)")
            }
            #expect(try await lab.stage(plain) == "claimed")
            #expect(try await lab.escrow(plain) == "0/0 none")
        }
    }

    @Test("a settlement tells who received what", arguments: TestDatabase.all)
    func settlement(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for stage in [Stage.claimed, .inProgress, .inReview] {
                let id = try await lab.post(by: maya, ["points": 20, "escrow": true])
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: true)
                let reply = try lab.must(await lab.settle(id, Split(16, 4, 1, 1)))
                #expect(
                    reply == [
                        "ok": true,
                        "settlement": [
                            "assignee_handle": "noor", "assignee_received": 17, "poster_handle": "maya",
                            "poster_received": 5, "task_status": "done", "escrow_status": "settled",
                        ],
                    ], "\(reply.text())")
                let task = try await lab.task(id)
                #expect(task["task_status"] == "done" && task["completed_at"] != .null)
                #expect(try await lab.settle(id, Split(16, 4, 1, 1)).status == 409)
                #expect(try await lab.settle(id, Split(0, 0, 0, 0)).status == 409)
            }
        }
    }
}
