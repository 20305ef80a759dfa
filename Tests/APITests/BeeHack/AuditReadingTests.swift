import API
import Bytes
import Store
import Support
import Testing

@Suite("An audit among its author's jobs", .timeLimit(.minutes(2)))
struct AuditReadingTests {
    private func get(_ lab: BeeHackLab, _ path: String, _ caller: Caller) async throws -> PlaneReply {
        try await lab.plane.get(path, caller)
    }

    @Test("is shown to the author with attempts, log and events, and to nobody else", arguments: TestDatabase.all)
    func reading(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let stranger = try await lab.join("stranger")
            let id = try await lab.post(by: maya, BeeHackLab.audited)
            try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
            let worker = try await lab.auditor()
            let held = try await lab.audit(by: worker)
            #expect(try await lab.plane.report(held, "progress", ["log": "ok 1\n"]).status == 200)
            let path = "/jobs/\(held.job)"
            let others = [noor.caller, stranger.caller, lab.queenbee.caller, .operator(for: "nobody"), .bob]
            for caller in others {
                for part in ["", "/logs", "/events", "/artifacts", "/artifacts/x"] {
                    #expect(try await get(lab, path + part, caller).status == 404, "\(caller.owner) \(part)")
                }
                #expect(try await get(lab, "/jobs", caller).ids == [], "\(caller.owner)")
            }
            #expect(try await get(lab, "/jobs", maya.caller).ids == [held.job])
            let shown = try lab.must(await get(lab, path, maya.caller))
            #expect(
                shown["type"] == "audit" && shown["status"] == "running"
                    && shown["name"]?.string == "Audit of post \(id)")
            #expect(shown["attempts"]?.array?.count == 1 && shown["price"] == .null)
            let log = try lab.must(await get(lab, path + "/logs", maya.caller))
            #expect(log["logs"]?.array?.map { $0["text"] } == ["ok 1\n"])
            #expect(try lab.must(await get(lab, path + "/artifacts", maya.caller))["artifacts"] == [])
            var events = try await EventReader(lab.plane, job: held.job, maya.caller)
            #expect(try await events.next()?.data["text"] == "ok 1\n")
            try await lab.plane.finish(held, BeeHackLab.verdict(3, of: 3))
            #expect(try lab.must(await get(lab, path, maya.caller))["status"] == "completed")
            #expect(try await get(lab, path, noor.caller).status == 404)
        }
    }

    @Test("isn't the author's to cancel or to retry, to depend on or to take files of", arguments: TestDatabase.all)
    func writing(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            let id = try await lab.post(by: maya, BeeHackLab.audited)
            try await lab.bring(id, to: .inReview, by: maya, for: noor, escrow: true)
            let job = try #require(try await get(lab, "/jobs", maya.caller).ids.first)
            let before = try await DatabaseContents.read(lab.plane.dependencies.database)
            for (method, path) in [("DELETE", "/jobs/\(job)"), ("POST", "/jobs/\(job)/retry")] {
                let reply = try await lab.plane.send(method, path, maya.caller.headers)
                #expect(reply.status == 403, "\(method): \(reply.text)")
                #expect(try await lab.plane.send(method, path, noor.caller.headers).status == 404, "\(method)")
            }
            for fields in [
                ["depends_on": [.string(job)]], ["inputs": [["path": "a", "artifact": .string("\(job)/a")]]],
            ] as [JSON] {
                let reply = try await lab.plane.post("/jobs", maya.caller, ControlPlane.request(fields))
                #expect(reply.status == 422, "\(reply.text)")
            }
            let after = try await DatabaseContents.read(lab.plane.dependencies.database)
            #expect(after.differences(from: before) == [])
            #expect(try await lab.points(of: maya) == 75, "it costs the author nothing")
        }
    }

    @Test("stands between the author's own, page by page and by status", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            var newest: [String] = []
            for number in 0..<3 {
                newest.insert(try await lab.plane.job(of: maya.caller), at: 0)
                let id = try await lab.post(by: maya, BeeHackLab.audited(with: ["points": 5]))
                try lab.must(await lab.send("POST", "/posts/\(id)/audit-dry-run", maya), 202)
                let found = try await get(lab, "/jobs?limit=1", maya.caller).ids
                #expect(found.count == 1 && !newest.contains(found[0]), "the audit \(number) is the newest")
                newest = found + newest
                // Another author's, which this one never sees.
                let other = try await lab.post(by: noor, BeeHackLab.audited(with: ["points": 5]))
                try lab.must(await lab.send("POST", "/posts/\(other)/audit-dry-run", noor), 202)
            }
            #expect(try await get(lab, "/jobs", maya.caller).ids == newest)
            for status in ["", "&status=pending"] {
                var (shown, cursor): ([String], String?) = ([], "")
                while let next = cursor, shown.count < 20 {
                    let reply = try await get(lab, "/jobs?limit=2\(status)\(next)", maya.caller)
                    shown += reply.ids
                    cursor = reply.json["next_cursor"]?.string.map { "&cursor=\($0)" }
                }
                #expect(shown == newest, "\(status)")
            }
            let held = try await lab.claimAudits(lab.auditor())
            #expect(held.count == 6)
            for one in held { try await lab.plane.finish(one, BeeHackLab.verdict(1, of: 1)) }
            let audits = stride(from: 0, to: 6, by: 2).map { newest[$0] }
            #expect(try await get(lab, "/jobs?status=completed", maya.caller).ids == audits)
        }
    }
}
