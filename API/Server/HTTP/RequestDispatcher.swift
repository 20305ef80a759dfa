internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Logging
internal import NIOCore
internal import Synchronization

/// Where every request comes in and every reply goes out.
final class RequestDispatcher: Sendable {
    let table: RouteTable
    let authenticator: Authenticator
    let dependencies: Dependencies
    let sockets = SocketMeter()
    let connections: ConnectionCounts
    private let ids: RequestIDs
    let date: HTTPDate
    private let log: RequestLog
    private let logger: Logger
    private let unmatched = RouteMeter()
    private let underWay = Atomic(0)
    private let requiresHTTPS: Bool

    /// - Parameter isOpen: whether it answers on an address that the operator keeps to himself: by HTTP in any case.
    init(_ dependencies: Dependencies, _ table: RouteTable, log: RequestLog, logger: Logger, isOpen: Bool = false) {
        self.dependencies = dependencies
        self.table = table
        self.log = log
        self.logger = logger
        connections = ConnectionCounts(limit: dependencies.configuration.connectionsPerAddress)
        requiresHTTPS = dependencies.configuration.requireHTTPS && !isOpen
        authenticator = Authenticator(dependencies)
        ids = RequestIDs(dependencies.world)
        date = HTTPDate(now: dependencies.world.now)
    }

    /// Errors that nobody foresaw, of requests and of the services beside.
    var internalErrors: Int { dependencies.broker.internalErrors.count }

    var requestsUnderWay: Int { underWay.load(ordering: .relaxed) }

    /// By route; nil is requests that no route was found for.
    var meters: [(ServedRoute?, RouteMeter)] { table.routes.map { ($0, $0.meter) } + [(nil, unmatched)] }

    /// Gives what could not be read as a request an id, and logs it at info as requests are.
    func nameRefusal(_ what: String) -> String {
        let id = ids.next()
        logger.info("request refused: \(what)", metadata: ["request": "\(id)"])
        return "\(id)"
    }

    /// Answers one request; with the socket if it was upgraded to one. Throws only when the connection is of no further
    /// use.
    func respond(to head: HTTPRequest, on connection: ClientConnection) async throws -> OpenSocket? {
        let start = NIODeadline.now()
        underWay.wrappingAdd(1, ordering: .relaxed)
        defer { underWay.wrappingSubtract(1, ordering: .relaxed) }
        let exchange = Exchange(head, id: ids.id(for: head), address: address(head, connection))
        log.write(exchange)
        var reply: Reply
        if let trace = exchange.trace {
            reply = await TraceContext.$current.withValue(trace) { await self.reply(to: exchange, on: connection) }
        } else {
            reply = await self.reply(to: exchange, on: connection)
        }
        // What a GET would be sent has no length to tell.
        if exchange.isHead, case .stream(length: nil, _) = reply.content { connection.spend() }
        let upgrade: SocketUpgrade? = if case .socket(let upgrade) = reply.content { upgrade } else { nil }
        if connection.expectsUpgrade, ClientConnection.asksForUpgrade(head) { connection.spend() }
        let isLast = connection.isSpent && upgrade == nil
        if isLast { reply = reply.asLast() }
        let meter = exchange.served?.meter ?? unmatched
        defer {
            let elapsed = NIODeadline.now() - start
            meter.count(reply.status, nanoseconds: elapsed.nanoseconds)
            log.write(exchange, status: reply.status.code, nanoseconds: elapsed.nanoseconds)
        }
        // A socket keeps its place as long as its connection.
        if let upgrade { return try await open(upgrade, reply, for: exchange, on: connection) }
        defer { connection.leaveSeat() }
        do {
            try await send(reply, for: exchange, on: connection)
        } catch {
            if !connection.isAbandoned, !Self.isOfConnection(error) { noteBreak(error, exchange) }
            throw error
        }
        if isLast { throw ConnectionSpent() }
        return nil
    }

    private func reply(to exchange: Exchange, on connection: ClientConnection) async -> Reply {
        var call: Call?
        do {
            call = try admit(exchange, on: connection)
            guard let call else { return preflight(exchange) }
            if call.header(.expect) != nil, call.declaredLength ?? 0 <= dependencies.configuration.artifactLimit {
                try await connection.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            }
            let reply = try await call.route.respond(call)
            try await call.leaveBodyBehind()
            return reply.telling(call.standing(isRefused: false))
        } catch {
            let reply = refusal(error, exchange)
                .telling(of: error, or: call?.standing(isRefused: true), now: dependencies.world.now())
            if reply.status == .unauthorized, let call, case .failures = call.route.metering {
                do throws(Problem) { try call.chargeAddress() } catch { return refusal(error, exchange) }
            }
            do { try await call?.leaveBodyBehind() } catch { connection.spend() }
            if error is BodyLost { connection.spend() }
            return reply
        }
    }

