internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A customer's WebSocket: what happens to the devices that it subscribes to (CONTRACT 6).
enum CustomerSocket {
    static func routes(_ path: String, _ suffix: String) -> [Route] {
        [
            Route.socket(
                path, "customerSocket\(suffix)",
                "What happens to devices, from a position on. By a customer's token, or the subprotocol auth-<token>.",
                query: [token.parameter], subprotocol: { $0.first { $0.hasPrefix("auth-") } }, serve)
        ].tagged("WebSockets")
    }

    fileprivate static let token = QueryParameter.text("token", "The customer's token.")

    /// How many devices one socket watches.
    static let maxDevices = 500
    /// How often a silent socket looks by itself, should a hint have been lost.
    private static let lookEvery = Duration.seconds(5)
    private static let clock = "customer_socket"

    private static let greeting = Shape<CustomerID> {
        field("customerId", .string) { $0.text }
    }

    private static func serve(_ call: Call, _ caller: CustomerSocketContext, _ socket: WebSocket) async throws {
        let customer = caller.customer.customer
        let seat = try call.dependencies.seats.take(caller.customer.customer.owner.text, most: 50)
        defer { seat.leave() }
        try await socket.send(GatewayMessage(type: "connected"), greeting, customer)
        let left = caller.customer.expiresAt - call.dependencies.world.now()
        socket.expire(after: .milliseconds(max(0, left)))
        socket.follow(clock, every: lookEvery)
        let watch = DeviceWatch(call, socket, customer)
        for await event in socket.events {
            switch event {
            case .text(let text):
                try await socket.answer(text, call, by: caller.quotaSubject) {
                    try await act(on: $0, call, watch, socket)
                }
            case .published(clock): try await watch.lookAtAll()
            case .published(let topic): try await watch.look(at: topic)
            case .rateLimited: try await socket.send(Problem.tooManyMessages, to: nil)
            }
        }
    }

    private static let target = Input<(DeviceID, Int64?)>(
        InputFields {
            required("deviceId", GatewayShapes.deviceID)
            optional("since", Format<Int64>.integer(0...Int64.max))
        })

    private static let newCommand = Input(
        InputFields { required("deviceId", GatewayShapes.deviceID) }.then(GatewayShapes.newCommand))

    private static func act(
        on frame: GatewayFrame, _ call: Call, _ watch: DeviceWatch, _ socket: WebSocket
    ) async throws {
        let type = try frame.name
        switch type {
        case "subscribe":
            let (device, since) = try target.read(frame.target)
            try await watch.subscribe(device, since: since, requestID: frame.requestID)
        case "unsubscribe":
            try await watch.unsubscribe(target.read(frame.target).0, requestID: frame.requestID)
        case "send_command":
            var (device, new) = try newCommand.read(frame.data, named: "data")
            new.device = device
            let (customer, broker) = (watch.customer, call.dependencies.broker)
            let command = try await call.database.write { [new] tx in try tx.send(new, of: customer, by: broker) }
            try await socket.send(
                GatewayMessage(type: "command_created", requestID: frame.requestID), GatewayShapes.oneCommand, command)
        default: throw Problem.unknownType(type, known: ["subscribe", "unsubscribe", "send_command"])
        }
    }
}

extension GatewayFrame {
    /// What a subscription names: beside the type, as the seed has it, or in `data`.
    fileprivate var target: JSON {
        let from = whole["deviceId"] == nil ? data : whole
        let names = ["deviceId", "since"]
        return .object(names.compactMap { name in from[name].map { JSON.Member(name, $0) } })
    }
}

/// A customer at its WebSocket.
struct CustomerSocketContext: CallContext {
    static let authentication = CustomerContext.authentication.metered(.failures)

    let customer: CustomerContext

    var quotaSubject: String? { customer.quotaSubject }

    static func admit(_ call: Call) async throws -> CustomerSocketContext {
        let offered = call.offeredProtocols.first { $0.hasPrefix("auth-") }.map { String($0.dropFirst(5)) }
        let token = try call.bearer ?? call.query[CustomerSocket.token] ?? offered
        return CustomerSocketContext(customer: try await CustomerContext.admit(call, token: token))
    }
}
