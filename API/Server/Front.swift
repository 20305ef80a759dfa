internal import Bytes
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Synchronization

/// Where every request comes in and every reply goes out.
final class Front: Sendable {
    let table: RouteTable
    let gate: Gate
    private let services: Services
    private let ids: RequestIDs
    private let date: HTTPDate
    private let log: RequestLog
    private let logger: Logger
    private let stray = RouteMeter()
    private let underWay = Atomic(0)

    init(_ services: Services, _ table: RouteTable, log: RequestLog, logger: Logger) {
        self.services = services
        self.table = table
        self.log = log
        self.logger = logger
        gate = Gate(services)
        ids = RequestIDs(services.world)
        date = HTTPDate(now: services.world.now)
    }

    var requestsUnderWay: Int { underWay.load(ordering: .relaxed) }

    /// By route; nil is requests that no route was found for.
    var meters: [(ServedRoute?, RouteMeter)] { table.routes.map { ($0, $0.meter) } + [(nil, stray)] }

    /// Answers one request. Throws only when the connection is of no further use.
    func respond(
        to request: Request, on connection: Connection, _ writer: consuming ResponseWriter
    ) async throws {
        let start = NIODeadline.now()
        underWay.wrappingAdd(1, ordering: .relaxed)
        defer { underWay.wrappingSubtract(1, ordering: .relaxed) }
        let visit = Visit(request, id: ids.id(for: request.head), address: address(request.head, connection))
        var reply = await reply(to: visit, on: connection, &writer)
        if visit.isHead, case .stream(length: nil, _) = reply.content { connection.spend() }
        let isLast = connection.isSpent
        if isLast { reply = reply.with(.connection, "close") }
        let meter = visit.served?.meter ?? stray
        defer {
            let elapsed = NIODeadline.now() - start
            meter.count(reply.status, nanoseconds: elapsed.nanoseconds)
            log.write(visit, status: reply.status.code, nanoseconds: elapsed.nanoseconds)
        }
        let head = head(of: reply, for: visit)
        if visit.isHead, case .stream(length: nil, _) = reply.content {
            // The codec would end the body that isn't there with an empty chunk, and the client take that for the
            // beginning of its next answer. So the head alone is written, and says that it is the last.
            _ = try await writer.writeHead(head)
            throw ConnectionSpent()
        }
        try await writer.write(response: head, body: body(of: reply, for: visit))
        if isLast { throw ConnectionSpent() }
    }

    private func reply(
        to visit: Visit, on connection: Connection, _ writer: inout ResponseWriter
    ) async -> Reply {
        var call: Call?
        do {
            call = try admit(visit, on: connection)
            guard let call else { return preflight(visit) }
            if call.header(.expect) != nil, call.declaredLength ?? 0 <= services.configuration.artifactLimit {
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            let reply = try await call.route.respond(call)
            try await call.leaveBodyBehind()
            return reply
        } catch {
            let reply = refusal(error, visit)
            if reply.status == .unauthorized, let call, case .failures = call.route.metering {
                do throws(Problem) { try call.chargeAddress() } catch { return refusal(error, visit) }
            }
            do { try await call?.leaveBodyBehind() } catch { connection.spend() }
            if error is BodyLost { connection.spend() }
            return reply
        }
    }

    /// Finds the route; nil is a browser's question whether it may call.
    private func admit(_ visit: Visit, on connection: Connection) throws(Problem) -> Call? {
        let head = visit.request.head
        if services.configuration.requireHTTPS, visit.path != "/health", !isSecure(head) {
            visit.dialect = table.owner(of: visit.path)
            throw Problem(
                .upgradeRequired, "https_required", "call this by HTTPS",
                headers: [.upgrade: "TLS/1.2", .connection: "Upgrade"])
        }
        switch table.match(head.method, visit.path) {
        case .served(let served, let values):
            visit.served = served
            visit.dialect = served.dialect
            return Call(
                visit.request, id: visit.id, served: served, values: values, address: visit.address,
                connection: connection, gate: gate)
        case .wrongMethod(let served, let allow):
            visit.dialect = served.dialect
            if head.method == .options, visit.origin(in: services.configuration) != nil {
                visit.allowed = allow
                return nil
            }
            throw Problem(
                .methodNotAllowed, "method_not_allowed", "\(head.method.rawValue) is not among \(allow)",
                headers: [.allow: allow])
        case .unknown(let dialect):
            visit.dialect = dialect
            throw Problem.notFound("path")
        }
    }

    private func refusal(_ error: any Error, _ visit: Visit) -> Reply {
        let problem: Problem
        if let foreseen = Problem.foreseen(error, in: visit.dialect) {
            problem = foreseen
        } else {
            logger.error(
                "unforeseen error",
                metadata: ["request": "\(visit.id)", "path": "\(visit.path)", "error": "\(error)"])
            problem = .internal
        }
        let body = (visit.dialect?.shape ?? .hatchFarm).render(
            problem, path: visit.path, method: visit.method)
        var reply = Reply.json(problem.status, bytes: body)
        reply.headers = Array(problem.headers)
        return reply
    }

    private func address(_ head: HTTPRequest, _ connection: Connection) -> String {
        guard services.configuration.trustProxyHeaders,
            let hops = head.headerFields.last(where: { $0.name == .forwardedFor })?.value,
            // The nearest proxy wrote the last one; those before it are the client's own words.
            let hop = hops.split(separator: ",").last?.filter({ $0 != " " }), let key = Connection.key(ofAddress: hop)
        else { return connection.address }
        return key
    }

    private func isSecure(_ head: HTTPRequest) -> Bool {
        services.configuration.trustProxyHeaders
            && head.headerFields.last { $0.name == .forwardedProtocol }?.value.lowercased() == "https"
    }
}

/// The connection can't be used for another request.
struct ConnectionSpent: Error {}

/// What the front learns of a request as it goes. Used by one task.
final class Visit {
    let request: Request
    let id: String
    let address: String
    let path: Substring
    let method: String
    var served: ServedRoute?
    /// Whose words a refusal is in.
    var dialect: DialectTable?
    /// The methods of the path, for a preflight.
    var allowed = ""

