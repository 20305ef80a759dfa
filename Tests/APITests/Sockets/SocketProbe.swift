import API
import Bus
import Bytes
import Domain
import HTTPTypes
import Store

/// Sockets that do what their clients say.
enum SocketProbe {
    static let system = APISystem(
        name: "Sockets", envelope: .bare(failure: Probe.gate), bases: ["/sockets"], unauthorized: "who are you",
        routes: routes)

    /// Patience for tests that wait for its end.
    static var quick: SocketLimits {
        var limits = SocketLimits()
        limits.pingInterval = .milliseconds(200)
        limits.closeTimeout = .milliseconds(500)
        return limits
    }

    /// Nothing but the backlog slows its client down.
    static var greedy: SocketLimits {
        var limits = SocketLimits()
        limits.rate = .unlimited
        limits.backlog = 4
        return limits
    }

    private static let routes = [
        Route.socket("/echo", "socketEcho", "Echo.", metering: .free, open),
        Route.socket("/quick", "socketQuick", "Impatient.", limits: quick, metering: .free, open),
        Route.socket("/held", "socketHeld", "Reads when told to.", limits: greedy, metering: .free, held),
        Route.socket("/metered", "socketMetered", "By address.", open),
        Route.socket("/member", "socketMember", "Members.", member),
        Route.socket(
            "/things/{id}", "socketProtocol", "A subprotocol.", metering: .free,
            subprotocol: { $0.first { $0.hasPrefix("auth-") } }, open),
        Route.socket(
            "/liar", "socketLiar", "A subprotocol nobody offered.", metering: .free,
            subprotocol: { _ in "other" }, open),
    ].tagged("Probe")

    @Sendable private static func member(_ call: Call, _ member: MemberContext, _ socket: WebSocket) async throws {
        try await socket.send(["owner": .string(member.owner.text)])
        for await _ in socket.events {}
    }

    @Sendable private static func open(_ call: Call, _ context: PublicContext, _ socket: WebSocket) async throws {
        defer { call.dependencies.bus.publish("probe ended") }
        call.dependencies.bus.publish("probe opened")
        try await socket.send(["type": "connected", "offered": .array(call.offeredProtocols.map { .string($0) })])
        for await event in socket.events {
            switch event {
            case .text(let text): try await obey(String(decoding: text, as: UTF8.self), call, socket)
            case .published(let topic): try await socket.send(Array("published \(topic)".utf8))
            case .rateLimited: try await socket.send(["type": "error", "code": "RATE_LIMITED"])
            }
        }
    }

    private static func obey(_ text: String, _ call: Call, _ socket: WebSocket) async throws {
        switch text {
        case "close": socket.close(.normal, String(repeating: "é", count: 100))
        case "fail": throw DatabaseError.failed(code: "42601", message: "secret internals")
        case "busy": throw DatabaseError.busy("secret internals")
        case "refuse": throw Problem.unauthorized("Could not validate credentials")
        case "return": return socket.close(.normal)
        case "follow": socket.follow("probe", every: .seconds(30))
        case "follow often": socket.follow("probe", every: .milliseconds(50))
        case "expire": socket.expire(after: .milliseconds(50))
        case "think": try await World.live.sleep(.milliseconds(300))
        case "pour":
            // From another thread as well as from the connection's own.
            try await Task.detached {
                while true { try await socket.send([UInt8](repeating: UInt8(ascii: "x"), count: 32_768)) }
            }.value
        default: try await socket.send(Array(text.utf8))
        }
    }

    @Sendable private static func held(_ call: Call, _ context: PublicContext, _ socket: WebSocket) async throws {
        let subscription = call.dependencies.bus.subscribe("go")
        try await socket.send(["type": "connected"])
        _ = await subscription.wait(for: .seconds(60))
        var (count, bytes) = (0, 0)
        for await case .text(let text) in socket.events {
            if text == Array("done".utf8) { break }
            count += 1
            bytes += text.count
        }
        try await socket.send(["count": JSON(count), "bytes": JSON(bytes)])
    }
}

extension TestServer {
    /// With the sockets besides the other probes.
    static func sockets(
        _ configuration: AppConfiguration = .probe { $0.addressRate = .unlimited }, sink: LogSink? = nil,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await run(configuration, sink: sink, systems: Probe.tables + [SocketProbe.system], body)
    }

    /// The value of a metric, by its name and labels as in the Prometheus text.
    func metric(_ name: String) async throws -> Int? {
        let text = try await get("/metrics", asOperator).text
        return text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
    }
}
