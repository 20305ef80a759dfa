import Bytes
import Domain
import Support
import Testing

@Suite("Claiming and assigning tasks", .timeLimit(.minutes(2)))
struct BountyClaimTests {
    @Test("who comes first has it, and the same again changes nothing", arguments: TestDatabase.all)
    func claim(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let omar = try await lab.join("omar")
            for (escrow, held) in [(false, "0/0 none"), (true, "25/3 both_held")] {
                let id = try await lab.post(by: maya, ["escrow": .bool(escrow)])
                #expect(try await lab.claim(id, by: nil).status == 401)
                #expect(try await lab.claim(id, by: maya).status == 403, "one's own")
                let reply = try lab.must(await lab.claim(id, by: noor))
                let item = try #require(reply["item"])
                #expect(reply["ok"] == true && item["id"]?.string == id && item["title"] == "Count words")
                #expect(item["task_status"] == "claimed" && item["claimed_by_handle"] == "noor")
                #expect(item["claimed_at"]?.string.flatMap { RFC3339.parse($0) } != nil)
                #expect(try await lab.task(id)["claimed_at"] == item["claimed_at"])
                #expect(try await lab.get("/posts/\(id)").json["claimed_by_handle"] == "noor")
                lab.plane.clock.advance(by: .seconds(5))
                #expect(try lab.must(await lab.claim(id, by: noor))["item"]?["claimed_at"] == item["claimed_at"])
                #expect(try await lab.claim(id, by: omar).status == 409, "taken")
                #expect(try await lab.claim(id, by: maya).status == 403, "still one's own")
                #expect(try await lab.escrow(id) == held)
            }
            #expect(try await lab.lines(of: noor) == ["escrow_hold -3"])
        }
    }

    @Test("nothing else can be claimed", arguments: TestDatabase.all)
    func refusals(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let omar = try await lab.join("omar")
            let owned = try await lab.post(by: maya, ["assignment_mode": "owner_assigns"])
            #expect(try await lab.claim(owned, by: noor).status == 403)
            for escrow in [false, true] {
                for stage in [Stage.inProgress, .inReview, .done, .cancelled] {
                    let id = try await lab.post(by: maya, ["points": 5, "escrow": .bool(escrow)])
                    try await lab.bring(id, to: stage, by: maya, for: noor, escrow: escrow)
                    let before = try await lab.task(id)
                    #expect(try await lab.claim(id, by: omar).status == 409, "\(stage)")
                    if stage == .done || stage == .cancelled {
                        #expect(try await lab.claim(id, by: noor).status == 409, "\(stage), by who had it")
                    }
                    #expect(try await lab.task(id) == before)
                }
            }
            let withdrawn = try await lab.post(by: maya, ["points": 5, "escrow": true])
            try lab.must(await lab.move(withdrawn, to: .cancelled, by: maya))
            #expect(try await lab.claim(withdrawn, by: noor).status == 409)
        }
    }

    @Test("a deposit is a tenth, rounded half up, and needs to be there", arguments: TestDatabase.all)
    func deposits(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let assignee = try await lab.join("noor")
            for (points, deposit) in [
                (1, 0), (4, 0), (5, 1), (14, 1), (15, 2), (24, 2), (25, 3), (94, 9), (95, 10), (100, 10),
            ] as [(Int64, Int64)] {
                for isClaimed in [true, false] {
                    let poster = try await lab.join("p\(points)_\(isClaimed)")
                    let id = try await lab.post(by: poster, ["points": JSON(points), "escrow": true])
                    let before = try await lab.points(of: assignee)
                    try lab.must(
                        await isClaimed ? lab.claim(id, by: assignee) : lab.assign(id, to: "noor", by: poster))
                    #expect(try await lab.points(of: assignee) == before - deposit, "\(points)")
                    #expect(try await lab.escrow(id) == "\(points)/\(deposit) both_held")
                    try lab.must(await lab.giveBack(id))
                    #expect(try await lab.points(of: assignee) == before)
                    #expect(try await lab.points(of: poster) == 100)
                }
            }
            let maya = try await lab.join("maya")
            let id = try await lab.post(by: maya, ["escrow": true])
            let poor = try await lab.join("omar")
            let hoard = try await lab.beggar(poor, leaving: 2)
            for reply in [try await lab.claim(id, by: poor), try await lab.assign(id, to: "omar", by: maya)] {
                #expect(reply.status == 400, "\(reply.text)")
            }
            #expect(try await lab.stage(id) == "open")
            #expect(try await lab.escrow(id) == "25/0 poster_held")
            #expect(try await lab.points(of: poor) == 2)
            let free = try await lab.post(by: maya)
            try lab.must(await lab.claim(free, by: poor))
            try lab.must(await lab.delete(hoard, by: poor))
            try lab.must(await lab.claim(id, by: poor))
            #expect(try await lab.points(of: poor) == 97)
        }
    }

    @Test("the owner assigns whom it likes", arguments: TestDatabase.all)
    func assign(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            _ = try await lab.join("omar")
            for mode in ["owner_assigns", "fcfs"] {
                for (escrow, held) in [(false, "0/0 none"), (true, "10/1 both_held")] {
                    let fields: JSON = ["assignment_mode": .string(mode), "escrow": .bool(escrow), "points": 10]
                    let id = try await lab.post(by: maya, fields)
                    #expect(try await lab.assign(id, to: "noor", by: nil).status == 401)
                    #expect(try await lab.assign(id, to: "noor", by: noor).status == 403)
                    #expect(try await lab.assign(id, to: "noor", by: lab.queenbee).status == 403)
                    #expect(try await lab.assign(id, to: "nobody_here", by: maya).status == 404)
                    #expect(try await lab.assign(id, to: "maya", by: maya).status == 400, "oneself")
                    for body in [[:], ["handle": 1], ["handle": .null], ["handle": "noor", "x": 1], []] as [JSON] {
                        let reply = try await lab.send("POST", "/posts/\(id)/assign", maya, body)
                        #expect(reply.status == 400, "\(body.text()): \(reply.text)")
                    }
                    #expect(try await lab.stage(id) == "open")
                    let reply = try lab.must(await lab.assign(id, to: "noor", by: maya))
                    #expect(reply["ok"] == true && reply["item"]?["claimed_by_handle"] == "noor")
                    #expect(reply["item"]?["task_status"] == "claimed" && reply["item"]?["id"]?.string == id)
                    #expect(try await lab.escrow(id) == held)
                    for handle in ["noor", "omar"] {
                        #expect(try await lab.assign(id, to: handle, by: maya).status == 409, "not open: \(handle)")
                    }
                    #expect(try await lab.claim(id, by: noor).status == (mode == "fcfs" ? 200 : 403))
                    #expect(try await lab.task(id)["claimed_by_handle"] == "noor")
                }
            }
            #expect(try await lab.lines(of: noor) == ["escrow_hold -1", "escrow_hold -1"])
        }
    }

    @Test("what isn't open isn't assigned", arguments: TestDatabase.all)
    func taken(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            _ = try await lab.join("omar")
            for escrow in [false, true] {
                for stage in Stage.allCases where stage != .open {
                    let id = try await lab.post(by: maya, ["points": 5, "escrow": .bool(escrow)])
                    try await lab.bring(id, to: stage, by: maya, for: noor, escrow: escrow)
                    let before = try await lab.task(id)
                    #expect(try await lab.assign(id, to: "omar", by: maya).status == 409, "\(stage)")
                    #expect(try await lab.task(id) == before)
                }
            }
        }
    }

    @Test("an escrow task whose time has passed isn't given to anybody", arguments: TestDatabase.all)
    func late(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let fields: JSON = ["escrow": true, "points": 10, "deadline": lab.instant(in: 60)]
            let (open, working) = (try await lab.post(by: maya, fields), try await lab.post(by: maya, fields))
            try await lab.bring(working, to: .inProgress, by: maya, for: noor, escrow: true)
            lab.plane.clock.advance(by: .seconds(61))
            #expect(try await lab.claim(open, by: noor).status == 409)
            #expect(try await lab.move(open, to: .claimed, by: noor).status == 409)
            #expect(try await lab.move(working, to: .inReview, by: noor).status == 409)
            #expect(try await lab.stage(working) == "in_progress")
            #expect(try await lab.escrow(open) == "10/0 poster_held")
        }
    }
}
