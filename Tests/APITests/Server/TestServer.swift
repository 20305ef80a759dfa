import API
import AsyncHTTPClient
import Bus
import Bytes
import Domain
import Engine
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Store

/// The whole server on a port of its own, over SQLite in memory or another database, and a client.
struct TestServer {
    let dependencies: Dependencies
    let app: App
    let port: Int
    let group: ServiceGroup
    static let operatorToken = "operator-token"

    var url: String { "http://127.0.0.1:\(port)" }
    var asOperator: [(String, String)] { [("Authorization", "Bearer \(Self.operatorToken)")] }
    var asAlice: [(String, String)] { asOperator + [("X-Owner-ID", "alice")] }

    /// Serves while `body` runs.
    static func run(
        _ configuration: AppConfiguration = .probe { $0.addressRate = .unlimited }, world: World = .live,
        redis: Redis? = nil, store: Database? = nil, sink: LogSink? = nil,
        logger: Logger = Logger(label: "api") { _ in SwiftLogNoOpLogHandler() }, systems: [APISystem] = Probe.tables,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let database = if let store { store } else { try await Database.open("sqlite::memory:") }
        _ = try await database.migrate(Migration.all)
        let bus = LocalBus(sleep: World.live.sleep)
        let dependencies = Dependencies(
            configuration: configuration, database: database,
            broker: JobBroker(database: database, bus: bus, world: .live), bus: bus, redis: redis, world: world)
        let log = sink.map { RequestLog(level: .info, sink: $0) } ?? RequestLog(level: .warning)
        let app = App(dependencies, systems: systems, logger: logger, log: log)
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let group = ServiceGroup(
            configuration: .init(services: [Served(app: app, ready: ready)], logger: logger))
        let serving = Task { try await group.run() }
        guard let port = await ports.first(where: { _ in true }) else { throw Never.didNotStart }
        let server = TestServer(dependencies: dependencies, app: app, port: port, group: group)
        do {
            try await body(server)
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await serving.value
        await database.close()
    }

    enum Never: Error { case didNotStart }

    private struct Served: Service {
        let app: App
        let ready: AsyncStream<Int>.Continuation

        func run() async throws { try await app.run { ready.yield($0) } }
    }

    /// One request and its whole answer.
    func send(
        _ method: Method, _ path: String, _ headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers = HTTPHeaders(headers)
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 100 << 20)
        return Answer(
            status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
    }

    func send(
        _ method: Method, _ path: String, _ headers: [(String, String)] = [], json: String
    ) async throws -> Answer {
        try await send(method, path, headers + [("Content-Type", "application/json")], body: Array(json.utf8))
    }

    func get(_ path: String, _ headers: [(String, String)] = []) async throws -> Answer {
        try await send(.GET, path, headers)
    }

    /// A member with an API key.
    func member(_ name: String) async throws -> (id: String, key: String) {
        let key = "hf_" + Hex.encode(World.live.random(24))
        let profile = AgentProfile(
            name: name, handle: nil, description: nil, moltbookID: nil, walletAddress: nil)
        let member = try await dependencies.database.write {
            try $0.registerAgent(profile, keyHash: SHA256.hex(key), keyPrefix: "hf_")
        }
        return (member.id.text, key)
    }

    /// Begins the end, as SIGTERM does.
    func shutDown() async { await group.triggerGracefulShutdown() }

    /// Waits until somebody publishes the topic after `action` began.
    func waitFor(_ topic: String, after action: () async throws -> Void = {}) async throws {
        let subscription = dependencies.bus.subscribe(topic)
        try await action()
        _ = await subscription.wait(for: .seconds(20))
    }
}

extension AppConfiguration {
    /// For tests: a free port, no notice before draining.
    static func probe(_ change: (inout AppConfiguration) -> Void = { _ in }) -> AppConfiguration {
        var configuration = AppConfiguration(operatorToken: TestServer.operatorToken)
        configuration.port = 0
        configuration.drainNoticeMilliseconds = 0
        change(&configuration)
        return configuration
    }
}

enum Method: String { case GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS }

struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON { get throws { try JSON(parsing: body) } }

    subscript(_ name: String) -> String? { headers.first(name: name) }
}
