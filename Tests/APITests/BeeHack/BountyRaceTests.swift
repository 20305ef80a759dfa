import Bytes
import Support
import Testing

/// What several ask at the same moment has one outcome, and no point is made or lost.
@Suite("Tasks at the same moment", .timeLimit(.minutes(4)))
struct BountyRaceTests {
    private static let rounds = 8

    @Test("fifty claims have one winner, and one deposit", arguments: TestDatabase.all)
    func claims(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let bees = try await atOnce(50) { try await lab.join("bee_\($0)") }
            for round in 0..<3 {
                let id = try await lab.post(by: maya, ["escrow": true])
                let replies = try await atOnce(50) { number in
                    round == 1
                        ? try await lab.move(id, to: .claimed, by: bees[number])
                        : try await lab.claim(id, by: bees[number])
                }
                let winners = bees.indices.filter { replies[$0].status == 200 }
                #expect(winners.count == 1)
                let lost = Set(replies.map(\.status)).subtracting([200])
                #expect(lost == [409], "round \(round): \(lost)")
                let winner = try #require(winners.first)
                #expect(try await lab.task(id)["claimed_by_handle"]?.string == bees[winner].handle)
                #expect(try await lab.escrow(id) == "25/3 both_held")
                try await lab.expectSum("round \(round)")
                try lab.must(await lab.giveBack(id))
                for bee in bees { #expect(try await lab.points(of: bee) == 100) }
            }
        }
    }

