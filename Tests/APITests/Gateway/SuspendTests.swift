import API
import Bytes
import Store
import Support
import Testing

@Suite("POST /api/v1/customer/devices/:id/suspend and /resume", .timeLimit(.minutes(2)))
struct SuspendTests {
    private func move(_ device: EnrolledDevice, _ action: String, _ lab: GatewayLab) async throws -> PlaneReply {
        try await lab.call(as: device.customer, "POST", "\(device.path)/\(action)")
    }

    @Test("a suspended device's tokens end, and don't come back with it", arguments: TestDatabase.all)
    func tokens(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, sibling) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let second = try await lab.signIn(device.id, device.secret)
            try lab.must(await lab.beat(device))
            let reply = try lab.must(await move(device, "suspend", lab))
            #expect(reply["device"]?["id"] == "edge-1" && reply["device"]?["status"] == "suspended", "\(reply.text())")
            #expect(try await lab.state(of: device)["status"] == "suspended")
            func answers() async throws -> [String] {
                var answers: [String] = []
                for token in [device.token, second] {
                    let caller = EnrolledDevice(id: device.id, customer: .acme, secret: "", token: token)
                    answers.append(try await lab.beat(caller).says)
                    answers.append(try await lab.call(by: caller, "/commands/claim", [:]).says)
                }
                return answers
            }
            // At once, however good they were a moment ago.
            #expect(try await answers() == Array(repeating: "401 UNAUTHORIZED", count: 4))
            #expect(try await lab.auth(device.id, device.secret).says == "403 FORBIDDEN")
            try lab.must(await lab.beat(sibling))
            let back = try lab.must(await move(device, "resume", lab))
            #expect(back["device"]?["id"] == "edge-1" && back["device"]?["status"] != "suspended")
            #expect(try await answers() == Array(repeating: "401 UNAUTHORIZED", count: 4))
            var again = device
            again.token = try await lab.signIn(device.id, device.secret)
            try lab.must(await lab.beat(again))
        }
    }

    @Test("what it holds is pending again, and its claim tokens are worth nothing", arguments: TestDatabase.all)
    func held(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            var ids: [String] = []
            for _ in 0..<3 { ids.append(try await lab.command(for: device)) }
            let held = try await lab.claim(device, ["limit": 2])
            try lab.must(await move(device, "suspend", lab))
            for id in ids { #expect(try await lab.status(id, of: device) == "pending") }
            #expect(try await lab.finish(held[0]).says == "401 UNAUTHORIZED")
            try lab.must(await move(device, "resume", lab))
            var again = device
            again.token = try await lab.signIn(device.id, device.secret)
            #expect(try await lab.finish(held[0], by: again).says == "403 LEASE_LOST")
            #expect(try await lab.extend(held[1], by: again).says == "403 LEASE_LOST")
            try await lab.pass(.seconds(3))
            let regained = try await lab.claim(again, ["limit": 10])
            #expect(regained.map(\.id) == ids)
            for one in regained { try lab.must(await lab.finish(one)) }
        }
    }

    @Test("again it changes nothing; a device that never registered is 409", arguments: TestDatabase.all)
    func twice(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await move(device, "resume", lab))
            for action in ["suspend", "resume"] {
                try lab.must(await move(device, action, lab))
                let before = try await DatabaseContents.read(lab.database)
                try lab.must(await move(device, action, lab))
                let after = try await DatabaseContents.read(lab.database)
                #expect(after.differences(from: before) == [], "\(action)")
            }
            try lab.must(await lab.provision("waiting"), 201)
            for action in ["suspend", "resume"] {
                #expect(try await lab.call(as: .acme, "POST", "/devices/waiting/\(action)").says == "409 WRONG_STATE")
            }
            #expect(try await lab.devices(of: .acme).contains("waiting provisioned"))
        }
    }

    @Test("it isn't counted or shown among those that are online", arguments: TestDatabase.all)
    func online(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, sibling) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            try lab.must(await lab.beat(device))
            try lab.must(await lab.beat(sibling))
            try lab.must(await move(device, "suspend", lab))
            #expect(try await lab.devices(of: .acme) == "2 of 2: edge-1 suspended, edge-2 online")
            #expect(try await lab.devices(of: .acme, "?status=online") == "1 of 1: edge-2 online")
            #expect(try await lab.devices(of: .acme, "?status=offline") == "1 of 1: edge-1 suspended")
            try await lab.pass(.seconds(91))
            #expect(try await lab.devices(of: .acme, "?status=online") == "0 of 0: ")
            #expect(try await lab.devices(of: .acme, "?status=offline").hasPrefix("2 of 2"))
            try lab.must(await move(device, "resume", lab))
            #expect(try await lab.state(of: device)["status"] == "offline")
        }
    }

    @Test("its customer may still send it commands, which it gets when it is back", arguments: TestDatabase.all)
    func commands(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await move(device, "suspend", lab))
            let id = try await lab.command(for: device)
            try lab.must(await move(device, "resume", lab))
            var again = device
            again.token = try await lab.signIn(device.id, device.secret)
            #expect(try await lab.claim(again).map(\.id) == [id])
        }
    }

    @Test("at the same moment as its heartbeats it isn't online afterwards", arguments: TestDatabase.all)
    func beating(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for round in 0..<10 {
                let device = try await lab.enroll("edge-\(round)")
                let replies = try await atOnce(6) { number in
                    if number == 3 { return try await move(device, "suspend", lab) }
                    return try await lab.beat(device, ["status": number % 2 == 0 ? "online" : "busy"])
                }
                #expect(replies[3].status == 200)
                #expect(replies.allSatisfy { [200, 401].contains($0.status) }, "\(replies.map(\.status))")
            }
            #expect(try await lab.devices(of: .acme, "?status=online") == "0 of 0: ")
            #expect(try await lab.devices(of: .acme, "?status=offline").hasPrefix("10 of 10: "))
        }
    }

    @Test("at the same moment as its claims and results leaves each command in one state", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for round in 0..<5 {
                let device = try await lab.enroll("edge-\(round)")
                for _ in 0..<12 { try await lab.command(for: device) }
                let first = try await lab.claim(device, ["limit": 4])
                let replies = try await atOnce(9) { number in
                    switch number {
                    case 0: try await move(device, "suspend", lab)
                    case 1...4: try await lab.finish(first[number - 1])
                    default: try await lab.call(by: device, "/commands/claim", ["limit": 2])
                    }
                }
                #expect(replies[0].status == 200, "\(replies[0].text)")
                #expect(replies.allSatisfy { [200, 401, 403].contains($0.status) }, "\(replies.map(\.status))")
                let done = replies[1...4].count { $0.status == 200 }
                let list = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/commands?limit=100"))
                let statuses = (list["commands"]?.array ?? []).compactMap { $0["status"]?.string }
                #expect(statuses.count { $0 == "completed" } == done, "round \(round)")
                #expect(statuses.count { $0 == "pending" } == 12 - done, "nothing is held: \(statuses)")
            }
        }
    }
}
