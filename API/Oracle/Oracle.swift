internal import AsyncHTTPClient
internal import Bytes
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Continues conversations by the first upstream that can (CONTRACT 8). What they are asked and answer is never logged.
final class Oracle: Sendable {
    /// No upstream answered.
    struct Silent: Error {}

    private static let answerLimit = 1 << 20
    /// How many conversations one process continues at once.
    private static let most = 64

    /// Never shut down: it lives as long as the process.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = most
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private let settings: OracleSettings
    private let world: World
    private let underWay = Atomic(0)
    private let logger = Logger(label: "oracle")

    init(_ settings: OracleSettings, world: World) {
        self.settings = settings
        self.world = world
    }

    /// Runs `body` if there is an upstream, and room for another conversation; throws `Silent` otherwise.
    func open<Value>(_ body: () async throws -> Value) async throws -> Value {
        guard !settings.upstreams.isEmpty else { throw Silent() }
        defer { underWay.wrappingSubtract(1, ordering: .relaxed) }
        guard underWay.wrappingAdd(1, ordering: .relaxed).newValue <= Self.most else { throw Silent() }
        return try await body()
    }

    /// Throws `Silent`, or `CancellationError`.
    func ask(_ question: OracleQuestion) async throws -> OracleAnswer {
        for upstream in settings.upstreams {
            do {
                return try await ask(upstream, question)
            } catch {
                try Task.checkCancellation()
                logger.warning("the oracle's upstream failed: \(error)", metadata: ["style": "\(upstream.style)"])
            }
        }
        throw Silent()
    }

    private struct Fault: Error, CustomStringConvertible { let description: String }

    private func ask(_ upstream: OracleUpstream, _ question: OracleQuestion) async throws -> OracleAnswer {
        var request = HTTPClientRequest(url: upstream.url)
        request.method = .POST
        for (name, value) in upstream.headers { request.headers.add(name: name, value: value) }
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "accept", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: upstream.body(question).bytes()))
        let (prepared, patience) = (request, Duration.seconds(settings.timeoutSeconds))
        return try await withThrowingTaskGroup(of: OracleAnswer?.self) { group in
            group.addTask { try await Self.send(prepared, upstream) }
            group.addTask { [world] in
                try await world.sleep(patience)
                return nil
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next().flatMap(\.self) else {
                throw Fault(description: "no answer in \(patience)")
            }
            return answer
        }
    }

    private static func send(_ request: HTTPClientRequest, _ upstream: OracleUpstream) async throws -> OracleAnswer {
        let response = try await client.execute(request, deadline: .distantFuture)
        guard (200..<300).contains(response.status.code) else {
            throw Fault(description: "status \(response.status.code)")
        }
        let body = try await response.body.collect(upTo: answerLimit)
        guard let answer = upstream.answer(try JSON(parsing: Array(body.readableBytesView))) else {
            throw Fault(description: "an answer without text")
        }
        return answer
    }
}