    init(_ request: Request, id: String, address: String) {
        self.request = request
        self.id = id
        self.address = address
        path = RequestTarget.path(of: request.head)
        method = request.head.method.rawValue
    }

    var isHead: Bool { request.head.method == .head }

    /// The page's origin, if it may call us.
    func origin(in configuration: AppConfiguration) -> String? {
        guard !configuration.allowedOrigins.isEmpty,
            let origin = request.head.headerFields.first(where: { $0.name == .origin })?.value,
            configuration.allowedOrigins.contains(origin)
        else { return nil }
        return origin
    }
}

/// Heads and bodies.
extension Front {
    private static let constantFields: [HTTPField] = [
        HTTPField(name: .xContentTypeOptions, value: "nosniff"),
        HTTPField(name: .frameOptions, value: "DENY"),
        HTTPField(name: .referrerPolicy, value: "no-referrer"),
        HTTPField(name: .contentSecurityPolicy, value: "default-src 'none'; frame-ancestors 'none'"),
    ]

    private func head(of reply: Reply, for visit: Visit) -> HTTPResponse {
        var fields = HTTPFields()
        fields.reserveCapacity(12 + reply.headers.count)
        if let type = reply.type { fields.append(HTTPField(name: .contentType, value: type)) }
        switch reply.content {
        case .none:
            if reply.status != .noContent, reply.status != .notModified {
                fields.append(HTTPField(name: .contentLength, value: "0"))
            }
        case .whole(let buffer):
            fields.append(HTTPField(name: .contentLength, value: String(buffer.readableBytes)))
        case .stream(let length, _):
            if let length { fields.append(HTTPField(name: .contentLength, value: String(length))) }
        }
        fields.append(HTTPField(name: .requestID, value: visit.id))
        fields.append(HTTPField(name: .date, value: date.text))
        for field in Self.constantFields where !reply.has(field.name) { fields.append(field) }
        if !reply.has(.cacheControl) { fields.append(HTTPField(name: .cacheControl, value: "no-store")) }
        for field in reply.headers { fields.append(field) }
        if let origin = visit.origin(in: services.configuration) {
            fields.append(HTTPField(name: .accessControlAllowOrigin, value: origin))
            fields.append(
                HTTPField(
                    name: .accessControlExposeHeaders,
                    value: "ETag, Location, X-Request-ID, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
                        + "X-RateLimit-Reset"))
            fields.append(HTTPField(name: .vary, value: "Origin"))
        }
        return HTTPResponse(status: reply.status, headerFields: fields)
    }

    private func body(of reply: Reply, for visit: Visit) -> ResponseBody {
        if visit.isHead { return ResponseBody() }
        return switch reply.content {
        case .none: ResponseBody()
        case .whole(let buffer): ResponseBody(byteBuffer: buffer)
        case .stream(let length, let write): ResponseBody(contentLength: length, write)
        }
    }

    /// A browser may use the methods of the path, and the fields we know.
    private func preflight(_ visit: Visit) -> Reply {
        Reply.empty(.noContent)
            .with(.accessControlAllowMethods, visit.allowed)
            .with(
                .accessControlAllowHeaders,
                "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Owner-ID, X-Request-ID"
            )
            .with(.accessControlMaxAge, "600")
    }
}
