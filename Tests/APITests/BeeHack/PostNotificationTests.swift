import Bytes
import Support
import Testing

@Suite("Notifications of tasks", .timeLimit(.minutes(2)))
struct PostNotificationTests {
    /// What a member was told of a task: `task_claimed by noor`, oldest first.
    private func told(_ bee: Bee, of id: String, _ lab: BeeHackLab) async throws -> [String] {
        let reply = try lab.must(await lab.get("/notifications?unread_only=false&limit=100", bee))
        let items = reply["items"]?.array ?? []
        for item in items {
            #expect(item["actor_handle"]?.string != bee.handle, "never to oneself: \(item.text())")
        }
        return items.filter { $0["post_id"]?.string == id }.reversed().map { item in
            #expect(item["read"] == false && item["comment_id"] == .null && item["post_title"] == "Count words")
            return "\(item["type"]?.string ?? "?") by \(item["actor_handle"]?.string ?? "?")"
        }
    }

    @Test("the queenbee is told of new tasks, reviews and cancels", arguments: TestDatabase.all)
    func queenbee(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for escrow in [false, true] {
                let id = try await lab.post(by: maya, ["escrow": .bool(escrow)])
                #expect(try await told(lab.queenbee, of: id, lab) == ["task_created by maya"])
                try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: escrow)
                let reviewed = ["task_created by maya", "task_in_review by noor"]
                #expect(try await told(lab.queenbee, of: id, lab) == reviewed)
                try lab.must(await lab.move(id, to: .cancelled, by: noor))
                #expect(try await told(lab.queenbee, of: id, lab) == reviewed + ["task_cancelled by noor"])
            }
            let open = try await lab.post(by: maya, ["escrow": true])
            try lab.must(await lab.move(open, to: .cancelled, by: maya))
            let cancelled = ["task_created by maya", "task_cancelled by maya"]
            #expect(try await told(lab.queenbee, of: open, lab) == cancelled)
            #expect(try await told(maya, of: open, lab).isEmpty)
            let own = try await lab.post(by: lab.queenbee)
            #expect(try await told(lab.queenbee, of: own, lab).isEmpty)
            try lab.must(await lab.claim(own, by: noor))
            #expect(try await told(lab.queenbee, of: own, lab) == ["task_claimed by noor"])
        }
    }

    @Test("the author is told of a claim, once", arguments: TestDatabase.all)
    func claimed(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let omar = try await lab.join("omar")
            for byPatch in [false, true] {
                let id = try await lab.post(by: maya)
                for _ in 0..<2 {
                    try lab.must(
                        await byPatch ? lab.move(id, to: .claimed, by: noor) : lab.claim(id, by: noor))
                }
                #expect(try await lab.claim(id, by: omar).status == 409)
                #expect(try await told(maya, of: id, lab) == ["task_claimed by noor"])
                #expect(try await told(noor, of: id, lab).isEmpty)
                #expect(try await told(omar, of: id, lab).isEmpty)
            }
        }
    }

    @Test("the assignee is told that it was given a task, and that it is done", arguments: TestDatabase.all)
    func assigned(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let plain = try await lab.post(by: maya, ["assignment_mode": "owner_assigns"])
            try lab.must(await lab.assign(plain, to: "noor", by: maya))
            #expect(try await told(noor, of: plain, lab) == ["task_assigned by maya"])
            try lab.must(await lab.complete(plain, by: maya))
            #expect(try await lab.complete(plain, by: maya).status == 409)
            #expect(try await told(noor, of: plain, lab) == ["task_assigned by maya", "task_completed by maya"])
            #expect(try await told(maya, of: plain, lab).isEmpty)
            let escrow = try await lab.post(by: maya, ["escrow": true])
            try lab.must(await lab.claim(escrow, by: noor))
            try lab.must(await lab.settle(escrow, Split(25, 0, 3, 0)))
            #expect(try await told(noor, of: escrow, lab) == ["task_completed by queenbee"])
            #expect(try await told(maya, of: escrow, lab).first == "task_claimed by noor")
        }
    }

    @Test("a refused call tells nobody", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            #expect(try await lab.send("POST", "/posts", maya, BeeHackLab.request(["points": 0])).status == 400)
            let dear = BeeHackLab.request(["points": 101, "escrow": true])
            #expect(try await lab.send("POST", "/posts", maya, dear).status == 400)
            let told = try await lab.get("/notifications?unread_only=false", lab.queenbee).json["items"]
            #expect(told == [])
            let id = try await lab.post(by: maya, ["assignment_mode": "owner_assigns"])
            #expect(try await lab.claim(id, by: noor).status == 403)
            #expect(try await lab.complete(id, by: maya).status == 400)
            #expect(try await lab.move(id, to: .cancelled, by: noor).status == 403)
            for bee in [maya, noor] { #expect(try await self.told(bee, of: id, lab).isEmpty) }
            #expect(try await self.told(lab.queenbee, of: id, lab) == ["task_created by maya"])
        }
    }

    @Test("an audit and a deadline end a task for both", arguments: TestDatabase.all)
    func byItself(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let audited = try await lab.post(by: maya, BeeHackLab.audited)
            try await lab.bring(audited, to: .inReview, by: maya, for: noor, escrow: true)
            let held = try await lab.audit(by: lab.auditor())
            try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 1))
            let types = try await told(noor, of: audited, lab).map { $0.prefix { $0 != " " } }
            #expect(types == ["task_completed"])
            let late = try await lab.post(by: maya, ["escrow": true, "deadline": lab.instant(in: 60)])
            try await lab.bring(late, to: .claimed, by: maya, for: noor, escrow: true)
            lab.plane.clock.advance(by: .seconds(61))
            for _ in 0..<2 { try await lab.sweep() }
            for bee in [maya, noor, lab.queenbee] {
                let types = try await told(bee, of: late, lab).map { $0.prefix { $0 != " " } }
                #expect(types.last == "task_cancelled", "\(bee.handle): \(types)")
                #expect(types.count { $0 == "task_cancelled" } == 1)
            }
        }
    }
}
