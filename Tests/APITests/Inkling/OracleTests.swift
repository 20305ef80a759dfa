import API
import Bytes
import Store
import Support
import Testing

/// What needs no upstream; with upstreams see `OracleUpstreamTests`.
@Suite("POST /api/oracle without an upstream", .timeLimit(.minutes(2)))
struct OracleTests {
    private static let payload: JSON = ["messages": [["role": "user", "content": "Hello!"]], "max_tokens": 1_024]

    @Test("is 503, counts nothing, and leaves message and nonce unspent", arguments: TestDatabase.all)
    func unavailable(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (known, nonce) = (try await lab.enroll(), try await lab.nonce())
            for message in [
                lab.message(by: known, Self.payload), lab.message(by: known, Self.payload, .javaScript, nonce: nonce),
                lab.message(by: known, Self.payload, .whole, nonce: nonce),
            ] {
                for _ in 0..<2 {
                    try await lab.expectRefusal("503 ORACLE_UNAVAILABLE") { try await lab.post("/api/oracle", message) }
                }
            }
            for number in 0..<110 {
                let payload = Self.payload.with(["max_tokens": JSON(1_000 + number)])
                let reply = try await lab.send("/api/oracle", by: known, payload)
                #expect(reply.outcome == "503 ORACLE_UNAVAILABLE", "\(number): \(reply.text)")
                #expect(reply["Retry-After"] != nil)
            }
            try lab.must(await lab.send("/api/plant", by: known, InklingLab.dream(), nonce: nonce))
        }
    }

    @Test("a payload that is none is 400", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            for payload in [[:], ["max_tokens": 10], ["messages": .null]] as [JSON] {
                try await lab.expectRefusal("400 MISSING_FIELDS") {
                    try await lab.send("/api/oracle", by: device, payload)
                }
            }
            let hello: JSON = ["role": "user", "content": "Hello!"]
            for fields in [
                ["messages": []], ["messages": "Hello!"], ["messages": [7]], ["messages": [[:]]],
                ["messages": [["role": "user"]]], ["messages": [["content": "Hello!"]]],
                ["messages": [["role": "tool", "content": "Hello!"]]], ["messages": [["role": "user", "content": 7]]],
                ["messages": [["role": "user", "content": ""]]],
                ["messages": .array(Array(repeating: hello, count: 51))],
                ["messages": [["role": "user", "content": .letters(33_000, "x")]]],
                ["messages": [["role": "assistant", "content": "Hello!"]]], ["max_tokens": 0], ["max_tokens": -1],
                ["max_tokens": 4_097], ["max_tokens": .number("1e3")], ["max_tokens": "10"],
                ["max_tokens": .number("99999999999999999999")], ["model": "x"], ["stream": true],
            ] as [JSON] {
                try await lab.expectRefusal([400], "\(fields.text().prefix(80))") {
                    try await lab.send("/api/oracle", by: device, Self.payload.with(fields))
                }
            }
        }
    }

    @Test("a forged, old or replayed call is refused as any, and a banned device is 403", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let message = lab.message(by: device, Self.payload)
            try await lab.expectRefusal("401 INVALID_SIGNATURE") { try await lab.post("/api/oracle", message.forged) }
            let old = lab.message(by: device, Self.payload, in: -400)
            try await lab.expectRefusal([401, 503], "old") { try await lab.post("/api/oracle", old) }
            try lab.must(await lab.admin("ban", device.key))
            try await lab.expectRefusal([403, 503], "banned") {
                try await lab.send("/api/oracle", by: device, Self.payload)
            }
        }
    }
}

