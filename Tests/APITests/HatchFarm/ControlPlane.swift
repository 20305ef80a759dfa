import API
import AsyncHTTPClient
import Bus
import Bytes
import Domain
import Engine
import Logging
import NIOCore
import NIOHTTP1
import Store
import Support
import Testing

/// The real server over one of the databases, and people who call it. Every answer is held against the OpenAPI
/// document on its way.
struct ControlPlane: Sendable {
    static let operatorToken = "operator-token"
    static let asOperator = [("Authorization", "Bearer \(operatorToken)")]

    /// Shows redirects instead of following them. Never shut down: it lives as long as the process.
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))

    let dependencies: Dependencies
    let clock: TestClock
    let document: AnswerSchemas
    let port: Int

    /// Serves on a fresh database, or on the one at `url`, while `body` runs. The clock moves the database's time.
    /// - Parameter sink: where all that the server logs goes.
    static func run(
        _ database: TestDatabase, _ settings: Setting..., url: String? = nil, clock: TestClock = TestClock(),
        redis: Redis? = nil, world: World = .live, audits: AuditTerms = AuditTerms(),
        quotas: OwnerQuotas = OwnerQuotas(), sink: LogSink? = nil,
        _ body: (ControlPlane) async throws -> Void
    ) async throws {
        var configuration = AppConfiguration(operatorToken: operatorToken)
        configuration.port = 0
        configuration.drainNoticeMilliseconds = 0
        configuration.addressRate = .unlimited
        for setting in settings { setting.apply(&configuration) }
        var pool = DatabaseSettings()
        // Many servers run beside each other here, on a machine that may be busy.
        pool.connections = 4
        pool.connectTimeoutMilliseconds = 20_000
        pool.quotas = quotas
        let store = try await database.open(url, settings: pool, clock: clock)
        _ = try await store.migrate(Migration.all)
        let bus = LocalBus(sleep: World.live.sleep)
        let broker = JobBroker(database: store, bus: bus, world: .live, audits: audits)
        let dependencies = Dependencies(
            configuration: configuration, database: store, broker: broker, bus: bus, redis: redis, world: world)
        let logger = Logger(label: "api") { label -> any LogHandler in
            guard let sink else { return SwiftLogNoOpLogHandler() }
            return JSONLogHandler(label: label, level: .trace, sink: sink)
        }
        let log = sink.map { RequestLog(level: .info, sink: $0) }
        let app = App(dependencies, systems: APISystem.all, logger: logger, log: log)
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let serving = Task {
            defer { ready.finish() }
            try await app.run { ready.yield($0) }
        }
        let port = try #require(await ports.first { _ in true })
        let plane = ControlPlane(
            dependencies: dependencies, clock: clock, document: AnswerSchemas(app.description), port: port)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(plane)) } catch { outcome = .failure(error) }
        serving.cancel()
        _ = await serving.result
        await store.close()
        try outcome.get()
    }

    /// One request below `/api/v1`, and its whole answer.
    func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], bytes: [UInt8]? = nil,
        base: String = "/api/v1"
    ) async throws -> PlaneReply {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(base)\(path)")
        request.method = HTTPMethod(rawValue: method)
        request.headers = HTTPHeaders(headers)
        if let bytes { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 8 << 20)
        let reply = PlaneReply(
            status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView))
        if let flaw = document.flaw(of: reply, method, "\(base)\(path)") {
            Issue.record("\(method) \(path) → \(reply.status) \(reply.text): \(flaw)")
        }
        return reply
    }

    func get(_ path: String, _ caller: Caller) async throws -> PlaneReply {
        try await send("GET", path, caller.headers)
    }

    func post(_ path: String, _ caller: Caller, _ body: JSON? = nil) async throws -> PlaneReply {
        try await send("POST", path, caller.headers, bytes: body?.bytes())
    }

    func post(_ path: String, _ caller: Caller, text: String) async throws -> PlaneReply {
        try await send("POST", path, caller.headers, bytes: Array(text.utf8))
    }
}

extension World {
    /// One in which no time passes: what is used up doesn't come back, however long the calls take.
    static var still: World {
        var world = World.live
        let start = World.live.monotonic()
        world.monotonic = { start }
        return world
    }
}

/// What an operator set: `.set(\.bodyLimit, 1_000)`.
struct Setting {
    let apply: (inout AppConfiguration) -> Void

