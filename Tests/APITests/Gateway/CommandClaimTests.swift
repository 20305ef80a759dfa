import API
import Bytes
import Store
import Support
import Testing

@Suite("POST /api/v1/device/commands/claim", .timeLimit(.minutes(2)))
struct CommandClaimTests {
    @Test("is 200 with the command and its lease of five minutes", arguments: TestDatabase.all)
    func grant(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let empty = try lab.must(await lab.call(by: device, "/commands/claim", [:]))
            #expect(empty == ["commands": []])
            for parameters in [
                ["url": "https://example.com", "n": 0.70, "deep": [[], [:], .null]], ["a", 1], "text", 1.0, true,
            ] as [JSON] {
                let id = try await lab.command(
                    for: device, ["type": "http_check", "parameters": parameters, "priority": 7])
                let held = try await lab.claim(device)
                let grant = try #require(held.first?.grant)
                #expect(grant.keys == ["id", "type", "parameters", "priority", "claimToken", "visibleUntil"])
                #expect(grant["id"]?.string == id && grant["type"] == "http_check" && grant["priority"] == 7)
                #expect(grant["parameters"] == parameters, "\(grant.text())")
                #expect(grant["claimToken"]?.string?.isEmpty == false)
                #expect(lab.isDue(grant["visibleUntil"], in: 300_000))
                #expect(try await lab.status(id, of: device) == "claimed")
            }
            #expect(try await lab.claim(device, ["limit": 10]).isEmpty, "all are claimed")
        }
    }

    @Test("grants the lowest priority first, then the oldest", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            var ids: [(priority: Int, number: Int, id: String)] = []
            for (number, priority) in [5, 0, 1_000, 5, 1, 0, 999, 5].enumerated() {
                let fields: JSON = priority == 5 ? [:] : ["priority": JSON(priority)]
                ids.append((priority, number, try await lab.command(for: device, fields)))
            }
            let expected = ids.sorted { ($0.priority, $0.number) < ($1.priority, $1.number) }.map(\.id)
            #expect(try await lab.claim(device).map(\.id) == [expected[0]], "one unless it asks for more")
            #expect(try await lab.claim(device, ["limit": 4]).map(\.id) == Array(expected[1...4]))
            let late = try await lab.command(for: device, ["priority": 0])
            #expect(try await lab.claim(device, ["limit": 10]).map(\.id) == [late] + expected[5...])
        }
    }

    @Test("holds for as long as it asks, between a minute and an hour", arguments: TestDatabase.all)
    func visibility(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for timeout in [60_000, 3_600_000] as [Int64] {
                let id = try await lab.command(for: device)
                let held = try await lab.held(by: device, ["visibilityTimeout": JSON(timeout)])
                #expect(lab.isDue(held.grant["visibleUntil"], in: timeout))
                try await lab.pass(.milliseconds(timeout - 20_000))
                #expect(try await lab.status(id, of: device) == "claimed")
                try await lab.pass(.milliseconds(21_000))
                #expect(try await lab.status(id, of: device) == "pending")
                #expect(try await lab.finish(held).says == "403 LEASE_LOST")
                try lab.must(await lab.cancel(id, of: device))
            }
        }
    }

    @Test("refuses what is out of range, by its field, and takes nothing", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<10 { try await lab.command(for: device) }
            for (body, field) in [
                (["limit": 0], "limit"), (["limit": 11], "limit"), (["limit": -1], "limit"), (["limit": "1"], "limit"),
                (["limit": 1.5], "limit"), (["limit": .number("9223372036854775808")], "limit"),
                (["visibilityTimeout": 59_999], "visibilityTimeout"),
                (["visibilityTimeout": 3_600_001], "visibilityTimeout"),
                (["visibilityTimeout": 0], "visibilityTimeout"), (["visibilityTimeout": "60000"], "visibilityTimeout"),
                (["waitMs": -1], "waitMs"), (["waitMs": 20_001], "waitMs"), (["waitMs": true], "waitMs"),
                (["requestId": ""], "requestId"), (["requestId": 1], "requestId"),
            ] as [(JSON, String)] {
                let reply = try await lab.call(by: device, "/commands/claim", body)
                #expect(reply.says == "400 INVALID_FIELD" && reply.culprit == field, "\(body.text()): \(reply.text)")
            }
            let unknown = try await lab.call(by: device, "/commands/claim", ["limit": 1, "request_id": "x"])
            #expect(unknown.says == "400 UNKNOWN_FIELD" && unknown.culprit == "request_id")
            for text in ["[]", "1", "x"] {
                let reply = try await lab.plane.send(
                    "POST", "/device/commands/claim", device.headers, bytes: Array(text.utf8))
                #expect(reply.status == 400, "\(text)")
            }
            #expect(try await lab.waiting(device) == 10)
            #expect(try await lab.claim(device, ["limit": 10, "waitMs": 0]).count == 10)
        }
    }

    @Test("with one requestId is one claim, as far as it is still held", arguments: TestDatabase.all)
    func requestID(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            for _ in 0..<6 { try await lab.command(for: device) }
            try await lab.command(for: other)
            let body: JSON = ["limit": 2, "requestId": "r-1"]
            let first = try await lab.claim(device, body)
            #expect(first.count == 2)
            for again in try await atOnce(4, { _ in try await lab.claim(device, body) }) {
                #expect(again.map { $0.grant.text() } == first.map { $0.grant.text() })
            }
            #expect(try await lab.claim(other, body).count == 1, "a request id is its device's")
            let more = try await lab.claim(device, ["limit": 1, "requestId": "r-2"])
            #expect(more.count == 1 && !first.map(\.id).contains(more[0].id))
            try lab.must(await lab.finish(first[0]))
            #expect(try await lab.claim(device, body).map(\.id) == [first[1].id], "what is still held of it")
        }
    }

    @Test("is of the device's own commands", arguments: TestDatabase.all)
    func own(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let stranger = try await lab.enroll("edge-3", of: .globex)
            let id = try await lab.command(for: one, ["priority": 0])
            let theirs = try await lab.command(for: stranger)
            #expect(try await lab.claim(two, ["limit": 10]).isEmpty)
            #expect(try await lab.claim(stranger, ["limit": 10]).map(\.id) == [theirs])
            #expect(try await lab.claim(one, ["limit": 10]).map(\.id) == [id])
        }
    }

    @Test("is all that gives a command away: no machine of the farm gets one", arguments: TestDatabase.all)
    func machines(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let worker = try await lab.plane.worker()
            let capacity: JSON = ["cpu_cores": 64, "memory_gb": 256]
            for body in [
                ["limit": 10], ["limit": 10, "kinds": ["device"]], ["limit": 10, "kinds": ["device", "compute"]],
                ["limit": 10, "kinds": ["device"], "queues": ["devices"], "capacity": capacity],
            ] as [JSON] {
                #expect(try await lab.plane.claim(worker, body).isEmpty, "\(body.text())")
            }
            // A job for machines is none for devices either, whatever its queue is called.
            _ = try await lab.plane.job(["queue": "devices"])
            #expect(try await lab.claim(device, ["limit": 10]).map(\.id) == [id])
        }
    }

    @Test("after the lease ran out the command comes again, in its old place", arguments: TestDatabase.all)
    func expiry(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            var ids: [String] = []
            for _ in 0..<3 { ids.append(try await lab.command(for: device)) }
            let first = try await lab.held(by: device)
            try await lab.skip(.seconds(301))
            #expect(try await lab.finish(first).says == "403 LEASE_LOST", "it is over before anybody has looked")
            try await lab.loseLeases()
            let again = try await lab.claim(device, ["limit": 10])
            #expect(again.map(\.id) == ids)
            #expect(again[0].token != first.token)
            #expect(try await lab.finish(first).says == "403 LEASE_LOST")
            #expect(try await lab.extend(first).says == "403 LEASE_LOST")
            #expect(try await lab.status(first.id, of: device) == "claimed")
            try lab.must(await lab.finish(again[0]))
        }
    }

    @Test("of a device that dies with ten: they come again, and its late results are 403", arguments: TestDatabase.all)
    func dead(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<10 { try await lab.command(for: device) }
            let lost = try await lab.claim(device, ["limit": 10])
            #expect(lost.count == 10)
            try await lab.loseLeases()
            let again = try await lab.claim(device, ["limit": 10])
            #expect(again.map(\.id) == lost.map(\.id))
            for held in lost { #expect(try await lab.finish(held).says == "403 LEASE_LOST") }
            for held in again { try lab.must(await lab.finish(held)) }
            for held in lost { #expect(try await lab.finish(held).says == "409 JOB_ENDED") }
        }
    }
}
