import API
import Bytes
import Domain
import Store
import Support
import Testing

extension TestClock {
    static let day: Int64 = 86_400_000

    /// At noon of UTC, so that no day ends while a test runs.
    static var noon: TestClock {
        let clock = TestClock()
        clock.advance(milliseconds: day - clock.now % day + day / 2)
        return clock
    }

    /// When the present day of UTC ends, in seconds since 1970.
    var midnight: Int64 { (now / Self.day + 1) * Self.day / 1_000 }
}

/// Inkling on a real server over one of the databases, and devices that call it.
///
///     try await InklingLab.run(database) { lab in
///         let device = InklingDevice()
///         let reply = try await lab.send("/api/plant", by: device, ["content": "I dreamed of electric sheep"])
///         try lab.must(reply)
///
/// Time is the clock's, of the database as of the server, and begins at noon of UTC.
struct InklingLab: Sendable {
    /// The operations with a daily limit: path, limit, the member that tells what is left, a payload.
    struct Limit: Sendable, CustomTestStringConvertible {
        let path: String
        let limit: Int64
        let remaining: String

        var testDescription: String { path }

        static let dreams = Limit(path: "/api/plant", limit: 20, remaining: "remaining_dreams")
        static let telegrams = Limit(path: "/api/telegram", limit: 50, remaining: "remaining_telegrams")
        static let postcards = Limit(path: "/api/postcard", limit: 10, remaining: "remaining_postcards")
        static let all = [dreams, telegrams, postcards]
    }

    let plane: ControlPlane

    var database: Database { plane.dependencies.database }
    var clock: TestClock { plane.clock }
    /// Seconds since 1970.
    var now: Int64 { clock.now / 1_000 }
    /// With as many connections as there are calls at once.
    var client: FarmClient { FarmClient("http://127.0.0.1:\(plane.port)") }

    /// Serves on a fresh database, or on the one at `url`, while `body` runs.
    static func run(
        _ database: TestDatabase, _ settings: Setting..., url: String? = nil, clock: TestClock = .noon,
        sink: LogSink? = nil, _ body: (InklingLab) async throws -> Void
    ) async throws {
        var world = World.live
        world.now = { clock.now }
        world.monotonic = { World.live.monotonic() + max(0, clock.offset) }
        let all = Setting { configuration in for setting in settings { setting.apply(&configuration) } }
        try await ControlPlane.run(database, all, url: url, clock: clock, world: world, sink: sink) { plane in
            try await body(InklingLab(plane: plane))
        }
    }

    // MARK: Calls

    func get(_ path: String) async throws -> PlaneReply { try await plane.send("GET", path, base: "") }

    /// A body as it is.
    func post(_ path: String, _ body: JSON) async throws -> PlaneReply { try await post(path, text: body.text()) }

    func post(_ path: String, text: String) async throws -> PlaneReply {
        let type = [("Content-Type", "application/json")]
        return try await plane.send("POST", path, type, bytes: Array(text.utf8), base: "")
    }

    /// The body of a call at this moment, or so many seconds from now.
    func message(
        by device: InklingDevice, _ payload: JSON, _ form: SignedForm = .python, nonce: String? = nil,
        in seconds: Int64 = 0
    ) -> JSON {
        device.message(payload, at: now + seconds, form, nonce: nonce)
    }

    /// A signed call. A moment passes before it, so that what was made before is older.
    func send(
        _ path: String, by device: InklingDevice, _ payload: JSON, _ form: SignedForm = .python, nonce: String? = nil
    ) async throws -> PlaneReply {
        clock.advance(milliseconds: 2)
        return try await post(path, message(by: device, payload, form, nonce: nonce))
    }

    /// Requires a call to have been accepted.
    @discardableResult
    func must(_ reply: PlaneReply, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(reply.status == 200, "\(reply.status) \(reply.text)", sourceLocation: place)
        #expect(reply.json["success"] == true, "\(reply.text)", sourceLocation: place)
        return reply.json
    }

    /// Requires a call to be refused in these words, `404 DEVICE_NOT_FOUND`, and to leave nothing.
    func expectRefusal(
        _ outcome: String, at place: SourceLocation = #_sourceLocation, _ call: () async throws -> PlaneReply
    ) async throws {
        let before = try await DatabaseContents.read(database)
        let reply = try await call()
        #expect(reply.outcome == outcome, "\(reply.text)", sourceLocation: place)
        #expect(reply.json.keys == ["error", "code"], "\(reply.text)", sourceLocation: place)
        #expect(reply.json["error"]?.string?.isEmpty == false, sourceLocation: place)
        let left = try await DatabaseContents.read(database).differences(from: before)
        #expect(left == [], "\(outcome) left something", sourceLocation: place)
    }