@Suite("POST /api/admin/devices/{public_key}/…", .timeLimit(.minutes(2)))
struct InklingAdminTests {
    @Test("a ban ends a device's calls until it is taken back", arguments: TestDatabase.all)
    func ban(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (try await lab.enroll(), try await lab.enroll())
            let calls: [(String, JSON)] = [
                ("/api/plant", InklingLab.dream()), ("/api/fish", ["limit": 2]), ("/api/telegram/inbox", ["limit": 3]),
                ("/api/telegram", InklingLab.telegram(to: other.key)), ("/api/postcard", InklingLab.postcard()),
                ("/api/baptism", ["action": "request"]), ("/api/lineage", InklingLab.birth(of: InklingDevice())),
            ]
            for _ in 0..<2 {
                let banned = try lab.must(await lab.admin("ban", device.key))
                #expect(banned.keys == ["success", "public_key", "device_name", "is_banned", "is_verified"])
                #expect(banned["is_banned"] == true && banned["public_key"]?.string == device.key)
            }
            for (path, payload) in calls {
                try await lab.expectRefusal("403 DEVICE_BANNED") { try await lab.send(path, by: device, payload) }
            }
            try lab.must(await lab.send("/api/plant", by: other, InklingLab.dream()))
            for _ in 0..<2 {
                #expect(try lab.must(await lab.admin("unban", device.key))["is_banned"] == false)
            }
            lab.clock.advance(by: .seconds(1))
            for (path, payload) in calls { try lab.must(await lab.send(path, by: device, payload)) }
        }
    }

    @Test("a blessing verifies, for good, and may be repeated", arguments: TestDatabase.all)
    func bless(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (device, other) = (try await lab.enroll(), try await lab.enroll())
            try await lab.expectRefusal("403 NOT_VERIFIED") { try await lab.endorse(other, by: device) }
            for _ in 0..<2 {
                #expect(try lab.must(await lab.admin("bless", device.key))["is_verified"] == true)
            }
            let state = try await lab.baptism(of: device)
            #expect(state["is_verified"] == true && state["status"] == "baptized" && state["endorsement_count"] == 0)
            try lab.must(await lab.endorse(other, by: device))
        }
    }

    @Test("a key in capitals is the same device; an unknown one is 404, no key 400 or 404", arguments: TestDatabase.all)
    func keys(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            #expect(try lab.must(await lab.admin("ban", device.key.uppercased()))["public_key"]?.string == device.key)
            try await lab.expectRefusal("403 DEVICE_BANNED") {
                try await lab.send("/api/plant", by: device, InklingLab.dream())
            }
            for action in ["ban", "unban", "bless"] {
                try await lab.expectRefusal("404 DEVICE_NOT_FOUND") {
                    try await lab.admin(action, InklingDevice().key)
                }
                try await lab.expectRefusal([400, 404], action) { try await lab.admin(action, "abc123...") }
            }
        }
    }

    @Test("is the operator's alone: nobody is 401, a device is nobody, a member is 403", arguments: TestDatabase.all)
    func authority(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            let member = try await lab.plane.agent("somebody")
            for action in ["ban", "unban", "bless"] {
                try await lab.expectRefusal([401], "\(action) by nobody") {
                    try await lab.admin(action, device.key, [])
                }
                try await lab.expectRefusal([401], "\(action) by a wrong token") {
                    try await lab.admin(action, device.key, [("Authorization", "Bearer operator-token-")])
                }
                try await lab.expectRefusal([403], "\(action) by a member") {
                    try await lab.admin(action, device.key, member.headers)
                }
                let signed = lab.message(by: device, [:]).bytes()
                try await lab.expectRefusal([401], "\(action), signed") {
                    try await lab.plane.send(
                        "POST", "/api/admin/devices/\(device.key)/\(action)", bytes: signed, base: "")
                }
            }
        }
    }

    @Test("what the operator did is recorded", arguments: TestDatabase.all)
    func recorded(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let device = try await lab.enroll()
            for action in ["ban", "ban", "unban", "bless", "bless"] {
                try lab.must(await lab.admin(action, device.key))
            }
            let types = try await lab.database.read { tx in
                try tx.rows("SELECT type FROM events WHERE object_id = \(device.key) ORDER BY type") { try $0.text() }
            }
            #expect(types == ["inkling_banned", "inkling_blessed", "inkling_unbanned"])
        }
    }
}
