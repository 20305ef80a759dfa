import API
import Bytes
import Domain
import Store
import Support
import Testing

/// Whoever has devices.
struct Customer: Sendable {
    let id: String

    static let acme = Customer(id: "acme")
    static let globex = Customer(id: "globex")
}

/// A device that registered and has a session token.
struct EnrolledDevice: Sendable {
    let id: String
    let customer: Customer
    let secret: String
    var token: String

    var headers: [(String, String)] { [("X-Device-Token", token)] }
    /// Its path below `/customer`.
    var path: String { "/devices/\(id)" }
}

/// A command in the hands of its device.
struct HeldCommand: Sendable {
    let device: EnrolledDevice
    /// As the claim, or the socket, told of it.
    let grant: JSON

    var id: String { grant["id"]?.string ?? "" }
    var token: String { grant["claimToken"]?.string ?? "" }
}

/// The gateway on a real server over one of the databases, its customers and their devices.
///
///     try await GatewayLab.run(database) { lab in
///         let device = try await lab.enroll()
///         let id = try await lab.command(for: device)
///         let held = try await lab.held(by: device)
///         try lab.must(await lab.finish(held))
///
/// Time is the clock's, of the database as of the server: tokens of customers are made anew for each call.
struct GatewayLab: Sendable {
    /// What the customers' issuer signs with.
    static let secret = "what the customers' issuer signs with, of more bytes than HS384 asks for"
    /// Of a command unless said otherwise, in milliseconds.
    static let visibility: Int64 = 300_000

    let plane: ControlPlane

    var database: Database { plane.dependencies.database }
    var now: Int64 { plane.clock.now }

    /// For `ControlPlane.run`: customers are known.
    static var customers: Setting { .set(\.customerTokenSecret, Array(secret.utf8)) }

    /// Serves on a fresh database, or on the one at `url`, while `body` runs.
    static func run(
        _ database: TestDatabase, _ settings: Setting..., url: String? = nil, clock: TestClock = TestClock(),
        sink: LogSink? = nil, body: (GatewayLab) async throws -> Void
    ) async throws {
        var world = World.live
        world.now = { clock.now }
        world.monotonic = { World.live.monotonic() + clock.offset }
        let all = Setting { configuration in
            customers.apply(&configuration)
            for setting in settings { setting.apply(&configuration) }
        }
        try await ControlPlane.run(database, all, url: url, clock: clock, world: world, sink: sink) { plane in
            try await body(GatewayLab(plane: plane))
        }
    }

    /// A customer's token of this moment by the server's clock, perhaps with something changed before it is signed.
    func token(of customer: Customer, _ change: (inout Forger) -> Void = { _ in }) -> String {
        var forger = Forger(customer: customer, now: plane.dependencies.world.now() / 1_000)
        change(&forger)
        return forger.token
    }

    func headers(of customer: Customer) -> [(String, String)] {
        [("Authorization", "Bearer \(token(of: customer))")]
    }

    /// A call of a customer, below `/api/v1/customer`.
    func call(
        as customer: Customer, _ method: String, _ path: String, _ body: JSON? = nil, _ more: (String, String)...
    ) async throws -> PlaneReply {
        try await plane.send(method, "/customer\(path)", headers(of: customer) + more, bytes: body?.bytes())
    }

    /// A POST of a device, below `/api/v1/device`; of nobody when there is none.
    func call(
        by device: EnrolledDevice?, _ path: String, _ body: JSON, _ more: (String, String)...
    ) async throws
        -> PlaneReply
    {
        try await plane.send("POST", "/device\(path)", (device?.headers ?? []) + more, bytes: body.bytes())
    }

    /// Requires a call to have been accepted.
    @discardableResult
    func must(_ reply: PlaneReply, _ status: Int = 200, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(reply.status == status, "\(reply.status) \(reply.text)", sourceLocation: place)
        return reply.json
    }

    /// Whether it is an instant so many milliseconds from now, give or take what the calls took.
    func isDue(_ instant: JSON?, in milliseconds: Int64) -> Bool {
        guard let at = instant?.string.flatMap({ RFC3339.parse($0) }) else { return false }
        return abs(at - now - milliseconds) < 20_000
    }
}

/// Devices.
extension GatewayLab {
    func provision(
        _ id: String, of customer: Customer = .acme, _ fields: JSON = [:]
    ) async throws -> PlaneReply {
        let body: JSON = ["deviceId": .string(id)]
        return try await call(as: customer, "POST", "/devices/provision", body.with(fields))
    }

    /// The activation code of a device that is provisioned for it.
    func code(for id: String, of customer: Customer = .acme) async throws -> String {
        let made = try must(await provision(id, of: customer), 201)
        return try #require(made["device"]?["activationCode"]?.string)
    }

