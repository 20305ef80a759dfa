import Bytes
import Support
import Testing

@Suite("POST /api/v1/device/commands/:id/extend", .timeLimit(.minutes(2)))
struct ExtendTests {
    @Test("is 200 with the new end, counted from now", arguments: TestDatabase.all)
    func extend(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            for milliseconds in [300_000, 60_000, 120_000] as [Int64] {
                let reply = try lab.must(await lab.extend(held, for: JSON(milliseconds)))
                #expect(reply.keys == ["success", "visibleUntil"] && reply["success"] == true)
                #expect(lab.isDue(reply["visibleUntil"], in: milliseconds))
            }
            try await lab.pass(.seconds(90))
            #expect(try await lab.status(id, of: device) == "claimed")
            try await lab.pass(.seconds(31))
            #expect(try await lab.status(id, of: device) == "pending", "the last one was of two minutes")
        }
    }

    @Test("keeps a command for as long as it is repeated, and its result is good then", arguments: TestDatabase.all)
    func long(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            for _ in 0..<6 {
                try await lab.pass(.seconds(240))
                try lab.must(await lab.extend(held, for: 300_000))
            }
            #expect(try await lab.claim(device).isEmpty)
            try lab.must(await lab.finish(held))
            #expect(try await lab.status(id, of: device) == "completed")
        }
    }

    @Test("ends with the lease: twelve hours after the claim", arguments: TestDatabase.all)
    func longest(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try await lab.command(for: device)
            let start = lab.now
            let held = try await lab.held(by: device, ["visibilityTimeout": 3_600_000])
            var (last, refused): (Int64, String?) = (0, nil)
            while refused == nil, lab.now - start < 46_800_000 {
                try await lab.skip(.seconds(280))
                let reply = try await lab.extend(held, for: 300_000)
                if reply.status == 200 {
                    last = reply.json["visibleUntil"]?.string.flatMap { RFC3339.parse($0) } ?? 0
                } else {
                    refused = reply.says
                }
            }
            #expect(refused == "403 LEASE_LOST")
            #expect(abs(last - start - 43_200_000) < 60_000, "\(last - start)")
        }
    }

    @Test("refuses what is out of range, by its field", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            for value in [59_999, 300_001, 0, -1, "60000", 60_000.5, .number("99999999999999999999")] as [JSON] {
                let reply = try await lab.extend(held, for: value)
                #expect(reply.says == "400 INVALID_FIELD" && reply.culprit == "extensionMs", "\(value.text())")
            }
            let token: JSON = ["claimToken": .string(held.token)]
            for (body, says, field) in [
                (token, "MISSING_FIELD", "extensionMs"), (["extensionMs": 60_000], "MISSING_FIELD", "claimToken"),
                (token.with(["extensionMs": 60_000, "x": 1]), "UNKNOWN_FIELD", "x"),
                (["claimToken": 1, "extensionMs": 60_000], "INVALID_FIELD", "claimToken"),
            ] as [(JSON, String, String)] {
                let reply = try await lab.call(by: device, "/commands/\(id)/extend", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(body.text()): \(reply.text)")
            }
            // Nothing was extended.
            try await lab.pass(.seconds(301))
            #expect(try await lab.status(id, of: device) == "pending")
        }
    }

    @Test(
        "is 403 with another token or after the end, 404 for a command of another device", arguments: TestDatabase.all)
    func stale(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, sibling) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let stranger = try await lab.enroll("edge-3", of: .globex)
            for _ in 0..<2 { try await lab.command(for: device) }
            let held = try await lab.claim(device, ["limit": 2])
            for token in [held[1].token, "x", device.token] {
                #expect(try await lab.extend(held[0], token: token).says == "403 LEASE_LOST")
            }
            for other in [sibling, stranger] {
                #expect(try await lab.extend(held[0], by: other).says == "404 NOT_FOUND")
            }
            let none = HeldCommand(device: device, grant: ["id": "nothing", "claimToken": "x"])
            #expect(try await lab.extend(none).says == "404 NOT_FOUND")
            try await lab.skip(.seconds(301))
            #expect(try await lab.extend(held[0]).says == "403 LEASE_LOST")
            try await lab.loseLeases()
            #expect(try await lab.extend(held[0]).says == "403 LEASE_LOST")
        }
    }

    @Test("is 409 when the command has ended", arguments: TestDatabase.all)
    func ended(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<2 { try await lab.command(for: device) }
            let held = try await lab.claim(device, ["limit": 2])
            try lab.must(await lab.finish(held[0]))
            try lab.must(await lab.cancel(held[1].id, of: device))
            for one in held { #expect(try await lab.extend(one).says == "409 JOB_ENDED") }
        }
    }
}