    /// Finds the route; nil is a browser's question whether it may call.
    private func admit(_ exchange: Exchange, on connection: ClientConnection) throws(Problem) -> Call? {
        let head = exchange.head
        let limit = dependencies.configuration.connectionsPerAddress
        guard connection.takeSeat(of: exchange.address) else {
            exchange.system = table.owner(of: exchange.path)
            throw Problem(
                .tooManyRequests, "too_many_connections",
                "this address has \(limit) calls and sockets under way, which is the limit of the server "
                    + "(HATCHFARM_CONNECTIONS_PER_ADDRESS); try again when one has ended", headers: [.retryAfter: "1"])
        }
        if requiresHTTPS, exchange.path != "/health", !isSecure(head, connection) {
            exchange.system = table.owner(of: exchange.path)
            throw Problem(
                .upgradeRequired, "https_required", "call this by HTTPS",
                headers: [.upgrade: "TLS/1.2", .connection: "Upgrade"])
        }
        switch table.match(head.method, exchange.path) {
        case .served(let served, let values):
            exchange.served = served
            exchange.system = served.system
            return Call(
                exchange.head, id: exchange.id, served: served, values: values, address: exchange.address,
                connection: connection, authenticator: authenticator, logger: logger)
        case .wrongMethod(let served, let allow):
            exchange.system = served.system
            if head.method == .options, exchange.origin(in: dependencies.configuration) != nil {
                exchange.allowed = allow
                return nil
            }
            throw Problem(
                .methodNotAllowed, "method_not_allowed", "\(head.method.rawValue) is not among \(allow)",
                headers: [.allow: allow])
        case .unknown(let system):
            exchange.system = system
            throw Problem.notFound("path")
        }
    }

    /// What the caller may know of an error. One that nobody foresaw is logged.
    func problem(_ error: any Error, _ exchange: Exchange) -> Problem {
        if let foreseen = Problem.foreseen(error, in: exchange.system) { return foreseen }
        dependencies.broker.internalErrors.note(
            error, in: logger, ["request": "\(exchange.id)", "path": "\(exchange.path)"])
        return .internal
    }

    private func refusal(_ error: any Error, _ exchange: Exchange) -> Reply {
        let problem = problem(error, exchange)
        let failure = RefusedCall(
            problem: problem, path: String(exchange.path.prefix(1_024)), method: exchange.method)
        let envelope = (exchange.system ?? table.defaultSystem).envelope
        var reply = Reply.json(problem.status, bytes: envelope.failure.bytes(failure))
        reply.headers = Array(problem.headers)
        return reply
    }

    /// A stream that breaks off can't be answered with a status any more.
    private func noteBreak(_ error: any Error, _ exchange: Exchange) {
        let metadata: Logger.Metadata = ["request": "\(exchange.id)", "path": "\(exchange.path)"]
        if let foreseen = Problem.foreseen(error, in: exchange.system) {
            logger.warning("a reply broke off: \(foreseen.message)", metadata: metadata)
        } else {
            dependencies.broker.internalErrors.note(error, in: logger, metadata)
        }
    }

    /// The client is gone, or the server is shutting down.
    private static func isOfConnection(_ error: any Error) -> Bool {
        error is ChannelError || error is IOError || error is CancellationError
    }

    private func address(_ head: HTTPRequest, _ connection: ClientConnection) -> String {
        guard connection.isProxy else { return connection.address }
        let fields = head.headerFields.filter { $0.name == .forwardedFor }
        // The nearest proxy wrote the last one. Before the first that is no proxy of ours are the client's own words.
        for hop in fields.flatMap({ $0.value.split(separator: ",") }).reversed() {
            let text = hop.filter { $0 != " " && $0 != "\t" }
            guard let key = ClientConnection.key(ofAddress: text) else { break }
            if !dependencies.configuration.trustedProxies.contain(text) { return key }
        }
        return connection.address
    }

    private func isSecure(_ head: HTTPRequest, _ connection: ClientConnection) -> Bool {
        connection.isProxy
            && head.headerFields.last { $0.name == .forwardedProtocol }?.value.lowercased() == "https"
    }
}

/// The connection can't be used for another request.
struct ConnectionSpent: Error {}

/// What the dispatcher learns of a request as it goes. Used by one task.
final class Exchange {
    let head: HTTPRequest
    let id: String
    let address: String
    let path: Substring
    let method: String
    var served: ServedRoute?
    /// Whose words a refusal is in.
    var system: APISystem?
    /// The methods of the path, for a preflight.
    var allowed = ""

    init(_ head: HTTPRequest, id: String, address: String) {
        self.head = head
        self.id = id
        self.address = address
        path = RequestTarget.path(of: head)
        method = head.method.rawValue
    }

    /// The trace that the caller says it belongs to.
    private(set) lazy var trace = TraceContext(head)

    var isHead: Bool { head.method == .head }

    /// The page's origin, if it may call us.
    func origin(in configuration: AppConfiguration) -> String? {
        guard !configuration.allowedOrigins.isEmpty,
            let origin = head.headerFields.first(where: { $0.name == .origin })?.value,
            configuration.allowedOrigins.contains(origin)
        else { return nil }
        return origin
    }
}