    func register(
        _ id: String, _ code: String, _ fields: JSON = [:], _ more: (String, String)...
    ) async throws -> PlaneReply {
        let body: JSON = ["deviceId": .string(id), "activationCode": .string(code)]
        return try await plane.send("POST", "/device/register", more, bytes: body.with(fields).bytes())
    }

    func auth(_ id: String, _ secret: String, _ more: (String, String)...) async throws -> PlaneReply {
        let body: JSON = ["deviceId": .string(id), "deviceSecret": .string(secret)]
        return try await plane.send("POST", "/device/auth", more, bytes: body.bytes())
    }

    /// A session token of a device's.
    func signIn(_ id: String, _ secret: String) async throws -> String {
        let reply = try must(await auth(id, secret))
        return try #require(reply["token"]?.string)
    }

    /// A device with a session token.
    func enroll(_ id: String = "edge-1", of customer: Customer = .acme) async throws -> EnrolledDevice {
        let code = try await code(for: id, of: customer)
        let made = try must(await register(id, code), 201)
        let secret = try #require(made["device"]?["secret"]?.string)
        return EnrolledDevice(id: id, customer: customer, secret: secret, token: try await signIn(id, secret))
    }

    func beat(_ device: EnrolledDevice, _ fields: JSON = ["status": "online"]) async throws -> PlaneReply {
        try await call(by: device, "/heartbeat", fields)
    }

    /// How many commands a heartbeat is told to be waiting.
    func waiting(_ device: EnrolledDevice, at place: SourceLocation = #_sourceLocation) async throws -> Int64? {
        try must(await beat(device), at: place)["pendingCommands"]?.int
    }

    /// `GET …/status`, as its customer sees it.
    func state(of device: EnrolledDevice, at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        let reply = try must(await call(as: device.customer, "GET", "\(device.path)/status"), at: place)
        return try #require(reply["device"], sourceLocation: place)
    }

    /// A page of a customer's devices: `2 of 3: edge-1 online, edge-2 offline`.
    func devices(of customer: Customer, _ query: String = "") async throws -> String {
        let page = try must(await call(as: customer, "GET", "/devices\(query)"))
        let shown = (page["devices"]?.array ?? []).map { device in
            "\(device["id"]?.string ?? "?") \(device["status"]?.string ?? "?")"
        }
        return "\(shown.count) of \(page["total"]?.int ?? -1): \(shown.joined(separator: ", "))"
    }
}

/// Commands.
extension GatewayLab {
    /// What a device reports when all went well.
    static let success: JSON = [
        "status": "success", "output": "done", "executedAt": "2026-01-01T00:00:00Z", "duration": 5,
    ]
    static let failure: JSON = [
        "status": "failure", "error": "it broke", "executedAt": "2026-01-01T00:00:00Z", "duration": 5,
    ]

    /// Asks for a command, of the type `ping` unless the fields say otherwise; by the device's customer unless it is
    /// another.
    func send(
        _ fields: JSON = [:], to device: EnrolledDevice, by customer: Customer? = nil, _ more: (String, String)...
    ) async throws -> PlaneReply {
        let body: JSON = ["type": "ping"]
        let caller = headers(of: customer ?? device.customer) + more
        return try await plane.send(
            "POST", "/customer\(device.path)/commands", caller, bytes: body.with(fields).bytes())
    }

    /// A command that has to be accepted; its id.
    @discardableResult
    func command(
        for device: EnrolledDevice, _ fields: JSON = [:], at place: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let made = try must(await send(fields, to: device), 201, at: place)
        return try #require(made["command"]?["id"]?.string, "\(made.text())", sourceLocation: place)
    }

    /// A command as its customer sees it.
    func show(_ id: String, of device: EnrolledDevice, at place: SourceLocation = #_sourceLocation) async throws -> JSON
    {
        let reply = try must(await call(as: device.customer, "GET", "\(device.path)/commands/\(id)"), at: place)
        return try #require(reply["command"], sourceLocation: place)
    }

    func status(
        _ id: String, of device: EnrolledDevice, at place: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await show(id, of: device, at: place)["status"]?.string ?? "none"
    }

    func cancel(_ id: String, of device: EnrolledDevice, by customer: Customer? = nil) async throws -> PlaneReply {
        try await call(as: customer ?? device.customer, "DELETE", "\(device.path)/commands/\(id)")
    }

    /// What a claim grants, in its order.
    func claim(
        _ device: EnrolledDevice, _ body: JSON = [:], at place: SourceLocation = #_sourceLocation
    ) async throws -> [HeldCommand] {
        let reply = try must(await call(by: device, "/commands/claim", body), at: place)
        let grants = try #require(reply["commands"]?.array, "\(reply.text())", sourceLocation: place)
        return grants.map { HeldCommand(device: device, grant: $0) }
    }

    /// The one command that a claim grants.
    func held(
        by device: EnrolledDevice, _ body: JSON = [:], at place: SourceLocation = #_sourceLocation
    ) async throws -> HeldCommand {
        try #require(try await claim(device, body, at: place).first, "nothing was granted", sourceLocation: place)
    }

    /// Reports with the command's own claim token and device unless others are given.
    func finish(
        _ held: HeldCommand, _ result: JSON = success, token: String? = nil, by device: EnrolledDevice? = nil
    ) async throws -> PlaneReply {
        let body: JSON = ["claimToken": .string(token ?? held.token)]
        return try await call(by: device ?? held.device, "/commands/\(held.id)/result", body.with(result))
    }

    func extend(
        _ held: HeldCommand, for milliseconds: JSON = 60_000, token: String? = nil, by device: EnrolledDevice? = nil
    ) async throws -> PlaneReply {
        let body: JSON = ["claimToken": .string(token ?? held.token), "extensionMs": milliseconds]
        return try await call(by: device ?? held.device, "/commands/\(held.id)/extend", body)
    }
}

/// Sessions.
extension GatewayLab {
    func open(
        _ kind: String, on device: EnrolledDevice, by customer: Customer? = nil
    ) async throws -> PlaneReply {
        let body: JSON = ["deviceId": .string(device.id), "type": .string(kind)]
        return try await call(as: customer ?? device.customer, "POST", "/sessions", body)
    }

