import API
import Bytes
import Store
import Support
import Testing

/// What a customer's socket is told of the devices that it follows.
@Suite("Updates on a customer's socket", .timeLimit(.minutes(3)))
struct CustomerUpdateTests {
    /// Two commands: one succeeds, one is cancelled; then the device is busy. Seven updates.
    private func work(_ device: EnrolledDevice, _ lab: GatewayLab) async throws {
        let first = try await lab.command(for: device)
        let held = try await lab.held(by: device)
        #expect(held.id == first)
        try lab.must(await lab.finish(held))
        let second = try await lab.command(for: device)
        try lab.must(await lab.cancel(second, of: device))
        try lab.must(await lab.beat(device, ["status": "busy"]))
        try lab.must(await lab.beat(device, ["status": "error"]))
    }

    /// As they are told, after a position.
    private func worked(after position: Int64) -> [String] {
        let told = [
            "command_update pending", "command_update claimed", "command_update completed", "command_update pending",
            "command_update cancelled", "device_status busy", "device_status error",
        ]
        return told.enumerated().map { "\(position + Int64($0) + 1) \($1)" }
    }

    @Test("device_status and command_update come as it happens, by position", arguments: TestDatabase.all)
    func live(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: .acme)
            let position = try await socket.subscribe(to: device)
            try lab.must(await lab.beat(device))
            let status = try await socket.next()
            #expect(status["type"] == "device_status" && status.field("position")?.int == position + 1)
            let data = try #require(status["data"], "\(status.text())")
            #expect(data["deviceId"] == "edge-1" && data["status"] == "online" && lab.isDue(data["lastSeen"], in: 0))
            // The same again is nothing new.
            try lab.must(await lab.beat(device))
            let id = try await lab.command(for: device, ["type": "tail", "parameters": ["a": 1]])
            let update = try await socket.next()
            #expect(update["type"] == "command_update" && update.field("position")?.int == position + 2)
            let command = try #require(update["data"]?["command"], "\(update.text())")
            #expect(update["data"]?["deviceId"] == "edge-1" && command["id"]?.string == id)
            #expect(command["type"] == "tail" && command["status"] == "pending")
            let held = try await lab.held(by: device)
            #expect(try await socket.updates(1) == ["\(position + 3) command_update claimed"])
            try lab.must(await lab.finish(held))
            let done = try await socket.next()
            #expect(done.update == "\(position + 4) command_update completed")
            #expect(done["data"]?["command"]?["result"]?["output"] == "done", "\(done.text())")
            try await lab.pass(.seconds(91))
            #expect(try await socket.updates(1) == ["\(position + 5) device_status offline"])
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            #expect(try await socket.updates(1) == ["\(position + 6) device_status suspended"])
        }
    }

    @Test("a lease that ran out, an approval and a rejection are told of as well", arguments: TestDatabase.all)
    func others(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            let socket = try await lab.socket(of: .acme)
            let start = try await socket.subscribe(to: device)
            let one = try await lab.command(for: device, ["sessionId": .string(session)])
            let two = try await lab.command(for: device, ["sessionId": .string(session)])
            try lab.must(await lab.decide(one, in: session))
            try lab.must(await lab.decide(two, in: session, false))
            _ = try await lab.held(by: device)
            try await lab.loseLeases()
            let told = try await socket.updates(6).map { $0.split(separator: " ").last.map(String.init) ?? "" }
            #expect(told == ["pending_approval", "pending_approval", "pending", "rejected", "claimed", "pending"])
            try await socket.expectQuiet()
            #expect(try await socket.subscribe(to: device) == start + 6)
        }
    }

    @Test("since gives exactly what was missed, then goes on", arguments: TestDatabase.all)
    func missed(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let first = try await lab.socket(of: .acme)
            let position = try await first.subscribe(to: device)
            try lab.must(await lab.beat(device))
            #expect(try await first.updates(1) == ["\(position + 1) device_status online"])
            try await first.hangUp()
            try await work(device, lab)
            let second = try await lab.socket(of: .acme)
            let end = try await second.subscribe(to: device, since: position + 1)
            #expect(end == position + 8)
            #expect(try await second.updates(7) == worked(after: position + 1))
            try await second.expectQuiet()
            try lab.must(await lab.beat(device))
            #expect(try await second.updates(1) == ["\(position + 9) device_status online"])
            // From the middle, from the end, and from nowhere.
            for (since, count) in [(position + 5, 4), (position + 9, 0), (position + 100, 0)] {
                let socket = try await lab.socket(of: .acme)
                try await socket.subscribe(to: device, since: since)
                let numbers = try await socket.updates(count).compactMap { Int64($0.prefix { $0 != " " }) }
                #expect(numbers == (0..<count).map { since + 1 + Int64($0) })
                try await socket.expectQuiet()
            }
            let plain = try await lab.socket(of: .acme)
            #expect(try await plain.subscribe(to: device) == position + 9)
            try await plain.expectQuiet()
        }
    }

    @Test("since gives it also at another server of the same farm, and what happens there comes as well")
    func twoServers() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let clock = TestClock()
        try await GatewayLab.run(.postgres, url: url, clock: clock) { here in
            let device = try await here.enroll()
            try here.must(await here.beat(device))
            let first = try await here.socket(of: .acme)
            let position = try await first.subscribe(to: device)
            try await first.hangUp()
            try await work(device, here)
            try await GatewayLab.run(.postgres, url: url, clock: clock) { there in
                let socket = try await there.socket(of: .acme)
                try await socket.subscribe(to: device, since: position)
                #expect(try await socket.updates(7) == worked(after: position))
                try await socket.expectQuiet()
                // One after the other, by turns: none is lost, none comes twice, and they come in order.
                var expected: [String] = []
                for (number, lab) in [here, there, here, there, here].enumerated() {
                    let status = number % 2 == 0 ? "online" : "busy"
                    try lab.must(await lab.beat(device, ["status": .string(status)]))
                    expected.append("\(position + 8 + Int64(number)) device_status \(status)")
                }
                #expect(try await socket.updates(5) == expected)
                try await socket.expectQuiet()
            }
        }
    }

    @Test("a page of what was missed doesn't end it: all of a thousand comes, in order", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: .acme)
            let position = try await socket.subscribe(to: device)
            try await socket.hangUp()
            _ = try await atOnce(10) { _ in for _ in 0..<100 { try await lab.command(for: device) } }
            let again = try await lab.socket(of: .acme)
            #expect(try await again.subscribe(to: device, since: position) == position + 1_000)
            let told = try await again.updates(1_000)
            #expect(told == (1...1_000).map { "\(position + Int64($0)) command_update pending" })
            try await again.expectQuiet()
        }
    }

    @Test("they are kept for 24 hours; oldest says from where on", arguments: TestDatabase.all)
    func kept(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try await lab.command(for: device)
            func prune() async throws {
                try await lab.database.write { _ = try $0.prune(limit: 1_000, keysOlderThan: 0) }
            }
            func subscribe(since position: Int64) async throws -> (answer: JSON, socket: GatewaySocket) {
                let socket = try await lab.socket(of: .acme)
                let message: JSON = ["type": "subscribe", "deviceId": "edge-1", "since": JSON(position)]
                return (try await socket.ask(message), socket)
            }
            try await prune()
            let before = try await subscribe(since: 0)
            let last = try #require(before.answer.field("position")?.int)
            #expect(before.answer.field("oldest") == 1 && last == 2, "\(before.answer.text())")
            #expect(try await before.socket.updates(2).last == "2 command_update pending")
            try await lab.pass(.seconds(86_000))
            try lab.must(await lab.beat(device))
            try await lab.pass(.seconds(600))
            try await prune()
            let after = try await subscribe(since: 0)
            let oldest = try #require(after.answer.field("oldest")?.int)
            #expect(oldest == 3, "so some are gone: \(after.answer.text())")
            let kept = Int((after.answer.field("position")?.int ?? 0) - oldest + 1)
            let told = try await after.socket.updates(kept)
            #expect(told.first == "3 device_status online" && told.count == kept, "\(told)")
            try await after.socket.expectQuiet()
        }
    }

    @Test("go to who subscribed, until it unsubscribes, and to no other customer", arguments: TestDatabase.all)
    func audience(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let theirs = try await lab.enroll("edge-3", of: .globex)
            let (one, two) = (try await lab.socket(of: .acme), try await lab.socket(of: .acme))
            let (idle, stranger) = (try await lab.socket(of: .acme), try await lab.socket(of: .globex))
            try await one.subscribe(to: device)
            try await two.subscribe(to: device)
            try await two.subscribe(to: other)
            try await stranger.subscribe(to: theirs)
            try lab.must(await lab.beat(device, ["status": "busy"]))
            for socket in [one, two] { #expect(try await socket.next()["data"]?["deviceId"] == "edge-1") }
            try lab.must(await lab.beat(other, ["status": "busy"]))
            #expect(try await two.next()["data"]?["deviceId"] == "edge-2")
            let left = try await two.ask(["type": "unsubscribe", "deviceId": "edge-1"])
            #expect(left["type"] == "unsubscribed" && left.field("deviceId") == "edge-1", "\(left.text())")
            try lab.must(await lab.beat(device, ["status": "error"]))
            #expect(try await one.next()["data"]?["status"] == "error")
            try lab.must(await lab.beat(other, ["status": "error"]))
            #expect(try await two.next()["data"]?["deviceId"] == "edge-2", "what it left doesn't come")
            for socket in [one, two, idle, stranger] { try await socket.expectQuiet() }
        }
    }
}