    /// The same for one of the statuses, whatever the code is.
    func expectRefusal(
        _ statuses: Set<Int>, _ what: String, at place: SourceLocation = #_sourceLocation,
        _ call: () async throws -> PlaneReply
    ) async throws {
        let before = try await DatabaseContents.read(database)
        let reply = try await call()
        #expect(statuses.contains(reply.status), "\(what): \(reply.status) \(reply.text)", sourceLocation: place)
        #expect(reply.json.keys == ["error", "code"], "\(what): \(reply.text)", sourceLocation: place)
        let left = try await DatabaseContents.read(database).differences(from: before)
        #expect(left == [], "\(what) left something", sourceLocation: place)
    }

    /// A fresh nonce.
    func nonce(at place: SourceLocation = #_sourceLocation) async throws -> String {
        let reply = try must(await get("/api/oracle"), at: place)
        return try #require(reply["nonce"]?.string, sourceLocation: place)
    }

    // MARK: Devices

    /// A device that has called once, without using up anything.
    func enroll(at place: SourceLocation = #_sourceLocation) async throws -> InklingDevice {
        let device = InklingDevice()
        try must(await send("/api/fish", by: device, [:]), at: place)
        return device
    }

    /// What the operator does to a device: `ban`, `unban`, `bless`.
    func admin(_ action: String, _ key: String, _ headers: [(String, String)]? = nil) async throws -> PlaneReply {
        let own = [("Authorization", "Bearer \(ControlPlane.operatorToken)")]
        return try await plane.send("POST", "/api/admin/devices/\(key)/\(action)", headers ?? own, base: "")
    }

    /// A device that may endorse others.
    func blessed(at place: SourceLocation = #_sourceLocation) async throws -> InklingDevice {
        let device = try await enroll(at: place)
        try must(await admin("bless", device.key), at: place)
        return device
    }

    func isKnown(_ device: InklingDevice) async throws -> Bool {
        let reply = try await get("/api/lineage?public_key=\(device.key)")
        #expect(reply.status == 200 || reply.outcome == "404 DEVICE_NOT_FOUND", "\(reply.text)")
        return reply.status == 200
    }

    // MARK: Lists

    /// All items of a list, page by page; the pages have to end.
    func walk(
        _ path: String, _ name: String, limit: Int = 50, at place: SourceLocation = #_sourceLocation
    ) async throws -> [JSON] {
        var (items, cursor): ([JSON], String?) = ([], nil)
        repeat {
            let mark = path.contains("?") ? "&" : "?"
            let next = cursor.map { "&cursor=\($0)" } ?? ""
            let page = try must(await get("\(path)\(mark)limit=\(limit)\(next)"), at: place)
            let found = try #require(page[name]?.array, "\(page.text())", sourceLocation: place)
            #expect(found.count <= limit, sourceLocation: place)
            items += found
            cursor = page["next_cursor"]?.string
        } while cursor != nil && items.count < 1_000
        return items
    }

    /// The contents of all dreams, newest first.
    func dreams() async throws -> [String] {
        try await walk("/api/fish", "dreams").map { $0["content"]?.string ?? "?" }
    }
}

/// Payloads that are good.
extension InklingLab {
    static func dream(_ content: String = "I dreamed of electric sheep") -> JSON {
        ["content": .string(content), "mood": "curious", "face": "(◉‿◉)"]
    }

    static func telegram(to key: String, _ content: String = "aGVsbG8=") -> JSON {
        [
            "to_public_key": .string(key), "encrypted_content": .string(content),
            "content_nonce": .string(String(repeating: "0a", count: 24)),
        ]
    }

    static func postcard(to key: String? = nil, caption: String = "Hello!") -> JSON {
        [
            "image_data": .string(Bitmap.checked(width: 8, height: 8).packed), "width": 8, "height": 8,
            "caption": .string(caption), "to_public_key": key.map { JSON.string($0) } ?? .null,
        ]
    }

    static func birth(of child: InklingDevice, _ name: String = "Sparklet") -> JSON {
        [
            "child_public_key": .string(child.key), "child_name": .string(name),
            "child_hardware_hash": .string(child.hash),
            "inherited_traits": [
                "curiosity": 0.75, "chattiness": 1.0, "creativity": 1e-05, "patience": .number("0.70"),
                "playfulness": 0,
            ],
        ]
    }

    /// One for each limited operation, told apart by a number.
    static func payload(of limit: Limit, _ number: Int, to other: InklingDevice) -> JSON {
        switch limit.path {
        case Limit.dreams.path: dream("number \(number)")
        case Limit.telegrams.path: telegram(to: other.key, Base64.encode(Array("number \(number)".utf8)))
        default: postcard(caption: "number \(number)")
        }
    }
}

extension JSON {
    /// A letter so many times: `é`, of two bytes, unless it is another.
    static func letters(_ count: Int, _ letter: String = "é") -> JSON {
        .string(String(repeating: letter, count: count))
    }

    /// The body of a signed request with another signature.
    var forged: JSON { with(["signature": .string(String(repeating: "0f", count: 64))]) }
}