    /// A session that has to be opened; its id.
    func session(
        _ kind: String, on device: EnrolledDevice, at place: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let made = try must(await open(kind, on: device), 201, at: place)
        return try #require(made["session"]?["id"]?.string, sourceLocation: place)
    }

    func decide(
        _ command: String, in session: String, _ isApproved: Bool = true, reason: String? = nil,
        by customer: Customer = .acme
    ) async throws -> PlaneReply {
        let body: JSON = ["commandId": .string(command), "approved": .bool(isApproved)]
        let why = reason.map { JSON.object([.init("reason", .string($0))]) } ?? [:]
        return try await call(as: customer, "POST", "/sessions/\(session)/approve", body.with(why))
    }

    func end(_ session: String, by customer: Customer = .acme) async throws -> PlaneReply {
        try await call(as: customer, "POST", "/sessions/\(session)/end")
    }
}

/// Time.
extension GatewayLab {
    /// Lets time pass in which a scheduler was up, but hasn't looked yet: no lease gets an outage's time back.
    func skip(_ duration: Duration) async throws {
        plane.clock.advance(by: duration)
        try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO scheduler_clock (id, last_round) VALUES (1, \(tx.now))
                ON CONFLICT (id) DO UPDATE SET last_round = \(tx.now)
                """)
        }
    }

    /// Lets time pass, and a scheduler do what it does all the time: leases that ran out go back, who is silent is
    /// offline, and what waits in sessions that are over is cancelled.
    func pass(_ duration: Duration) async throws {
        try await skip(duration)
        try await plane.tick()
        try await database.write { tx in
            _ = try tx.endPresence(Picking(1_000))
            _ = try tx.closeSessions(Picking(1_000), commands: 1_000)
        }
        for (device, customer) in try await database.read({ try $0.unregisteredDevices(Picking(1_000)) }) {
            try await database.write { try $0.deleteUnregistered(device, of: customer) }
        }
        while case let devices = try await database.write({ try $0.takeDevicesToErase(limit: 10) }), !devices.isEmpty {
            for device in devices { try await database.write { try $0.eraseDevice(device, limit: 20) } }
        }
    }

    /// Lets all leases of the usual length run out, and the commands rest as long as they have to.
    func loseLeases() async throws {
        try await pass(.milliseconds(Self.visibility + 1_000))
        try await pass(.seconds(3))
    }
}

extension PlaneReply {
    /// What the gateway says: of a success the status, of a refusal its code besides: `403 LEASE_LOST`.
    var says: String { status < 300 ? "\(status)" : "\(status) \(json["error"]?["code"]?.string ?? text)" }
    /// The field to blame.
    var culprit: String? { json["error"]?["details"]?["field"]?.string }
}

extension JSON {
    /// With these members besides, or in place of its own.
    func with(_ fields: JSON) -> JSON {
        let given = fields.members ?? []
        return .object((members ?? []).filter { own in !given.contains { $0.key == own.key } } + given)
    }

    func without(_ key: String) -> JSON { .object((members ?? []).filter { $0.key != key }) }

    /// The names of its members.
    var keys: Set<String> { Set((members ?? []).map(\.key)) }
}

extension Forger {
    /// Of a customer's token that holds for an hour.
    init(customer: Customer, now: Int64) {
        self.init(customer.id, now: now)
        key = Array(GatewayLab.secret.utf8)
        claims = [
            .init("sub", .string(customer.id)), .init("aud", "authenticated"), .init("role", "authenticated"),
            .init("exp", JSON(now + 3_600)), .init("iat", JSON(now)),
        ]
    }
}
