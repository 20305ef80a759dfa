import API
import Bytes
import Domain
import Store
import Support
import Testing

/// Whom an author gives a task was not asked: nobody's points can be had that way, nor by changing what is audited.
@Suite("Tasks given without asking", .timeLimit(.minutes(2)))
struct BountyConsentTests {
    private func given(_ lab: BeeHackLab) async throws -> (maya: Bee, noor: Bee, id: String) {
        let (maya, noor) = try await lab.join("maya", "noor")
        let id = try await lab.post(
            by: maya, ["points": 50, "escrow": true, "deadline": lab.instant(in: 3_600), "tests": "make"])
        try lab.must(await lab.assign(id, to: "noor", by: maya))
        #expect(try await lab.points(of: noor) == 95)
        return (maya, noor, id)
    }

    private func expect(
        _ lab: BeeHackLab, _ maya: (Bee, Int64), _ noor: (Bee, Int64), at place: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try await lab.points(of: maya.0) == maya.1, sourceLocation: place)
        #expect(try await lab.points(of: noor.0) == noor.1, sourceLocation: place)
        try await lab.expectSum(at: place)
    }

    @Test("cost nothing when they are declined, or when their time is over", arguments: TestDatabase.all)
    func declined(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await given(lab)
            try lab.must(await lab.move(id, to: .cancelled, by: noor))
            try await expect(lab, (maya, 100), (noor, 100))
        }
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, _) = try await given(lab)
            lab.plane.clock.advance(by: .seconds(3_601))
            try await lab.sweep()
            try await expect(lab, (maya, 100), (noor, 100))
        }
    }

    @Test("cost the deposit once they were begun", arguments: TestDatabase.all)
    func begun(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await given(lab)
            try lab.must(await lab.move(id, to: .inProgress, by: noor))
            try lab.must(await lab.move(id, to: .cancelled, by: noor))
            try await expect(lab, (maya, 105), (noor, 95))
        }
    }

    @Test("are audited with the assignee's code, whatever the author would name", arguments: TestDatabase.all)
    func code(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await given(lab)
            let mine: JSON = ["status": "in_progress", "repo_url": "https://x.example/mine.git", "branch": "fix"]
            try lab.must(await lab.change(id, by: noor, mine))
            for other: JSON in [["repo_url": "https://x.example/no.git"], ["branch": "no"], ["branch": .null]] {
                #expect(try await lab.change(id, by: maya, other).status == 403)
            }
            try lab.must(await lab.change(id, by: maya, ["branch": "fix", "priority": "high"]))
            #expect(try await lab.task(id)["repo_url"] == "https://x.example/mine.git")
        }
    }

    @Test("share one class of audits, however many pairs there are", arguments: TestDatabase.all)
    func classes(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            for name in ["noor", "omar", "zoe"] {
                let bee = try await lab.join(name)
                let id = try await lab.post(
                    by: maya, ["escrow": true, "tests": "make", "repo_url": "https://x.example/y.git"])
                try await lab.bring(id, to: .inReview, by: maya, for: bee, escrow: true)
            }
            let classes = try await lab.plane.dependencies.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM job_classes WHERE kind = 'audit'") { try $0.integer() }
            }
            #expect(classes == 1)
        }
    }

    @Test("are found by labels as the database writes them", arguments: TestDatabase.all)
    func labels(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let id = try await lab.post(by: maya, ["labels": ["caf\u{E9}"]])
            try lab.must(await lab.change(id, by: maya, ["labels": ["cafe\u{301}"], "priority": "high"]))
            try lab.must(await lab.move(id, to: .cancelled, by: maya))
            let old = try lab.must(await lab.get("/tasks?labels=caf%C3%A9"))
            #expect(old["items"]?.array?.isEmpty == true, "\(old.text())")
            let new = try lab.must(await lab.get("/tasks?labels=cafe%CC%81&status=cancelled"))
            #expect(new["items"]?.array?.count == 1, "\(new.text())")
        }
    }
}