    static func set<Value>(_ place: WritableKeyPath<AppConfiguration, Value>, _ value: Value) -> Setting {
        Setting { $0[keyPath: place] = value }
    }
}

struct PlaneReply {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    subscript(_ header: String) -> String? { headers.first(name: header) }
    /// The body, unpacked.
    private var plain: [UInt8] {
        get throws { self["Content-Encoding"] == "zstd" ? try Zstd.decompress(body, limit: 8 << 20) : body }
    }
    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON { (try? JSON(parsing: plain)) ?? .null }
    var data: JSON { json["data"] ?? .null }
    var code: String? { json["code"]?.string }
    /// What a client goes by: the status, and of a refusal its code.
    var outcome: String { status < 300 ? "\(status)" : "\(status) \(code ?? "")" }
}

/// Whose credential a call carries.
struct Caller: Sendable {
    /// Whom the call acts for.
    let owner: String
    /// The bearer's text, with which owners sign.
    let key: String
    let headers: [(String, String)]

    /// The operator in an owner's name.
    static func `operator`(for owner: String) -> Caller {
        Caller(
            owner: owner, key: ControlPlane.operatorToken,
            headers: [("Authorization", "Bearer \(ControlPlane.operatorToken)"), ("X-Owner-ID", owner)])
    }

    static let alice = Caller.operator(for: "alice")
    static let bob = Caller.operator(for: "bob")
    static let nobody = Caller(owner: "alice", key: "", headers: [])

    init(owner: String, key: String, headers: [(String, String)]) {
        self.owner = owner
        self.key = key
        self.headers = headers
    }

    /// A member by its own key.
    init(owner: String, key: String) {
        self.init(owner: owner, key: key, headers: [("Authorization", "Bearer \(key)")])
    }

    func sign(_ message: String) -> String { Base64.encode(HMACSHA256.sign(key: key, message: message)) }
}

/// A machine that may work.
struct Worker: Sendable {
    var id: String
    var token: String
    var policy: String
    var consent: String
}

/// What owners do.
extension ControlPlane {
    static let rules = #"{"max_cpu_percent":50}"#

    func agent(_ name: String) async throws -> Caller {
        let reply = try await post("/agents/register", .nobody, ["name": .string(name)])
        return Caller(
            owner: try #require(reply.data["agent"]?["id"]?.string),
            key: try #require(reply.data["api_key"]?.string, "\(reply.text)"))
    }

    func machine(of caller: Caller, _ name: String = "box") async throws -> (id: String, token: String) {
        let reply = try await post(
            "/machines/register", caller, ["owner_id": .string(caller.owner), "name": .string(name)])
        let id = try #require(reply.data["machine"]?["id"]?.string, "\(reply.text)")
        return (id, try #require(reply.data["machine_token"]?.string))
    }

    func policy(of caller: Caller, rules: String = rules, active: Bool = true) async throws -> String {
        let reply = try await post("/policies", caller, text: policyBody(caller, rules))
        let id = try #require(reply.data["policy"]?["id"]?.string, "\(reply.text)")
        if active { #expect(try await post("/policies/\(id)/activate", caller).status == 200) }
        return id
    }

    func policyBody(_ caller: Caller, _ rules: String, signature: String? = nil) -> String {
        let signature = signature ?? caller.sign("\(caller.owner)|\(rules)")
        return #"{"owner_id":"\#(caller.owner)","rules":\#(rules),"signature":"\#(signature)"}"#
    }

    func consentBody(_ caller: Caller, worker: String, policy: String) -> JSON {
        [
            "owner_id": .string(caller.owner), "worker_id": .string(worker), "policy_id": .string(policy),
            "signature": .string(caller.sign("\(caller.owner)|\(worker)|\(policy)")),
        ]
    }

    func consent(of caller: Caller, worker: String, policy: String) async throws -> String {
        let reply = try await post("/consents", caller, consentBody(caller, worker: worker, policy: policy))
        return try #require(reply.data["consent"]?["id"]?.string, "\(reply.text)")
    }

    func worker(of caller: Caller = .alice) async throws -> Worker {
        let machine = try await machine(of: caller)
        let policy = try await policy(of: caller)
        let consent = try await consent(of: caller, worker: machine.id, policy: policy)
        return Worker(id: machine.id, token: machine.token, policy: policy, consent: consent)
    }
}
