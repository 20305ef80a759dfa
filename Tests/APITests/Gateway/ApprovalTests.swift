import Bytes
import Support
import Testing

@Suite("POST /api/v1/customer/sessions/:id/approve", .timeLimit(.minutes(2)))
struct ApprovalTests {
    /// A device with a remediation session.
    private func remedied(_ lab: GatewayLab) async throws -> (EnrolledDevice, String) {
        let device = try await lab.enroll()
        return (device, try await lab.session("remediation", on: device))
    }

    @Test("approved, a command may be claimed; before that nobody gets it", arguments: TestDatabase.all)
    func approve(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            let made = try lab.must(await lab.send(["sessionId": .string(session)], to: device), 201)
            #expect(made["command"]?["status"] == "pending_approval")
            let id = try #require(made["command"]?["id"]?.string)
            #expect(try await lab.claim(device, ["limit": 10]).isEmpty)
            let guessed = HeldCommand(device: device, grant: ["id": .string(id), "claimToken": "x"])
            #expect(try await lab.finish(guessed).says == "403 LEASE_LOST")
            let reply = try lab.must(await lab.decide(id, in: session, reason: "Go on."))
            #expect(reply == ["success": true, "command": ["id": .string(id), "status": "approved"]])
            #expect(try await lab.status(id, of: device) == "pending")
            let held = try await lab.held(by: device)
            #expect(held.id == id)
            try lab.must(await lab.finish(held))
            #expect(try await lab.status(id, of: device) == "completed")
        }
    }

    @Test("rejected, it has ended, with the reason", arguments: TestDatabase.all)
    func reject(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            let id = try await lab.command(for: device, ["sessionId": .string(session)])
            let reply = try lab.must(await lab.decide(id, in: session, false, reason: "Too risky by day."))
            #expect(reply == ["success": true, "command": ["id": .string(id), "status": "rejected"]])
            let shown = try await lab.show(id, of: device)
            #expect(shown["status"] == "rejected" && shown.text().contains("Too risky by day."), "\(shown.text())")
            #expect(try await lab.claim(device).isEmpty)
            #expect(try await lab.cancel(id, of: device).says == "409 JOB_ENDED")
            let plain = try await lab.command(for: device, ["sessionId": .string(session)])
            try lab.must(await lab.decide(plain, in: session, false))
            #expect(try await lab.status(plain, of: device) == "rejected")
        }
    }

    @Test("keeps its place: what was sent first comes first, whenever it was approved", arguments: TestDatabase.all)
    func place(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            let first = try await lab.command(for: device, ["sessionId": .string(session)])
            let second = try await lab.command(for: device)
            #expect(try await lab.status(second, of: device) == "pending", "outside of the session none is needed")
            try lab.must(await lab.decide(first, in: session))
            #expect(try await lab.claim(device, ["limit": 2]).map(\.id) == [first, second])
        }
    }

    @Test("is 409 for a command in every other state, and changes nothing", arguments: TestDatabase.all)
    func states(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            var ids: [String: String] = [:]
            for status in ["rejected", "cancelled", "completed", "failed", "claimed", "pending"] {
                let id = try await lab.command(for: device, ["sessionId": .string(session)])
                ids[status] = id
                switch status {
                case "rejected": try lab.must(await lab.decide(id, in: session, false))
                case "cancelled": try lab.must(await lab.cancel(id, of: device))
                default: try lab.must(await lab.decide(id, in: session))
                }
                guard ["completed", "failed", "claimed"].contains(status) else { continue }
                let held = try await lab.held(by: device)
                try #require(held.id == id)
                if status == "claimed" { continue }
                try lab.must(
                    await lab.finish(held, status == "failed" ? GatewayLab.failure : GatewayLab.success))
            }
            for (status, id) in ids {
                let before = try await lab.show(id, of: device)
                #expect(before["status"]?.string == status)
                for isApproved in [true, false] {
                    let reply = try await lab.decide(id, in: session, isApproved)
                    #expect(reply.says == "409 WRONG_STATE", "\(status): \(reply.text)")
                }
                #expect(try await lab.show(id, of: device) == before)
            }
        }
    }

    @Test("is 404 for a command that isn't the session's, 403 for another's session", arguments: TestDatabase.all)
    func foreign(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            let other = try await lab.enroll("edge-2")
            let second = try await lab.session("remediation", on: other)
            let id = try await lab.command(for: device, ["sessionId": .string(session)])
            let plain = try await lab.command(for: device)
            #expect(try await lab.decide(id, in: second).says == "404 NOT_FOUND")
            #expect(try await lab.decide(plain, in: session).says == "404 NOT_FOUND")
            #expect(try await lab.decide("nothing", in: session).says == "404 NOT_FOUND")
            #expect(try await lab.decide(id, in: "nothing").says == "404 NOT_FOUND")
            #expect(try await lab.decide(id, in: session, by: .globex).says == "403 FORBIDDEN")
            #expect(try await lab.status(id, of: device) == "pending_approval")
        }
    }

    @Test("in a diagnostic session nothing waits for it", arguments: TestDatabase.all)
    func diagnostic(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("diagnostic", on: device)
            let id = try await lab.command(for: device, ["sessionId": .string(session)])
            #expect(try await lab.status(id, of: device) == "pending")
            #expect(try await lab.decide(id, in: session).says == "409 WRONG_STATE")
            #expect(try await lab.held(by: device).id == id)
        }
    }

    @Test("approved and rejected at the same moment, it is one of them", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            for round in 0..<10 {
                let id = try await lab.command(for: device, ["sessionId": .string(session)])
                let replies = try await atOnce(6) { try await lab.decide(id, in: session, $0 % 2 == 0) }
                #expect(replies.map(\.status).sorted() == [200, 409, 409, 409, 409, 409], "round \(round)")
                let told = replies.compactMap { $0.json["command"]?["status"]?.string }
                let status = try await lab.status(id, of: device)
                #expect(told == [status == "pending" ? "approved" : status], "round \(round): \(status)")
            }
        }
    }

    @Test(
        "when the session ends, what waits for it is cancelled; what was approved goes on",
        arguments: TestDatabase.all, [false, true])
    func sessionOver(on database: TestDatabase, byTime: Bool) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            var ids: [String] = []
            for _ in 0..<4 { ids.append(try await lab.command(for: device, ["sessionId": .string(session)])) }
            try lab.must(await lab.decide(ids[0], in: session))
            try lab.must(await lab.decide(ids[1], in: session))
            let held = try await lab.held(by: device, ["visibilityTimeout": 3_600_000])
            if byTime {
                try await lab.skip(.seconds(3_590))
                #expect(try await lab.status(ids[2], of: device) == "pending_approval")
                try lab.must(await lab.extend(held, for: 300_000))
                try await lab.skip(.seconds(11))
            } else {
                try lab.must(await lab.end(session))
            }
            // Before anybody has looked.
            #expect(try await lab.decide(ids[2], in: session).says == "409 WRONG_STATE")
            try await lab.pass(.zero)
            var statuses: [String] = []
            for id in ids.dropFirst() { statuses.append(try await lab.status(id, of: device)) }
            #expect(statuses == ["pending", "cancelled", "cancelled"])
            #expect(try await lab.waiting(device) == 1)
            try lab.must(await lab.finish(held))
            #expect(try await lab.decide(ids[3], in: session).says == "409 WRONG_STATE")
        }
    }

    @Test("refuses fields that are wrong, by their names", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, session) = try await remedied(lab)
            let id = try await lab.command(for: device, ["sessionId": .string(session)])
            let good: JSON = ["commandId": .string(id), "approved": true]
            for (body, says, field) in [
                (good.without("commandId"), "MISSING_FIELD", "commandId"),
                (good.without("approved"), "MISSING_FIELD", "approved"),
                (good.with(["approved": "true"]), "INVALID_FIELD", "approved"),
                (good.with(["approved": .null]), "MISSING_FIELD", "approved"),
                (good.with(["approved": 1]), "INVALID_FIELD", "approved"),
                (good.with(["commandId": 1]), "INVALID_FIELD", "commandId"),
                (good.with(["reason": 1]), "INVALID_FIELD", "reason"),
                (good.with(["status": "approved"]), "UNKNOWN_FIELD", "status"),
            ] as [(JSON, String, String)] {
                let reply = try await lab.call(as: .acme, "POST", "/sessions/\(session)/approve", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(body.text()): \(reply.text)")
            }
            #expect(try await lab.status(id, of: device) == "pending_approval")
        }
    }
}
