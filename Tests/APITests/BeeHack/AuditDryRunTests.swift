import Bytes
import Support
import Testing

@Suite("Dry runs of audits", .timeLimit(.minutes(2)))
struct AuditDryRunTests {
    private func dryRun(_ lab: BeeHackLab, _ id: String, by bee: Bee?) async throws -> PlaneReply {
        try await lab.send("POST", "/posts/\(id)/audit-dry-run", bee)
    }

    @Test("show what the tests say of the untouched branch, and move no point", arguments: TestDatabase.all)
    func report(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, BeeHackLab.audited)
            let before = (try await lab.task(id), try await lab.escrow(id))
            for (bee, status) in [(nil, 401), (noor, 403), (lab.queenbee, 403)] as [(Bee?, Int)] {
                #expect(try await dryRun(lab, id, by: bee).status == status)
            }
            #expect(try await lab.claimAudits(lab.auditor()).isEmpty)
            try lab.must(await dryRun(lab, id, by: maya), 202)
            #expect(try await lab.claimAudits(lab.auditor(of: maya.caller)).isEmpty, "not even its own dry run")
            let held = try await lab.audit(by: lab.auditor())
            try await lab.plane.finish(held, BeeHackLab.verdict(2, of: 3))
            try await lab.sweep()
            #expect(try await lab.task(id) == before.0)
            #expect(try await lab.escrow(id) == before.1)
            #expect(try await lab.lines(of: maya, on: id) == ["escrow_hold -25"])
            let audit = try #require(try await lab.audits(of: id, maya).first)
            #expect(audit["dry_run"] == true && audit["passed"] == 2 && audit["total"] == 3)
            #expect(audit["split"] == .null && audit["settles_at"] == .null)
            // The real one comes after it.
            try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
            let real = try await lab.audit(by: lab.auditor())
            try await lab.plane.finish(real, BeeHackLab.verdict(3, of: 3))
            #expect(try await lab.points(of: noor) == 125)
            let audits = try await lab.audits(of: id, noor)
            #expect(audits.map { $0["dry_run"] } == [false, true], "the newest first")
        }
    }

    @Test("are of open tasks with a repository and tests", arguments: TestDatabase.all)
    func refusals(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for fields in [
                ["escrow": true, "points": 5], ["escrow": true, "points": 5, "tests": "npm test"],
                ["escrow": true, "points": 5, "repo_url": "https://example.com/a.git"],
            ] as [JSON] {
                let id = try await lab.post(by: maya, fields)
                #expect(try await dryRun(lab, id, by: maya).status == 409, "\(fields.text())")
            }
            for stage in Stage.allCases where stage != .open {
                let id = try await lab.post(by: maya, BeeHackLab.audited(with: ["points": 5]))
                try await lab.bring(id, to: stage, by: maya, for: noor, escrow: true)
                #expect(try await dryRun(lab, id, by: maya).status == 409, "\(stage)")
                if stage == .inReview { _ = try await lab.audit(by: lab.auditor()) }
            }
            #expect(try await lab.claimAudits(lab.auditor()).isEmpty)
        }
    }

    @Test("settle nothing when the task has moved on meanwhile", arguments: TestDatabase.all)
    func meanwhile(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, BeeHackLab.audited)
            try lab.must(await dryRun(lab, id, by: maya), 202)
            let dry = try await lab.audit(by: lab.auditor())
            try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
            let real = try await lab.audit(by: lab.auditor())
            #expect(real.job != dry.job)
            let reply = try await lab.plane.report(dry, "result", BeeHackLab.verdict(0, of: 3))
            #expect(reply.status < 500, "\(reply.text)")
            try await lab.sweep()
            #expect(try await lab.escrow(id) == "25/3 both_held", "a dry run settles nothing")
            try await lab.plane.finish(real, BeeHackLab.verdict(3, of: 3))
            #expect(try await lab.points(of: noor) == 125)
            let gone = try await lab.post(by: maya, BeeHackLab.audited(with: ["points": 5]))
            try lab.must(await dryRun(lab, gone, by: maya), 202)
            let held = try await lab.audit(by: lab.auditor())
            try lab.must(await lab.delete(gone, by: maya))
            #expect(try await lab.plane.report(held, "result", BeeHackLab.verdict(1, of: 1)).status < 500)
            #expect(try await lab.points(of: maya) == 75)
        }
    }
}
