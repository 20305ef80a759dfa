import Bytes
import Support
import Testing

/// What `PATCH /api/tasks/{id}` with a status answers: every pair of statuses, for the author, the assignee and a
/// stranger. An open task has no assignee: there that column is another stranger. Where two refusals hold at once
/// (a stranger who claims what is taken; an author who asks for a step that there is none of), either is right.
@Suite("Transitions of tasks", .timeLimit(.minutes(4)))
struct BountyTransitionTests {
    private struct Row: Sendable {
        let from: Stage
        let to: Stage
        /// Of author, assignee and stranger.
        let statuses: [Set<Int>]
    }

    private static func rows(_ text: String) -> [Row] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, let from = Stage(rawValue: words[0]), let to = Stage(rawValue: words[1]) else {
                return nil
            }
            let statuses = words[2...].map { word in Set(word.split(separator: "|").compactMap { Int($0) }) }
            return Row(from: from, to: to, statuses: Array(statuses))
        }
    }

    private static let plain = rows(
        """
        open        open        200 403 403
        open        claimed     403 200 200
        open        in_progress 409 403 403
        open        in_review   409 403 403
        open        done        409 403 403
        open        cancelled   200 403 403
        claimed     open        409 409 403
        claimed     claimed     200 200 403|409
        claimed     in_progress 200 200 403
        claimed     in_review   409 409 403
        claimed     done        409 409 403
        claimed     cancelled   200 200 403
        in_progress open        409 409 403
        in_progress claimed     409 409 403|409
        in_progress in_progress 200 200 403
        in_progress in_review   200 200 403
        in_progress done        409 409 403
        in_progress cancelled   200 200 403
        in_review   open        409 409 403
        in_review   claimed     409 409 403|409
        in_review   in_progress 409 409 403
        in_review   in_review   200 200 403
        in_review   done        200 200 403
        in_review   cancelled   200 200 403
        done        open        409 409 403
        done        claimed     409 409 403|409
        done        in_progress 409 409 403
        done        in_review   409 409 403
        done        done        200 200 403
        done        cancelled   409 409 403
        cancelled   open        409 409 403
        cancelled   claimed     409 409 403|409
        cancelled   in_progress 409 409 403
        cancelled   in_review   409 409 403
        cancelled   done        409 409 403
        cancelled   cancelled   200 200 403
        """)

    /// With both held only the assignee moves it on or cancels it, and only a settlement makes it done.
    private static let escrow = rows(
        """
        open        open        200 403     403
        open        claimed     403 200     200
        open        in_progress 409 403     403
        open        in_review   409 403     403
        open        done        409 403     403
        open        cancelled   200 403     403
        claimed     open        409 409     403
        claimed     claimed     200 200     403|409
        claimed     in_progress 403 200     403
        claimed     in_review   403|409 409 403
        claimed     done        409 409     403
        claimed     cancelled   403 200     403
        in_progress open        409 409     403
        in_progress claimed     409 409     403|409
        in_progress in_progress 200 200     403
        in_progress in_review   403 200     403
        in_progress done        409 409     403
        in_progress cancelled   403 200     403
        in_review   open        409 409     403
        in_review   claimed     409 409     403|409
        in_review   in_progress 403|409 409 403
        in_review   in_review   200 200     403
        in_review   done        409 409     403
        in_review   cancelled   403 200     403
        done        open        409 409     403
        done        claimed     409 409     403|409
        done        in_progress 409 409     403
        done        in_review   409 409     403
        done        done        200 200     403
        done        cancelled   409 409     403
        cancelled   open        409 409     403
        cancelled   claimed     409 409     403|409
        cancelled   in_progress 409 409     403
        cancelled   in_review   409 409     403
        cancelled   done        409 409     403
        cancelled   cancelled   200 200     403
        """)

    @Test("each pair, for each who may ask", arguments: TestDatabase.all, [false, true])
    func pairs(on database: TestDatabase, escrow: Bool) async throws {
        let rows = escrow ? Self.escrow : Self.plain
        #expect(rows.count == 36)
        #expect(Set(rows.map { "\($0.from) \($0.to)" }).count == 36)
        try await BeeHackLab.run(database) { lab in
            for from in Stage.allCases {
                // Ids of their own, so that neither quotas nor what a stage before used up count.
                let name = from.rawValue.replacing("_", with: "")
                let (author, assignee) = try await lab.join("a_\(name)", "b_\(name)")
                let bees = [author, assignee, try await lab.join("c_\(name)")]
                for row in rows where row.from == from {
                    for (bee, expected) in zip(bees, row.statuses) {
                        try await check(lab, row, by: bee, of: bees, expected, escrow: escrow)
                    }
                }
                try await lab.expectSum("\(from)")
            }
        }
    }

    private func check(
        _ lab: BeeHackLab, _ row: Row, by bee: Bee, of bees: [Bee], _ expected: Set<Int>, escrow: Bool
    ) async throws {
        let label = "\(row.from.rawValue) → \(row.to.rawValue) by \(bee.handle)"
        let id = try await lab.post(by: bees[0], ["points": 5, "escrow": .bool(escrow)])
        try await lab.bring(id, to: row.from, by: bees[0], for: bees[1], escrow: escrow)
        let before = (try await lab.task(id), try await lab.escrow(id))
        let reply = try await lab.move(id, to: row.to, by: bee)
        #expect(expected.contains(reply.status), "\(label): \(reply.status) \(reply.text)")
        let after = try await lab.task(id)
        if reply.status == 200 {
            #expect(reply.json["ok"] == true && reply.json["item"]?["id"]?.string == id, "\(label): \(reply.text)")
            #expect(after["task_status"]?.string == row.to.rawValue, "\(label)")
            #expect((after["completed_at"] != .null) == (row.to == .done), "\(label): \(after.text())")
        }
        if reply.status != 200 || row.from == row.to {
            #expect(after == before.0, "nothing changes: \(label)")
            #expect(try await lab.escrow(id) == before.1, "nothing changes: \(label)")
        }
        if row.from == .open, row.to == .claimed, reply.status == 200 {
            #expect(after["claimed_by_handle"]?.string == bee.handle && after["claimed_at"] != .null, "\(label)")
        } else {
            #expect(after["claimed_by_handle"] == before.0["claimed_by_handle"], "\(label)")
        }
        try await clear(lab, id, by: bees[0], escrow: escrow)
    }

    /// Gives what is held back to those who gave it, so that the next row has something to hold.
    private func clear(_ lab: BeeHackLab, _ id: String, by author: Bee, escrow: Bool) async throws {
        guard escrow else { return }
        switch try await lab.get("/posts/\(id)/escrow").json["escrow_status"] {
        case "poster_held": try lab.must(await lab.delete(id, by: author))
        case "both_held": try lab.must(await lab.giveBack(id))
        default: break
        }
    }

    @Test("a claim by PATCH obeys the rules of a claim", arguments: TestDatabase.all)
    func claims(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let poor = try await lab.join("omar")
            let assigned = try await lab.post(by: maya, ["assignment_mode": "owner_assigns"])
            #expect(try await lab.move(assigned, to: .claimed, by: noor).status == 403)
            #expect(try await lab.stage(assigned) == "open")
            let id = try await lab.post(by: maya, ["escrow": true])
            try await lab.beggar(poor)
            #expect(try await lab.move(id, to: .claimed, by: poor).status == 400)
            #expect(try await lab.escrow(id) == "25/0 poster_held")
            try lab.must(await lab.move(id, to: .claimed, by: noor))
            #expect(try await lab.escrow(id) == "25/3 both_held")
            try lab.must(await lab.move(id, to: .claimed, by: noor))
            #expect(try await lab.lines(of: noor, on: id) == ["escrow_hold -3"], "deposited once")
        }
    }

    @Test("what is audited stays as it is while it is in review", arguments: TestDatabase.all)
    func frozen(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, BeeHackLab.audited)
            try await lab.bring(id, to: .inProgress, by: maya, for: noor, escrow: true)
            try lab.must(await lab.change(id, by: noor, ["branch": "work"]))
            // With the move itself it still may.
            try lab.must(await lab.change(id, by: noor, ["status": "in_review", "branch": "done"]))
            #expect(try await lab.task(id)["branch"] == "done")
            for bee in [maya, noor] {
                #expect(try await lab.change(id, by: bee, ["branch": "other"]).status == 409)
                #expect(try await lab.change(id, by: bee, ["repo_url": "https://example.com/b.git"]).status == 409)
            }
            try lab.must(await lab.change(id, by: maya, ["priority": "low", "pr_url": "https://example.com/pull/2"]))
            #expect(try await lab.task(id)["branch"] == "done")
            let plain = try await lab.post(by: maya, ["branch": "a"])
            try await lab.bring(plain, to: .inReview, by: maya, for: noor, escrow: false)
            #expect(try await lab.change(plain, by: noor, ["branch": "b"]).status == 200, "no escrow, no audit")
        }
    }

    @Test("one call changes the status and the fields, or neither", arguments: TestDatabase.all)
    func together(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya)
            try lab.must(await lab.claim(id, by: noor))
            let refused = try await lab.change(id, by: noor, ["status": "done", "priority": "critical"])
            #expect(refused.status == 409)
            #expect(try await lab.task(id)["priority"] == "medium")
            try lab.must(await lab.change(id, by: noor, ["status": "in_progress", "priority": "critical"]))
            let task = try await lab.task(id)
            #expect(task["priority"] == "critical" && task["task_status"] == "in_progress")
        }
    }
}
