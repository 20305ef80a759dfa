import Bytes
import Support
import Testing

@Suite("POST /api/v1/device/commands/:id/result", .timeLimit(.minutes(2)))
struct CommandResultTests {
    @Test("is 200, and the customer sees what came of it", arguments: TestDatabase.all)
    func success(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            #expect(try await lab.show(id, of: device)["result"] == nil)
            let reply = try lab.must(await lab.finish(held))
            #expect(reply == ["success": true])
            let shown = try await lab.show(id, of: device)
            #expect(shown["status"] == "completed")
            let result = try #require(shown["result"])
            #expect(result.keys == ["status", "output", "error", "duration", "completedAt"])
            #expect(result["status"] == "success" && result["output"] == "done" && result["error"] == .null)
            #expect(result["duration"] == 5 && lab.isDue(result["completedAt"], in: 0))
        }
    }

    @Test("a failure or a timeout is final", arguments: TestDatabase.all)
    func failure(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for status in ["failure", "timeout"] {
                let id = try await lab.command(for: device)
                let held = try await lab.held(by: device)
                try lab.must(await lab.finish(held, GatewayLab.failure.with(["status": .string(status)])))
                let shown = try await lab.show(id, of: device)
                #expect(shown["status"] == "failed" && shown["result"]?["status"]?.string == status)
                #expect(shown["result"]?["error"] == "it broke" && shown["result"]?["output"] == .null)
                try await lab.pass(.seconds(600))
                #expect(try await lab.claim(device, ["limit": 10]).isEmpty)
            }
        }
    }

    @Test("names the command that is next, when one waits", arguments: TestDatabase.all)
    func next(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            try await lab.command(for: other, ["priority": 0])
            for _ in 0..<2 { try await lab.command(for: device) }
            let held = try await lab.claim(device, ["limit": 2])
            let last = try await lab.command(for: device, ["priority": 9])
            let urgent = try await lab.command(for: device, ["priority": 1])
            let reply = try lab.must(await lab.finish(held[0]))
            #expect(reply == ["success": true, "nextCommand": ["id": .string(urgent)]])
            #expect(try await lab.status(urgent, of: device) == "pending", "it isn't claimed by that")
            let second = try await lab.held(by: device)
            #expect(second.id == urgent)
            #expect(try lab.must(await lab.finish(second))["nextCommand"] == ["id": .string(last)])
            let third = try await lab.held(by: device)
            #expect(try lab.must(await lab.finish(third)) == ["success": true], "one that is claimed is none")
            #expect(try lab.must(await lab.finish(held[1], GatewayLab.failure)) == ["success": true])
        }
    }

    @Test("is 403 with a token that isn't the current one, and changes nothing", arguments: TestDatabase.all)
    func stale(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<2 { try await lab.command(for: device) }
            let held = try await lab.claim(device, ["limit": 2])
            let before = try await lab.show(held[0].id, of: device)
            for token in [held[1].token, "x", held[0].token + "0", device.token] {
                let reply = try await lab.finish(held[0], token: token)
                #expect(reply.says == "403 LEASE_LOST", "\(reply.text)")
            }
            #expect(try await lab.show(held[0].id, of: device) == before)
            let pending = try await lab.command(for: device)
            let unclaimed = HeldCommand(device: device, grant: ["id": .string(pending), "claimToken": "x"])
            #expect(try await lab.finish(unclaimed).says == "403 LEASE_LOST")
            #expect(try await lab.status(pending, of: device) == "pending")
            try await lab.skip(.seconds(301))
            #expect(try await lab.finish(held[0]).says == "403 LEASE_LOST", "its time is over")
            #expect(try await lab.status(held[0].id, of: device) != "completed")
        }
    }

    @Test("is 409 when another claim has completed the command", arguments: TestDatabase.all)
    func completed(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let first = try await lab.held(by: device)
            try await lab.loseLeases()
            let second = try await lab.held(by: device)
            try lab.must(await lab.finish(second))
            for result in [GatewayLab.success, GatewayLab.failure] {
                let late = try await lab.finish(first, result)
                #expect(late.says == "409 JOB_ENDED", "\(late.text)")
            }
            #expect(try await lab.status(id, of: device) == "completed")
        }
    }

    @Test("is 409 when the customer has cancelled the command", arguments: TestDatabase.all)
    func cancelled(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            try lab.must(await lab.cancel(id, of: device))
            #expect(try await lab.finish(held).says == "409 JOB_ENDED")
            #expect(try await lab.status(id, of: device) == "cancelled")
        }
    }

    @Test("repeated as it was accepted is 200, however often and long after", arguments: TestDatabase.all)
    func replay(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for result in [GatewayLab.success, GatewayLab.failure] {
                let id = try await lab.command(for: device)
                let held = try await lab.held(by: device)
                let replies = try await atOnce(6) { _ in try await lab.finish(held, result) }
                #expect(replies.allSatisfy { $0.json == ["success": true] }, "\(replies.map(\.text))")
                let before = try await lab.show(id, of: device)
                try await lab.pass(.seconds(3_600))
                #expect(try lab.must(await lab.finish(held, result))["success"] == true)
                #expect(try await lab.show(id, of: device) == before)
            }
        }
    }

    @Test("another outcome by the same token is 409, and the first one stands", arguments: TestDatabase.all)
    func outcome(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for (first, second) in [
                (GatewayLab.success, GatewayLab.failure), (GatewayLab.failure, GatewayLab.success),
            ] {
                let id = try await lab.command(for: device)
                let held = try await lab.held(by: device)
                try lab.must(await lab.finish(held, first))
                let before = try await lab.show(id, of: device)
                let reply = try await lab.finish(held, second)
                #expect(reply.status == 409, "\(reply.text)")
                #expect(try await lab.show(id, of: device) == before)
            }
        }
    }

    @Test("is 404 for a command that isn't the device's", arguments: TestDatabase.all)
    func foreign(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, sibling) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let stranger = try await lab.enroll("edge-3", of: .globex)
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            for other in [sibling, stranger] {
                #expect(try await lab.finish(held, by: other).says == "404 NOT_FOUND", "\(other.id)")
            }
            #expect(try await lab.status(id, of: device) == "claimed")
            for name in ["0190b5f0-0000-7000-8000-000000000001", "nothing", String(repeating: "a", count: 500)] {
                let none = HeldCommand(device: device, grant: ["id": .string(name), "claimToken": "x"])
                #expect(try await lab.finish(none).says == "404 NOT_FOUND", "\(name)")
            }
            // A job of the farm is no command, for whoever knows its token.
            let worker = try await lab.plane.worker()
            let job = try await lab.plane.held(by: worker)
            let alien = HeldCommand(
                device: device, grant: ["id": .string(job.job), "claimToken": .string(job.token)])
            #expect(try await lab.finish(alien).says == "404 NOT_FOUND")
            #expect(try await lab.plane.status(job.job) == "running")
            try lab.must(await lab.finish(held))
            #expect(try await lab.finish(held, by: sibling).says == "404 NOT_FOUND", "also when it has ended")
        }
    }

    @Test("takes 10,000 characters of output and 5,000 of an error, whatever they are", arguments: TestDatabase.all)
    func limits(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            func text(_ count: Int) -> JSON { .string(String(repeating: "é", count: count)) }
            for (field, count) in [("output", 10_001), ("error", 5_001)] {
                let fields = JSON.object([.init(field, text(count))])
                let reply = try await lab.finish(held, GatewayLab.success.with(fields))
                #expect(reply.says == "400 INVALID_FIELD" && reply.culprit == field, "\(reply.text.prefix(200))")
            }
            #expect(try await lab.status(id, of: device) == "claimed")
            let most: JSON = ["output": text(10_000), "error": text(5_000)]
            try lab.must(await lab.finish(held, GatewayLab.success.with(most)))
            let result = try await lab.show(id, of: device)["result"]
            #expect(result?["output"] == text(10_000) && result?["error"] == text(5_000))
            let odd = "\u{1}\u{7F}\u{2028}\u{FFFF}🐣\r\n\\\"'; DROP TABLE jobs; --<script>"
            let second = try await lab.command(for: device)
            try lab.must(await lab.finish(lab.held(by: device), GatewayLab.failure.with(["error": .string(odd)])))
            #expect(try await lab.show(second, of: device)["result"]?["error"]?.string == odd)
        }
    }

    @Test("refuses fields that are wrong, by their names, and the command is held still", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            let good = GatewayLab.success.with(["claimToken": .string(held.token)])
            for (body, says, field) in [
                (good.without("claimToken"), "MISSING_FIELD", "claimToken"),
                (good.without("status"), "MISSING_FIELD", "status"),
                (good.without("executedAt"), "MISSING_FIELD", "executedAt"),
                (good.without("duration"), "MISSING_FIELD", "duration"),
                (good.with(["claimToken": 1]), "INVALID_FIELD", "claimToken"),
                (good.with(["status": "ok"]), "INVALID_FIELD", "status"),
                (good.with(["status": "SUCCESS"]), "INVALID_FIELD", "status"),
                (good.with(["status": .null]), "MISSING_FIELD", "status"),
                (good.with(["output": 1]), "INVALID_FIELD", "output"),
                (good.with(["error": []]), "INVALID_FIELD", "error"),
                (good.with(["executedAt": "now"]), "INVALID_FIELD", "executedAt"),
                (good.with(["executedAt": 1]), "INVALID_FIELD", "executedAt"),
                (good.with(["duration": -0.5]), "INVALID_FIELD", "duration"),
                (good.with(["duration": "5"]), "INVALID_FIELD", "duration"),
                (good.with(["duration": .number("1e400")]), "INVALID_FIELD", "duration"),
                (good.with(["surprise": 1]), "UNKNOWN_FIELD", "surprise"),
            ] as [(JSON, String, String)] {
                let reply = try await lab.call(by: device, "/commands/\(id)/result", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(field): \(reply.text)")
            }
            #expect(try await lab.status(id, of: device) == "claimed")
            try lab.must(await lab.finish(held))
        }
    }
}
