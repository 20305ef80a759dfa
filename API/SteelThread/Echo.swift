internal import Bytes
internal import HTTPTypes

/// `/ws`: tells every message back with who sent it and when (CONTRACT 9).
enum Echo {
    static let routes = [
        Route.socket(
            "/ws", "echo",
            "Messages with metadata. A bad token closes with 1008 after the upgrade; a frame that is no JSON object "
                + "is answered with an error.",
            query: [token.parameter], metering: .failures, serve)
    ].tagged("WebSocket")

    private static let token = QueryParameter.text("token", "The login's token, when there is no `Authorization`.")

    /// How often the credential of a silent socket is looked at again.
    private static let checkEvery = Duration.seconds(30)

    static func serve(_ call: Call, _ anyone: PublicContext, _ socket: WebSocket) async throws {
        let credential = try call.query[token].flatMap { $0.isEmpty ? nil : $0 } ?? call.bearer
        guard let user = try await holder(of: credential, call) else {
            try call.chargeAddress()
            return socket.close(.policyViolation, "Could not validate credentials")
        }
        if let left = user.expiresIn { socket.expire(after: .milliseconds(left)) }
        try await socket.send([
            "type": "connection", "status": "connected", "user": .string(user.name), "timestamp": now(call),
        ])
        socket.follow("\(Echo.self)", every: checkEvery)
        for await event in socket.events {
            guard try await holder(of: credential, call) != nil else {
                return socket.close(.policyViolation, "the credential has ended")
            }
            switch event {
            case .text(let text):
                let data: JSON
                do {
                    data = try JSON(parsing: text)
                } catch {
                    try await socket.send(["type": "error", "message": .string(error.message)])
                    continue
                }
                guard data.members != nil else {
                    try await socket.send(["type": "error", "message": "a message must be a JSON object"])
                    continue
                }
                try await socket.send([
                    "type": "message", "data": data, "timestamp": now(call), "user": .string(user.name),
                ])
            case .rateLimited: try await socket.send(["type": "error", "message": "too many messages; send fewer"])
            case .published: continue
            }
        }
    }

    /// nil for a credential that is none, or none any more.
    private static func holder(of credential: String?, _ call: Call) async throws -> CredentialHolder? {
        do {
            return try await call.authenticator.holder(call, of: credential)
        } catch let problem as Problem where problem.status == .unauthorized {
            return nil
        }
    }

    private static func now(_ call: Call) -> JSON { .string(RFC3339.format(call.dependencies.world.now())) }
}
