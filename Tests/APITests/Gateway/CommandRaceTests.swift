import API
import Bytes
import Support
import Testing

@Suite("Claims that wait, and claims at the same moment", .timeLimit(.minutes(4)))
struct CommandRaceTests {
    @Test("waitMs waits for a command, and is woken by it", arguments: TestDatabase.all)
    func longPoll(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            async let claimed = lab.claim(device, ["limit": 1, "waitMs": 20_000])
            // Nothing tells that the claim has looked and found nothing; if it hasn't, this is no less true.
            try await World.live.sleep(.milliseconds(300))
            let start = World.live.monotonic()
            let id = try await lab.command(for: device)
            #expect(try await claimed.map(\.id) == [id])
            #expect(World.live.monotonic() - start < 4_000, "woken, not by its own look five seconds later")
            let before = World.live.monotonic()
            #expect(try await lab.claim(device, ["waitMs": 300]).isEmpty)
            #expect(World.live.monotonic() - before >= 300)
        }
    }

    @Test("of many that wait the one whose device has a command is woken", arguments: TestDatabase.all)
    func neighbours(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            var devices: [EnrolledDevice] = []
            for number in 0..<6 { devices.append(try await lab.enroll("edge-\(number)")) }
            let all = devices
            async let claims = atOnce(6) { number in
                let start = World.live.monotonic()
                let held = try await lab.claim(all[number], ["waitMs": 8_000])
                return (ids: held.map(\.id), took: World.live.monotonic() - start)
            }
            try await World.live.sleep(.milliseconds(500))
            // The last one, the first one, and one in between.
            var ids: [Int: String] = [:]
            for number in [5, 0, 3] { ids[number] = try await lab.command(for: all[number]) }
            for (number, claim) in try await claims.enumerated() {
                #expect(claim.ids == (ids[number].map { [$0] } ?? []), "edge-\(number)")
                #expect((claim.took < 4_500) == (ids[number] != nil), "edge-\(number): \(claim.took) ms")
            }
        }
    }

    @Test("a claim that waits is woken by an approval", arguments: TestDatabase.all)
    func approved(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            let id = try await lab.command(for: device, ["sessionId": .string(session)])
            async let claimed = lab.claim(device, ["waitMs": 20_000])
            try await World.live.sleep(.milliseconds(300))
            let start = World.live.monotonic()
            try lab.must(await lab.decide(id, in: session))
            #expect(try await claimed.map(\.id) == [id])
            #expect(World.live.monotonic() - start < 4_000)
        }
    }

    @Test(
        "32 claimers on one device's 1,000 commands: disjoint, in order of priority, then age",
        arguments: TestDatabase.all)
    func claimers(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            _ = try await atOnce(20) { part in
                for number in 0..<50 {
                    try await lab.command(for: device, ["priority": JSON((part * 50 + number) * 7 % 5)])
                }
            }
            let ranks = try await ranks(of: device, lab)
            #expect(ranks.count == 1_000)
            let claims = try await atOnce(32) { number in
                var mine: [[Int]] = []
                while true {
                    let held = try await lab.claim(device, ["limit": JSON(number % 10 + 1)])
                    if held.isEmpty { return mine }
                    mine.append(held.compactMap { ranks[$0.id] })
                }
            }
            let all = claims.flatMap { $0.flatMap(\.self) }
            #expect(all.count == 1_000 && Set(all).count == 1_000, "disjoint, and none is left")
            for (number, mine) in claims.enumerated() {
                let order = mine.flatMap(\.self)
                #expect(order == order.sorted(), "claimer \(number)")
            }
            #expect(try await lab.waiting(device) == 0)
        }
    }

    /// The place of each command of a device in the order in which it is due.
    private func ranks(of device: EnrolledDevice, _ lab: GatewayLab) async throws -> [String: Int] {
        var (newest, cursor): ([JSON], String?) = ([], nil)
        repeat {
            let query = "?limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try lab.must(await lab.call(as: device.customer, "GET", "\(device.path)/commands\(query)"))
            newest += page["commands"]?.array ?? []
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        let aged = newest.reversed().enumerated().map { age, command in
            (priority: command["priority"]?.int ?? -1, age: age, id: command["id"]?.string ?? "")
        }
        let due = aged.sorted { ($0.priority, $0.age) < ($1.priority, $1.age) }
        return Dictionary(due.enumerated().map { ($1.id, $0) }) { first, _ in first }
    }

    @Test("a command that is ended in different ways at once is ended in one", arguments: TestDatabase.all)
    func contest(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for round in 0..<10 {
                let id = try await lab.command(for: device)
                let held = try await lab.held(by: device)
                let replies = try await atOnce(6) { number in
                    switch number % 3 {
                    case 0: try await lab.cancel(id, of: device)
                    case 1: try await lab.finish(held)
                    default: try await lab.extend(held)
                    }
                }
                let (cancels, results) = ([replies[0], replies[3]], [replies[1], replies[4]])
                switch try await lab.status(id, of: device) {
                case "cancelled":
                    #expect(cancels.map(\.status).sorted() == [200, 409], "round \(round)")
                    #expect(results.allSatisfy { $0.says == "409 JOB_ENDED" }, "round \(round)")
                case "completed":
                    #expect(results.allSatisfy { $0.status == 200 }, "round \(round): the second repeats the first")
                    #expect(cancels.allSatisfy { $0.says == "409 JOB_ENDED" }, "round \(round)")
                case let status: Issue.record("round \(round): \(status)")
                }
            }
            #expect(try await lab.waiting(device) == 0)
        }
    }
}
