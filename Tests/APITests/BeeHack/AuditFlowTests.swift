import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Audits of tasks", .timeLimit(.minutes(3)))
struct AuditFlowTests {
    /// A task of maya's that noor has in review, so that its audit waits.
    private func reviewed(
        _ lab: BeeHackLab, _ fields: JSON = [:], suffix: String = ""
    ) async throws -> (Bee, Bee, String) {
        let (maya, noor) = try await lab.join("maya\(suffix)", "noor\(suffix)")
        let id = try await lab.post(by: maya, BeeHackLab.audited(with: fields))
        try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
        return (maya, noor, id)
    }

    @Test("go to a machine that is neither the poster's nor the assignee's", arguments: TestDatabase.all)
    func strangers(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            for bee in [maya, noor] {
                let own = try await lab.auditor(of: bee.caller)
                #expect(try await lab.claimAudits(own).isEmpty, "\(bee.handle) judges itself")
            }
            let worker = try await lab.auditor()
            let compute = try await lab.plane.claim(worker, ["limit": 10, "kinds": ["compute"]])
            #expect(compute.isEmpty, "it is no compute job")
            #expect(try await lab.plane.claim(worker, ["limit": 10]).isEmpty, "nor one for who asks for none")
            let held = try await lab.audit(by: worker)
            #expect(held.grant["kind"] == "audit" && held.grant["visibility_timeout_ms"] == 60_000)
            let told = held.grant.text()
            for text in ["https://github.com/example/words.git", "main", "npm test"] {
                #expect(told.contains(text), "\(text) in \(told)")
            }
            #expect(try await lab.claimAudits(lab.auditor()).isEmpty, "it has a worker")
            for (bee, status) in [(maya, 403), (noor, 404)] {
                let path = "/jobs/\(held.job)"
                let reply = try await lab.plane.send("DELETE", path, bee.caller.headers)
                #expect(reply.status == status, "not \(bee.handle)'s to cancel")
            }
            let waiting = try #require(try await lab.audits(of: id, maya).first)
            #expect(waiting["dry_run"] == false && waiting["passed"] == .null && waiting["split"] == .null)
            #expect(waiting["reported_at"] == .null && waiting["created_at"] != .null)
        }
    }

    @Test("are only of escrow tasks with a repository and tests", arguments: TestDatabase.all)
    func without(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            for fields in [
                ["escrow": true, "tests": "npm test"], ["escrow": true, "repo_url": "https://example.com/a.git"],
                ["escrow": false, "tests": "npm test", "repo_url": "https://example.com/a.git"],
            ] as [JSON] {
                let id = try await lab.post(by: maya, fields)
                try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
                #expect(try await lab.claimAudits(lab.auditor()).isEmpty, "\(fields.text())")
                #expect(try await lab.audits(of: id, maya).isEmpty, "\(fields.text())")
            }
            // A repository that the assignee names in time counts.
            let id = try await lab.post(by: maya, ["escrow": true, "tests": "npm test"])
            try await lab.bring(id, to: .inProgress, by: maya, for: noor, escrow: true)
            let fields: JSON = ["status": "in_review", "repo_url": "https://example.com/b.git", "branch": "done"]
            try lab.must(await lab.change(id, by: noor, fields))
            let held = try await lab.audit(by: lab.auditor())
            #expect(held.grant.text().contains("https://example.com/b.git"))
            try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 1))
            #expect(try await lab.escrow(id) == "0/0 settled")
        }
    }

    @Test("settle with their result, in the same commit", arguments: TestDatabase.all)
    func settles(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            let held = try await lab.audit(by: lab.auditor())
            let first = try await lab.plane.report(held, "result", BeeHackLab.verdict(80, of: 100))
            #expect(first.status == 200 && first.data["status"] == "completed", "\(first.text)")
            #expect(try await lab.escrow(id) == "0/0 settled")
            #expect(try await lab.task(id)["completed_at"] != .null)
            let balances = [try await lab.points(of: maya), try await lab.points(of: noor)]
            #expect(balances == [80, 120])
            for again in [BeeHackLab.verdict(80, of: 100), BeeHackLab.verdict(0, of: 100), BeeHackLab.verdict(nil)] {
                let reply = try await lab.plane.report(held, "result", again)
                #expect(reply.status != 200 || reply.body == first.body, "a repeated call replays its answer")
            }
            let same = try await lab.plane.report(held, "result", BeeHackLab.verdict(80, of: 100))
            #expect(same.body == first.body)
            #expect(try await [lab.points(of: maya), lab.points(of: noor)] == balances)
            let audits = try await lab.audits(of: id, noor)
            #expect(audits.count == 1)
            let audit = try #require(audits.first)
            let keys: Set<String> = [
                "id", "dry_run", "status", "passed", "failed", "total", "log", "split", "created_at", "reported_at",
                "settles_at",
            ]
            #expect(keys.isSubset(of: audit.members?.map(\.key) ?? []))
            #expect(audit["passed"] == 80 && audit["failed"] == 20 && audit["total"] == 100)
            #expect(audit["log"] == "ran" && audit["status"] == "settled" && audit["split"]?.members != nil)
            #expect(audit["reported_at"]?.string.flatMap { RFC3339.parse($0) } != nil)
            #expect(try await lab.settle(id, Split(25, 0, 3, 0)).status == 409)
        }
    }

    @Test(
        "are refused without a report, or with numbers that are none, and nothing changes", arguments: TestDatabase.all)
    func badReports(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            let held = try await lab.audit(by: lab.auditor())
            let before = try await DatabaseContents.read(lab.plane.dependencies.database)
            for report in [
                "{}", "null", "1", "[]", "\"x\"", #"{"passed":1}"#, #"{"passed":1,"failed":0}"#,
                #"{"passed":1,"total":1}"#,
                #"{"passed":-1,"failed":2,"total":1,"log":""}"#, #"{"passed":2,"failed":-1,"total":1,"log":""}"#,
                #"{"passed":2,"failed":0,"total":1,"log":""}"#, #"{"passed":1,"failed":1,"total":1,"log":""}"#,
                #"{"passed":0,"failed":0,"total":0,"log":""}"#, #"{"passed":0,"failed":0,"total":-1,"log":""}"#,
                #"{"passed":1.5,"failed":0,"total":1.5,"log":""}"#,
                #"{"passed":"1","failed":"0","total":"1","log":""}"#,
                #"{"passed":1e0,"failed":0,"total":1,"log":""}"#, #"{"passed":1,"failed":0,"total":1,"log":1}"#,
                #"{"passed":null,"failed":0,"total":1,"log":""}"#, #"{"passed":1,"failed":0,"total":1e400,"log":""}"#,
                #"{"passed":9223372036854775807,"failed":9223372036854775807,"total":-2,"log":""}"#,
                #"{"passed":9223372036854775807,"failed":0,"total":9223372036854775807,"log":""}"#,
                #"{"passed":9223372036854775807,"failed":1,"total":9223372036854775807,"log":""}"#,
                #"{"passed":9223372036854775808,"failed":0,"total":9223372036854775808,"log":""}"#,
            ] {
                let report = try JSON(parsing: Array(report.utf8))
                let reply = try await lab.plane.report(held, "result", BeeHackLab.verdict(report))
                #expect(reply.status == 400, "\(report.text()): \(reply.status) \(reply.text)")
            }
            #expect(try await lab.plane.report(held, "result", BeeHackLab.verdict(nil)).status == 400)
            let after = try await DatabaseContents.read(lab.plane.dependencies.database)
            #expect(after.differences(from: before) == [])
            #expect(try await lab.escrow(id) == "25/3 both_held")
            try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 1))
            #expect(try await [lab.points(of: maya), lab.points(of: noor)] == [75, 125])
        }
    }

    @Test("whose worker is lost are run again, and settled once", arguments: TestDatabase.all)
    func lost(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            let lost = try await lab.audit(by: lab.auditor())
            lab.plane.clock.advance(by: .seconds(61))
            let late = try await lab.plane.report(lost, "result", BeeHackLab.verdict(0, of: 1))
            #expect(late.outcome == "403 lease_lost")
            try await lab.plane.tick()
            lab.plane.clock.advance(by: .seconds(600))
            try await lab.plane.tick()
            let again = try await lab.audit(by: lab.auditor())
            #expect(again.job == lost.job && again.fence > lost.fence)
            #expect(try await lab.plane.report(lost, "result", BeeHackLab.verdict(0, of: 1)).status == 403)
            #expect(try await lab.escrow(id) == "25/3 both_held")
            try await lab.plane.finish(again, BeeHackLab.verdict(1, of: 1))
            #expect(try await lab.plane.report(lost, "result", BeeHackLab.verdict(0, of: 1)).status >= 403)
            #expect(try await lab.lines(of: noor, on: id).count == 3)
            #expect(try await [lab.points(of: maya), lab.points(of: noor)] == [75, 125])
            #expect(try await lab.audits(of: id, maya).count == 1)
        }
    }

    @Test("that can't be run leave the money where it is, for the queenbee", arguments: TestDatabase.all)
    func failed(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            for _ in 0..<20 {
                guard let held = try await lab.claimAudits(lab.auditor()).first else { break }
                try await lab.plane.finish(held, ControlPlane.failure)
                #expect(try await lab.escrow(id) == "25/3 both_held")
                lab.plane.clock.advance(by: .seconds(3_600))
                try await lab.plane.tick()
            }
            #expect(try await lab.claimAudits(lab.auditor()).isEmpty, "it isn't tried for ever")
            #expect(try await lab.stage(id) == "in_review")
            let status = try await lab.audits(of: id, maya).first?["status"]?.string
            #expect(status == "failed", "\(status ?? "none")")
            try lab.must(await lab.settle(id, Split(25, 0, 3, 0)))
            #expect(try await lab.points(of: noor) == 125)
        }
    }

    @Test("pay the machine's owner its fee, of the queenbee's dollars", arguments: TestDatabase.all)
    func fee(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database, audits: AuditTerms(fee: 600_000)) { lab in
            try await lab.plane.fund(lab.queenbee.caller, "1")
            let (maya, noor, _) = try await reviewed(lab)
            let held = try await lab.audit(by: lab.auditor())
            for _ in 0..<2 { try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 1)) }
            #expect(try await lab.plane.usdt(of: .bob) == "0.6/0")
            #expect(try await lab.plane.usdt(of: lab.queenbee.caller) == "0.4/0")
            #expect(try await [lab.points(of: maya), lab.points(of: noor)] == [75, 125])
            // Without a dollar the audit counts all the same.
            let (olga, _, id) = try await reviewed(lab, suffix: "_2")
            for _ in 0..<2 {
                guard let held = try await lab.claimAudits(lab.auditor()).first else { continue }
                try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 1))
            }
            #expect(try await lab.points(of: olga) == 75)
            #expect(try await lab.escrow(id) == "0/0 settled")
        }
    }

    @Test("are shown to the author, the assignee and the queenbee", arguments: TestDatabase.all)
    func shown(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor, id) = try await reviewed(lab)
            let stranger = try await lab.join("omar")
            for (bee, status) in [(maya, 200), (noor, 200), (lab.queenbee, 200), (stranger, 403), (nil, 401)]
                as [(Bee?, Int)]
            {
                let reply = try await lab.get("/posts/\(id)/audit", bee)
                #expect(reply.status == status, "\(bee?.handle ?? "nobody"): \(reply.text)")
                if status == 200 { #expect(reply.json["post_id"]?.string == id) }
            }
            let held = try await lab.audit(by: lab.auditor())
            try await lab.plane.finish(held, BeeHackLab.verdict(1, of: 2))
            #expect(try await lab.get("/posts/\(id)/audit", stranger).status == 403)
            #expect(try await lab.audits(of: id, lab.queenbee).first?["passed"] == 1)
        }
    }

    @Test("a result among others settles as well", arguments: TestDatabase.all)
    func batch(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let worker = try await lab.auditor()
            var results: [JSON] = []
            var people: [(Bee, Bee, String)] = []
            for number in 0..<3 {
                people.append(try await reviewed(lab, suffix: "_\(number)"))
                let held = try await lab.audit(by: worker)
                let names: [JSON.Member] = [
                    .init("job_id", .string(held.job)), .init("claim_token", .string(held.token)),
                ]
                results.append(.object(names + (BeeHackLab.verdict(Int64(number), of: 2).members ?? [])))
            }
            let reply = try await lab.plane.call(worker, "jobs/results", ["results": .array(results)])
            #expect(reply.status == 200, "\(reply.text)")
            let balances: [[Int64]] = [[103, 97], [88, 112], [75, 125]]
            for ((maya, noor, id), wanted) in zip(people, balances) {
                #expect(try await [lab.points(of: maya), lab.points(of: noor)] == wanted)
                #expect(try await lab.escrow(id) == "0/0 settled")
            }
        }
    }
}
