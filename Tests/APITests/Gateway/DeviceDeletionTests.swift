import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("DELETE /api/v1/customer/devices/:id", .timeLimit(.minutes(2)))
struct DeviceDeletionTests {
    private func delete(
        _ device: EnrolledDevice, _ lab: GatewayLab, by customer: Customer? = nil
    ) async throws
        -> PlaneReply
    {
        try await lab.call(as: customer ?? device.customer, "DELETE", device.path)
    }

    @Test("its tokens and sockets end, and nobody finds it any more", arguments: TestDatabase.all)
    func deleted(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, sibling) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let socket = try await lab.socket(of: device)
            try lab.must(await lab.beat(device))
            #expect(try await lab.devices(of: .acme, "?status=online") == "1 of 1: edge-1 online")
            let reply = try lab.must(await delete(device, lab))
            #expect(reply == ["success": true, "id": "edge-1"])
            #expect(try await socket.rest().last?.code == 1008)
            #expect(try await lab.beat(device).says == "401 UNAUTHORIZED")
            #expect(try await lab.auth("edge-1", device.secret).says == "401 UNAUTHORIZED")
            for (method, path) in [("GET", "/status"), ("DELETE", ""), ("POST", "/resume"), ("GET", "/commands")] {
                let gone = try await lab.call(as: .acme, method, device.path + path)
                #expect(gone.says == "404 NOT_FOUND", "\(method) \(path)")
            }
            #expect(try await lab.send(to: device).says == "404 NOT_FOUND")
            #expect(try await lab.devices(of: .acme) == "1 of 1: edge-2 offline")
            #expect(try await lab.devices(of: .acme, "?status=online") == "0 of 0: ")
            try lab.must(await lab.beat(sibling))
        }
    }

    @Test("its commands are cancelled, whatever they were, and a late result is refused", arguments: TestDatabase.all)
    func commands(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<45 { try await lab.command(for: device) }
            let session = try await lab.session("remediation", on: device)
            try await lab.command(for: device, ["sessionId": .string(session)])
            let held = try await lab.claim(device, ["limit": 10])
            try lab.must(await lab.finish(held[0]))
            try lab.must(await delete(device, lab))
            #expect(try await lab.finish(held[1]).says == "401 UNAUTHORIZED")
            try await lab.pass(.seconds(1))
            try await lab.pass(.seconds(601))
            let left = try await lab.database.read { tx in
                let tables: [StaticString] = [
                    "devices", "device_presence", "device_commands", "device_updates", "device_sessions", "live_jobs",
                ]
                return try tables.map { try tx.first("SELECT COUNT(*) FROM \(raw: $0)") { try $0.integer() } ?? -1 }
            }
            #expect(left == [0, 0, 0, 0, 0, 0])
            let ended = try await lab.database.read { tx in
                try tx.rows("SELECT state, COUNT(*) FROM ended_jobs GROUP BY state ORDER BY state") { row in
                    try "\(row.text()) \(row.integer())"
                }
            }
            #expect(ended == ["cancelled 45", "completed 1"])
        }
    }

    @Test("the id is free when all is gone, and what was there is nobody's to see", arguments: TestDatabase.all)
    func reuse(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let watcher = try await lab.socket(of: Customer.acme)
            #expect(try await watcher.ask(["type": "subscribe", "deviceId": "edge-1"])["type"] == "subscribed")
            try lab.must(await delete(device, lab))
            #expect(try await watcher.next("device_status").field("status") == "deleted")
            for _ in 0..<2 {
                let early = try await lab.provision("edge-1", of: .globex)
                #expect(early.says == "409 WRONG_STATE" && early.text.contains("10 minutes"))
                try await lab.pass(.seconds(300))
            }
            try await lab.pass(.seconds(2))
            let theirs = try await lab.enroll("edge-1", of: .globex)
            #expect(try await lab.call(as: .acme, "GET", "\(device.path)/status").says == "403 FORBIDDEN")
            #expect(try await lab.call(as: .globex, "GET", "\(device.path)/commands/\(id)").says == "404 NOT_FOUND")
            let list = try lab.must(await lab.call(as: .globex, "GET", "\(device.path)/commands"))
            #expect(list["commands"] == [])
            for _ in 0..<20 { try await lab.command(for: theirs) }
            try await watcher.expectQuiet()
        }
    }

    @Test("a device that never said a word is deleted a week after its code ran out", arguments: TestDatabase.all)
    func unregistered(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let heard = try await lab.enroll("heard")
            try lab.must(await lab.beat(heard))
            try lab.must(await lab.call(as: .acme, "POST", "\(heard.path)/suspend"))
            for id in ["heard", "squatted"] { try lab.must(await lab.provision(id), 201) }
            let squatted = EnrolledDevice(id: "squatted", customer: .acme, secret: "", token: "")
            try await lab.command(for: squatted)
            try await lab.pass(.seconds(8 * 86_400 - 60))
            #expect(try await lab.provision("squatted", of: .globex).says == "409 TAKEN")
            try await lab.pass(.seconds(120))
            #expect(try await lab.devices(of: .acme) == "1 of 1: heard provisioned")
            try await lab.pass(.seconds(661))
            _ = try await lab.enroll("squatted", of: .globex)
        }
    }

    @Test("a claim that waits ends with the device, or its token", arguments: TestDatabase.all)
    func waitingClaim(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (deleted, suspended) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            async let first = lab.call(by: deleted, "/commands/claim", ["waitMs": 20_000])
            async let second = lab.call(by: suspended, "/commands/claim", ["waitMs": 20_000])
            try await World.live.sleep(.milliseconds(500))
            try lab.must(await delete(deleted, lab))
            for action in ["suspend", "resume"] {
                try lab.must(await lab.call(as: .acme, "POST", "\(suspended.path)/\(action)"))
            }
            try await lab.command(for: suspended)
            #expect(try await [first.says, second.says] == ["401 UNAUTHORIZED", "401 UNAUTHORIZED"])
        }
    }

    @Test("commands that are sent while the device is deleted are refused, or cancelled with it")
    func race() async throws {
        try await GatewayLab.run(.postgres) { lab in
            for round in 0..<10 {
                let device = try await lab.enroll("edge-\(round)")
                let answers = try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<12 {
                        group.addTask {
                            number == 6 ? try await delete(device, lab).says : try await lab.send(to: device).says
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(answers).isSubset(of: ["200", "201", "404 NOT_FOUND"]), "\(answers)")
            }
            try await lab.pass(.seconds(700))
            let left = try await lab.database.read { tx in
                try tx.first(
                    """
                    SELECT (SELECT COUNT(*) FROM live_jobs) + (SELECT COUNT(*) FROM device_commands)
                        + (SELECT COUNT(*) FROM devices)
                    """
                ) { try $0.integer() }
            }
            #expect(left == 0)
        }
    }

    @Test("a device that has another code since is not deleted with those that never registered")
    func renewed() async throws {
        try await GatewayLab.run(.sqlite) { lab in
            try lab.must(await lab.provision("edge-1"), 201)
            try await lab.skip(.seconds(9 * 86_400))
            let found = try await lab.database.read { try $0.unregisteredDevices(Picking(10)) }
            #expect(found.map(\.device.text) == ["edge-1"])
            let device = try await lab.enroll("edge-1")
            for (id, customer) in found {
                try await lab.database.write { try $0.deleteUnregistered(id, of: customer) }
            }
            try lab.must(await lab.beat(device))
        }
    }
}
