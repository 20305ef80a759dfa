internal import Bytes
internal import Domain
internal import HTTPTypes

extension APISystem {
    /// What devices and their customers call (CONTRACT 6).
    package static let gateway = APISystem(
        name: "Gateway", envelope: .bare(failure: failure), bases: ["/api/v1"], owns: ["/device", "/customer"],
        unauthorized: "Missing or invalid credentials", overrides: gatewayOverrides,
        routes: DeviceAccess.routes + DeviceCommands.routes + CustomerDevices.routes + CustomerCommands.routes
            + DeviceSessions.routes + SystemInfo.routes + DeviceSocket.routes("/device/ws", "")
            + CustomerSocket.routes("/customer/ws", ""))

    /// Its WebSockets, where the seed has them.
    package static let gatewaySockets = APISystem(
        name: "Gateway sockets", envelope: .bare(failure: failure), bases: ["/ws"], owns: ["/device", "/customer"],
        unauthorized: "Missing or invalid credentials", overrides: gatewayOverrides,
        routes: DeviceSocket.routes("/device", "AtRoot") + CustomerSocket.routes("/customer", "AtRoot"))

    private static let failure = Shape<RefusedCall>("GatewayError") {
        field("error", GatewayShapes.refusal) { $0.problem }
    }

    private static func gatewayOverrides(_ refusal: Refusal) -> Problem? {
        switch refusal {
        case .notYours(let what): .forbidden("this \(what) belongs to another customer")
        case .taken(let field): Problem(.conflict, "taken", "this \(field) already exists", field: field)
        case .leaseLost: .forbidden("the claim token is not the current one, or its time is over", code: "lease_lost")
        default: nil
        }
    }
}
