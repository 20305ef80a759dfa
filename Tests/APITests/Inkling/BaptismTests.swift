import API
import Bytes
import Store
import Support
import Testing

extension InklingLab {
    func endorse(
        _ target: InklingDevice, by device: InklingDevice, _ message: JSON = "I vouch for this device"
    ) async throws -> PlaneReply {
        let payload: JSON = ["action": "endorse", "target_public_key": .string(target.key), "message": message]
        return try await send("/api/baptism", by: device, payload)
    }

    func revoke(_ target: InklingDevice, by device: InklingDevice) async throws -> PlaneReply {
        try await send("/api/baptism", by: device, ["action": "revoke", "target_public_key": .string(target.key)])
    }

    /// As anybody may read it.
    func baptism(of device: InklingDevice, at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        try must(await get("/api/baptism?public_key=\(device.key)"), at: place)
    }

    /// So many devices that may endorse.
    func blessed(_ count: Int) async throws -> [InklingDevice] {
        var devices: [InklingDevice] = []
        for _ in 0..<count { devices.append(try await blessed()) }
        return devices
    }

    /// One that may endorse, and was endorsed so often itself.
    func blessed(endorsed count: Int, by endorsers: [InklingDevice]) async throws -> InklingDevice {
        let device = try await blessed()
        for endorser in endorsers.prefix(count) { try must(await endorse(device, by: endorser)) }
        return device
    }

    /// The sum of level / (1 + 0.3 i), levels descending (CONTRACT 8).
    static func score(_ levels: [Int]) -> Double {
        levels.sorted(by: >).enumerated().reduce(0) { $0 + Double($1.element) / (1 + 0.3 * Double($1.offset)) }
    }
}

@Suite("POST and GET /api/baptism", .timeLimit(.minutes(3)))
struct BaptismTests {
    /// Whether a score is the one meant, as far as it is written.
    private func isScore(_ value: JSON?, _ levels: [Int]) -> Bool {
        guard let value = value?.double else { return false }
        return abs(value - InklingLab.score(levels)) < 0.051
    }