    @Test("one member's claims are one claim", arguments: TestDatabase.all)
    func sameClaim(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for _ in 0..<Self.rounds {
                let id = try await lab.post(by: maya, ["escrow": true])
                let replies = try await atOnce(10) { number in
                    number % 2 == 0
                        ? try await lab.claim(id, by: noor) : try await lab.move(id, to: .claimed, by: noor)
                }
                #expect(replies.allSatisfy { $0.status == 200 }, "\(Set(replies.map(\.status)))")
                #expect(try await lab.points(of: noor) == 97)
                try lab.must(await lab.giveBack(id))
            }
        }
    }

    @Test("a member claims no more than it has points for", arguments: TestDatabase.all)
    func poor(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            try await lab.beggar(noor, leaving: 5)
            var ids: [String] = []
            for _ in 0..<6 { ids.append(try await lab.post(by: maya, ["escrow": true, "points": 15])) }
            let all = ids
            let replies = try await atOnce(6) { try await lab.claim(all[$0], by: noor).status }
            #expect(replies.sorted() == [200, 200, 400, 400, 400, 400])
            #expect(try await lab.points(of: noor) == 1)
        }
    }

    @Test("a poster holds no more than it has", arguments: TestDatabase.all)
    func postings(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let replies = try await atOnce(12) { _ in
                try await lab.send("POST", "/posts", maya, BeeHackLab.request(["escrow": true])).status
            }
            #expect(replies.sorted() == Array(repeating: 201, count: 4) + Array(repeating: 400, count: 8))
            #expect(try await lab.points(of: maya) == 0)
            #expect(try await lab.get("/posts").json["items"]?.array?.count == 4)
        }
    }

    @Test("twenty settlements or completions are one", arguments: TestDatabase.all)
    func settlements(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            for round in 0..<3 {
                let (maya, noor) = try await lab.join("maya_\(round)", "noor_\(round)")
                let id = try await lab.post(by: maya, ["escrow": true])
                try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
                let replies = try await atOnce(20) { number in
                    try await lab.settle(id, Split(Int64(number), 25 - Int64(number), 3, 0)).status
                }
                #expect(replies.sorted() == [200] + Array(repeating: 409, count: 19))
                let payout = Int64(try #require(replies.firstIndex(of: 200)))
                #expect(try await lab.points(of: noor) == 100 + payout)
                #expect(try await lab.points(of: maya) == 100 - payout)
                let plain = try await lab.post(by: maya, ["points": 10])
                try lab.must(await lab.claim(plain, by: noor))
                let completed = try await atOnce(20) { _ in try await lab.complete(plain, by: maya).status }
                #expect(completed.sorted() == [200] + Array(repeating: 409, count: 19))
                #expect(try await lab.points(of: maya) == 90 - payout)
            }
        }
    }

    @Test("a settlement against an audit's result, or a cancel: one of them", arguments: TestDatabase.all)
    func audits(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let worker = try await lab.auditor()
            for round in 0..<Self.rounds {
                let (maya, noor) = try await lab.join("maya_\(round)", "noor_\(round)")
                let id = try await lab.post(by: maya, BeeHackLab.audited)
                try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
                let held = try await lab.audit(by: worker)
                let replies = try await atOnce(3) { number in
                    switch number {
                    case 0: try await lab.plane.report(held, "result", BeeHackLab.verdict(4, of: 4))
                    case 1: try await lab.settle(id, Split(10, 15, 0, 3))
                    default: try await lab.move(id, to: .cancelled, by: noor)
                    }
                }
                let won = replies.indices.filter { replies[$0].status == 200 }
                #expect(won.count == 1, "\(replies.map(\.status))")
                let balances = [try await lab.points(of: maya), try await lab.points(of: noor)]
                let wanted = [[75, 125], [93, 107], [103, 97]] as [[Int64]]
                #expect(balances == won.first.map { wanted[$0] }, "\(replies.map(\.status))")
                try await lab.expectSum()
            }
        }
    }

    @Test("cancelling or deleting against a claim: one of them", arguments: TestDatabase.all)
    func withdrawn(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let omar = try await lab.join("omar")
            for round in 0..<Self.rounds {
                let id = try await lab.post(by: maya, ["escrow": true])
                let replies = try await atOnce(3) { number in
                    switch number {
                    case 0: try await lab.claim(id, by: noor).status
                    case 1: try await lab.claim(id, by: omar).status
                    default:
                        round % 2 == 0
                            ? try await lab.move(id, to: .cancelled, by: maya).status
                            : try await lab.delete(id, by: maya).status
                    }
                }
                #expect(replies.count { $0 == 200 } == 1, "\(replies)")
                #expect(replies.allSatisfy { [200, 403, 404, 409].contains($0) }, "\(replies)")
                if replies[2] == 200 {
                    #expect(try await lab.escrow(id) == (round % 2 == 0 ? "0/0 refunded" : "404"))
                } else {
                    #expect(try await lab.escrow(id) == "25/3 both_held")
                    try lab.must(await lab.giveBack(id))
                }
                let balances = [try await lab.points(of: maya), try await lab.points(of: noor)]
                #expect(try await balances + [lab.points(of: omar)] == [100, 100, 100])
                try await lab.expectSum()
            }
        }
    }

    @Test("the deadline against a move to review, a claim and a settlement: one of them", arguments: TestDatabase.all)
    func deadlines(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            for round in 0..<Self.rounds {
                let (maya, noor) = try await lab.join("maya_\(round)", "noor_\(round)")
                let id = try await lab.post(by: maya, ["escrow": true, "deadline": lab.instant(in: 3_600)])
                if round % 3 != 1 {
                    try await lab.bring(id, to: .inProgress, by: maya, for: noor, escrow: true)
                }
                let clock = lab.plane.clock
                let replies = try await atOnce(4) { number in
                    switch number {
                    case 0:
                        clock.advance(by: .seconds(3_601))
                        return 0
                    case 1:
                        for _ in 0..<5 { try await lab.sweep() }
                        return 0
                    case 2 where round % 3 == 0: return try await lab.move(id, to: .inReview, by: noor).status
                    case 2 where round % 3 == 1: return try await lab.claim(id, by: noor).status
                    case 2: return try await lab.settle(id, Split(25, 0, 3, 0)).status
                    default: return try await lab.move(id, to: .cancelled, by: maya).status
                    }
                }
                try await lab.sweep()
                let balances = [try await lab.points(of: maya), try await lab.points(of: noor)]
                let state = "\(try await lab.stage(id)) \(try await lab.escrow(id)) \(balances)"
                let outcomes: Set<String> = [
                    "in_review 25/3 both_held [75, 97]", "cancelled 0/0 refunded [100, 100]",
                    "cancelled 0/0 refunded [103, 97]", "done 0/0 settled [75, 125]",
                ]
                #expect(outcomes.contains(state), "round \(round): \(state) \(replies)")
                if round % 3 == 0 {
                    #expect((replies[2] == 200) == state.hasPrefix("in_review"), "\(state) \(replies)")
                }
                if round % 3 == 2 { #expect((replies[2] == 200) == state.hasPrefix("done"), "\(state) \(replies)") }
                try await lab.expectSum("round \(round)")
            }
        }
    }

    @Test("one pair of members, many tasks both ways: no deadlock, no point lost", arguments: TestDatabase.all)
    func crossed(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let bees = try await [lab.join("maya"), lab.join("noor"), lab.join("omar")]
            let replies = try await atOnce(30) { number -> [Int] in
                let (author, worker) = (bees[number % 3], bees[(number + 1) % 3])
                let made = try await lab.send(
                    "POST", "/posts", author, BeeHackLab.request(["points": 5, "escrow": true]))
                guard let id = made.json["id"]?.string else { return [made.status] }
                let claimed = try await lab.claim(id, by: worker).status
                let settled = try await lab.settle(id, Split(2, 3, 1, 0)).status
                return [made.status, claimed, settled]
            }
            #expect(replies.allSatisfy { $0 == [201, 200, 200] }, "\(replies)")
            for bee in bees { #expect(try await lab.points(of: bee) == 100) }
        }
    }
}