    @Test("a request is 200 and pending, seen by all, and may be made again", arguments: TestDatabase.all)
    func request(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = InklingDevice()
            let payload: JSON = ["action": "request", "message": "I want to join the community!"]
            let made = try lab.must(await lab.send("/api/baptism", by: device, payload))
            #expect(made["message"]?.string?.isEmpty == false)
            let state = try await lab.baptism(of: device)
            #expect(
                state.keys.isSuperset(of: [
                    "success", "device_name", "is_verified", "status", "endorsement_count", "trust_score", "threshold",
                    "endorsements", "next_cursor",
                ]), "\(state.text())")
            #expect(state["device_name"] == "Inkling" && state["is_verified"] == false && state["status"] == "pending")
            #expect(state["endorsement_count"] == 0 && state["trust_score"]?.double == 0)
            #expect(state["threshold"]?.double == 3 && state["endorsements"] == [])
            lab.clock.advance(by: .seconds(1))
            try lab.must(await lab.send("/api/baptism", by: device, payload))
            let pending = try lab.must(await lab.get("/api/baptism?pending=true"))
            let requests = try #require(pending["pending"]?.array, "\(pending.text())")
            #expect(requests.count == 1 && requests.first?["message"] == payload["message"])
            #expect(requests.first?["device_name"] == "Inkling")
            #expect(requests.first?.text().contains(device.key) == true)
            let silent = InklingDevice()
            try lab.must(await lab.send("/api/baptism", by: silent, ["action": "request"], .javaScript))
            #expect(try await lab.walk("/api/baptism?pending=true", "pending", limit: 1).count == 2)
        }
    }

    @Test("five endorsements of the first level baptize, four don't", arguments: TestDatabase.all)
    func firstLevel(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, endorsers) = (InklingDevice(), try await lab.blessed(5))
            try lab.must(await lab.send("/api/baptism", by: device, ["action": "request"]))
            for (index, endorser) in endorsers.enumerated() {
                let levels = Array(repeating: 1, count: index + 1)
                let reply = try lab.must(await lab.endorse(device, by: endorser))
                #expect(
                    reply.keys == [
                        "success", "message", "endorsement_count", "needed", "baptized", "trust_score",
                    ], "\(reply.text())")
                #expect(reply["endorsement_count"]?.int == Int64(index + 1) && reply["needed"] == 2)
                #expect(isScore(reply["trust_score"], levels), "\(reply.text())")
                #expect(reply["baptized"] == .bool(index == 4), "\(reply.text())")
                let state = try await lab.baptism(of: device)
                #expect(state["is_verified"] == .bool(index == 4) && isScore(state["trust_score"], levels))
                #expect(state["status"] == (index == 4 ? "baptized" : "pending"))
            }
            let state = try await lab.baptism(of: device)
            let shown = try #require(state["endorsements"]?.array)
            #expect(shown.count == 5)
            for endorsement in shown {
                #expect(
                    endorsement.keys.isSuperset(of: ["endorser_name", "trust_level", "message", "created_at"]))
                #expect(endorsement["trust_level"] == 1 && endorsement["message"] == "I vouch for this device")
            }
            #expect(try await lab.walk("/api/baptism?pending=true", "pending").isEmpty)
            // Whoever is baptized endorses.
            try lab.must(await lab.endorse(try await lab.enroll(), by: device))
        }
    }

    @Test("a level is one more for each two endorsements that the endorser has, to five", arguments: TestDatabase.all)
    func levels(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let endorsers = try await lab.blessed(11)
            for (count, level) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (7, 4), (8, 5), (9, 5), (11, 5)] {
                let endorser = try await lab.blessed(endorsed: count, by: endorsers)
                let device = try await lab.enroll()
                let reply = try lab.must(await lab.endorse(device, by: endorser))
                #expect(isScore(reply["trust_score"], [level]), "\(count): \(reply.text())")
                // The score may suffice, one endorsement doesn't.
                #expect(reply["baptized"] == false && reply["endorsement_count"] == 1, "\(count)")
                let shown = try await lab.baptism(of: device)["endorsements"]?.array?.first
                #expect(shown?["trust_level"]?.int == Int64(level), "\(count)")
            }
        }
    }

    @Test("levels count in descending order, whichever came first, and stay as given", arguments: TestDatabase.all)
    func descending(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let endorsers = try await lab.blessed(8)
            let (low, high) = (try await lab.blessed(), try await lab.blessed(endorsed: 2, by: endorsers))
            let (one, two) = (try await lab.enroll(), try await lab.enroll())
            for (device, order) in [(one, [low, high]), (two, [high, low])] {
                try lab.must(await lab.endorse(device, by: order[0]))
                let reply = try lab.must(await lab.endorse(device, by: order[1]))
                // 2 + 1 / 1.3 = 2.77
                #expect(isScore(reply["trust_score"], [2, 1]) && reply["baptized"] == false, "\(reply.text())")
            }
            for endorser in endorsers.dropFirst(2) { try lab.must(await lab.endorse(high, by: endorser)) }
            #expect(try await isScore(lab.baptism(of: one)["trust_score"], [2, 1]))
            let reply = try lab.must(await lab.endorse(one, by: endorsers[0]))
            // 2 + 1 / 1.3 + 1 / 1.6 = 3.39
            #expect(isScore(reply["trust_score"], [2, 1, 1]) && reply["baptized"] == true, "\(reply.text())")
        }
    }

    @Test("an endorsement that is repeated is 200 and has no effect", arguments: TestDatabase.all)
    func repeated(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, endorsers) = (try await lab.enroll(), try await lab.blessed(3))
            try lab.must(await lab.endorse(device, by: endorsers[0]))
            let before = try await lab.baptism(of: device)
            for endorser in endorsers.dropFirst() { try lab.must(await lab.endorse(endorsers[0], by: endorser)) }
            for message in ["again", "and again"] as [JSON] {
                let reply = try lab.must(await lab.endorse(device, by: endorsers[0], message))
                #expect(reply["endorsement_count"] == 1)
            }
            #expect(try await lab.baptism(of: device) == before)
            let replies = try await atOnce(20) { number in
                let payload: JSON = [
                    "action": "endorse", "target_public_key": .string(device.key), "message": JSON.string("\(number)"),
                ]
                return try await lab.client.post("/api/baptism", lab.message(by: endorsers[1], payload))
            }
            #expect(replies.allSatisfy { $0.status == 200 }, "\(Set(replies.map(\.outcome)))")
            #expect(try await lab.baptism(of: device)["endorsement_count"] == 2)
        }
    }

    @Test("a revocation un-baptizes below either bound", arguments: TestDatabase.all)
    func revoked(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let endorsers = try await lab.blessed(10)
            let (strong, weak) = (
                try await lab.blessed(endorsed: 8, by: endorsers), try await lab.blessed(endorsed: 8, by: endorsers)
            )
            let (byScore, byCount) = (try await lab.enroll(), try await lab.enroll())
            for endorser in endorsers.prefix(5) { try lab.must(await lab.endorse(byScore, by: endorser)) }
            for endorser in [strong, weak] { try lab.must(await lab.endorse(byCount, by: endorser)) }
            for device in [byScore, byCount] {
                #expect(try await lab.baptism(of: device)["status"] == "baptized")
            }
            // Four of the first level are 2.92; one of the fifth is 5, but one.
            try lab.must(await lab.revoke(byScore, by: endorsers[0]))
            try lab.must(await lab.revoke(byCount, by: weak))
            for (device, levels) in [(byScore, [1, 1, 1, 1]), (byCount, [5])] {
                let state = try await lab.baptism(of: device)
                #expect(state["is_verified"] == false && state["status"] == "none", "\(state.text())")
                #expect(isScore(state["trust_score"], levels), "\(state.text())")
                #expect(state["endorsement_count"]?.int == Int64(levels.count))
                try await lab.expectRefusal("403 NOT_VERIFIED") { try await lab.endorse(endorsers[9], by: device) }
            }
            try lab.must(await lab.endorse(byCount, by: endorsers[0]))
            #expect(try await lab.baptism(of: byCount)["is_verified"] == true)
        }
    }

    @Test("a revocation of what was never given is 200 and has no effect", arguments: TestDatabase.all)
    func nothingRevoked(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, one, two) = (try await lab.enroll(), try await lab.blessed(), try await lab.blessed())
            try lab.must(await lab.endorse(device, by: one))
            let before = try await lab.baptism(of: device)
            try lab.must(await lab.revoke(device, by: two))
            #expect(try await lab.baptism(of: device) == before)
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") { try await lab.revoke(InklingDevice(), by: one) }
        }
    }

    @Test("who was blessed stays verified, whatever is revoked", arguments: TestDatabase.all)
    func blessed(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, endorsers) = (try await lab.blessed(), try await lab.blessed(5))
            for endorser in endorsers { try lab.must(await lab.endorse(device, by: endorser)) }
            for endorser in endorsers {
                lab.clock.advance(by: .seconds(1))
                try lab.must(await lab.revoke(device, by: endorser))
                #expect(try await lab.baptism(of: device)["status"] == "baptized")
            }
            #expect(try await lab.baptism(of: device)["endorsement_count"] == 0)
        }
    }

    @Test("only a verified device endorses, and nobody itself", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, verified, unknown) = (try await lab.enroll(), try await lab.blessed(), InklingDevice())
            try await lab.expectRefusal("403 NOT_VERIFIED") { try await lab.endorse(verified, by: device) }
            try await lab.expectRefusal("403 NOT_VERIFIED") { try await lab.endorse(verified, by: unknown) }
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") { try await lab.endorse(unknown, by: verified) }
            try await lab.expectRefusal([400], "itself") { try await lab.endorse(verified, by: verified) }
            try lab.must(await lab.admin("ban", verified.key))
            try await lab.expectRefusal("403 DEVICE_BANNED") { try await lab.endorse(device, by: verified) }
        }
    }

    @Test("an action that is missing or unknown is 400, and so is one without its target", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let verified = try await lab.blessed()
            for payload in [[:], ["message": "x"], ["action": .null], ["action": "endorse"], ["action": "revoke"]]
                as [JSON]
            {
                try await lab.expectRefusal("400 MISSING_FIELDS") {
                    try await lab.send("/api/baptism", by: verified, payload)
                }
            }
            for payload in [
                ["action": "bless"], ["action": "REQUEST"], ["action": 7], ["action": "request", "message": 7],
                ["action": "request", "message": .letters(100_000)], ["action": "endorse", "target_public_key": 7],
            ] as [JSON] {
                try await lab.expectRefusal([400], "\(payload.text().prefix(60))") {
                    try await lab.send("/api/baptism", by: verified, payload)
                }
            }
        }
    }

    @Test("is asked by a device's key: none is 400, an unknown one 404", arguments: TestDatabase.all)
    func query(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            try await lab.expectRefusal("400 MISSING_FIELDS") { try await lab.get("/api/baptism") }
            try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                try await lab.get("/api/baptism?public_key=\(InklingDevice().key)")
            }
            let device = try await lab.enroll()
            let state = try await lab.baptism(of: device)
            #expect(state["is_verified"] == false && state["status"] == "none")
        }
    }
}
