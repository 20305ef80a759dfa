import API
import Bytes
import Support
import Testing

extension PrincipalTable {
    /// None of those who are tried here is a device or a customer: they have a matrix of their own
    /// (`GatewayMatrixTests`). With its code or its secret a device is served whatever else it presents.
    static let devices = PrincipalTable(
        "the gateway's devices", base: "/api/v1/device",
        """
        #                               none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /register                   201 201 201 201 201 201 201 201 201 201 201 201 201 201 201 201
        POST /auth                       200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /heartbeat                  401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /commands/claim             401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /commands/{command}/extend  401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /commands/{command}/result  401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /ws                          401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        """)

    static let customers = PrincipalTable(
        "the gateway's customers", base: "/api/v1/customer",
        """
        #                                          none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /devices                                401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /devices/provision                     401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /devices/{device}/status                401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        PATCH /devices/{device}                     401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        DELETE /devices/{device}                    401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /devices/{device}/suspend              401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /devices/{device}/resume               401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /devices/{device}/commands             401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /devices/{device}/commands              401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /devices/{device}/commands/{command}    401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        DELETE /devices/{device}/commands/{command} 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /sessions                              401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /sessions/{session}                     401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /sessions/{session}/approve            401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        POST /sessions/{session}/end                401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /system/info                            401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /ws                                     401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        """)

    /// Whoever isn't known isn't told that it is a socket.
    static let gatewaySockets = PrincipalTable(
        "the gateway's sockets", base: "/ws",
        """
        #             none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /device    401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        GET /customer  401 401 401 401 401 401 401 401 401 401 401 401 401 401 401 401
        """)
}

/// Calls that would succeed for the right caller: by a device, or by its customer.
enum GatewayCall {
    /// - Parameter device: active, of `acme`'s; what a call ends is of another device of that customer.
    typealias Make = @Sendable (GatewayLab, EnrolledDevice) async throws -> PrincipalCall

    /// By method and path.
    static let all: [String: Make] = devices.merging(customers) { first, _ in first }

    private static let devices: [String: Make] = [
        "POST /api/v1/device/register": { lab, _ in
            let id = unique()
            let code = try await lab.code(for: id)
            return PrincipalCall([:], ["deviceId": .string(id), "activationCode": .string(code)])
        },
        "POST /api/v1/device/auth": { lab, _ in
            // Another one: a device keeps no more than its last tokens.
            let device = try await lab.enroll(unique())
            return PrincipalCall([:], ["deviceId": .string(device.id), "deviceSecret": .string(device.secret)])
        },
        "POST /api/v1/device/heartbeat": { _, _ in PrincipalCall([:], ["status": "online"]) },
        "POST /api/v1/device/commands/claim": { lab, device in
            try await lab.command(for: device)
            return PrincipalCall([:], ["limit": 1])
        },
        "POST /api/v1/device/commands/{command}/extend": { lab, device in
            try await held(lab, device, ["extensionMs": 60_000])
        },
        "POST /api/v1/device/commands/{command}/result": { lab, device in
            try await held(lab, device, GatewayLab.success)
        },
    ]

    private static let customers: [String: Make] = [
        "POST /api/v1/customer/devices/provision": { _, _ in PrincipalCall([:], ["deviceId": .string(unique())]) },
        "GET /api/v1/customer/devices/{device}/status": { _, device in PrincipalCall(["device": device.id]) },
        "PATCH /api/v1/customer/devices/{device}": { _, device in
            PrincipalCall(["device": device.id], ["name": .string(unique())])
        },
        "DELETE /api/v1/customer/devices/{device}": { lab, _ in
            PrincipalCall(["device": try await lab.enroll(unique()).id])
        },
        "POST /api/v1/customer/devices/{device}/suspend": { lab, _ in
            PrincipalCall(["device": try await lab.enroll(unique()).id])
        },
        "POST /api/v1/customer/devices/{device}/resume": { lab, _ in
            let device = try await lab.enroll(unique())
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            return PrincipalCall(["device": device.id])
        },
        "POST /api/v1/customer/devices/{device}/commands": { _, device in
            PrincipalCall(["device": device.id], ["type": "ping"])
        },
        "GET /api/v1/customer/devices/{device}/commands": { _, device in PrincipalCall(["device": device.id]) },
        "GET /api/v1/customer/devices/{device}/commands/{command}": { lab, device in
            PrincipalCall(["device": device.id, "command": try await lab.command(for: device)])
        },
        "DELETE /api/v1/customer/devices/{device}/commands/{command}": { lab, device in
            PrincipalCall(["device": device.id, "command": try await lab.command(for: device)])
        },
        "POST /api/v1/customer/sessions": { lab, _ in
            let device = try await lab.enroll(unique())
            return PrincipalCall([:], ["deviceId": .string(device.id), "type": "diagnostic"])
        },
        "GET /api/v1/customer/sessions/{session}": { lab, _ in try await session(lab) },
        "POST /api/v1/customer/sessions/{session}/approve": { lab, _ in
            let device = try await lab.enroll(unique())
            let id = try await lab.session("remediation", on: device)
            let command = try await lab.command(for: device, ["sessionId": .string(id)])
            return PrincipalCall(["session": id], ["commandId": .string(command), "approved": true])
        },
        "POST /api/v1/customer/sessions/{session}/end": { lab, _ in try await session(lab) },
    ]

    private static func unique() -> String { "d-" + Hex.encode(World.live.random(8)) }

    private static func session(_ lab: GatewayLab) async throws -> PrincipalCall {
        let device = try await lab.enroll(unique())
        return PrincipalCall(["session": try await lab.session("diagnostic", on: device)])
    }

    /// On a command in the device's hands.
    private static func held(
        _ lab: GatewayLab, _ device: EnrolledDevice, _ fields: JSON
    ) async throws -> PrincipalCall {
        let id = try await lab.command(for: device, ["priority": 0])
        let held = try await lab.held(by: device)
        #expect(held.id == id)
        let token: JSON = ["claimToken": .string(held.token)]
        return PrincipalCall(["command": id], token.with(fields))
    }
}

extension PrincipalCall {
    static let gateway: [String: Make] = GatewayCall.all.mapValues { make -> Make in
        { (all: Principals) in
            let lab = GatewayLab(plane: all.plane)
            return try await make(lab, lab.enroll("d-" + Hex.encode(World.live.random(8))))
        }
    }
}

extension TourTests.Tour {
    /// What devices and their customers call.
    func gateway() async throws {
        let (lab, base) = (GatewayLab(plane: plane), "/api/v1")
        func customer(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> JSON {
            try await call(method, "/customer\(path)", lab.headers(of: .acme), body?.bytes(), base: base).json
        }
        func device(_ path: String, _ body: JSON, _ headers: [(String, String)] = []) async throws -> JSON {
            try await call("POST", "/device\(path)", headers, body.bytes(), base: base).json
        }
        let made = try await customer("POST", "/devices/provision", ["deviceId": "tour"])
        let code = made["device"]?["activationCode"] ?? .null
        let known = try await device("/register", ["deviceId": "tour", "activationCode": code])
        let secret = known["device"]?["secret"] ?? .null
        let signedIn = try await device("/auth", ["deviceId": "tour", "deviceSecret": secret])
        let token = signedIn["token"]?.string ?? ""
        let headers = [("X-Device-Token", token)]
        _ = try await device(
            "/heartbeat", ["status": "online", "metrics": ["cpu": 1, "memory": 2, "uptime": 3]], headers)
        let ping: JSON = ["type": "ping", "parameters": ["a": 1]]
        for _ in 0..<2 { _ = try await customer("POST", "/devices/tour/commands", ping) }
        let grants = try await device("/commands/claim", ["limit": 1], headers)["commands"]?.array
        let lease: JSON = ["claimToken": grants?.first?["claimToken"] ?? .null]
        let id = grants?.first?["id"]?.string ?? ""
        _ = try await device("/commands/\(id)/extend", lease.with(["extensionMs": 60_000]), headers)
        _ = try await device("/commands/\(id)/result", lease.with(GatewayLab.success), headers)
        let list = try await customer("GET", "/devices/tour/commands?status=pending&limit=1")
        _ = try await customer("GET", "/devices/tour/commands/\(id)")
        let next = list["commands"]?.array?.first?["id"]?.string ?? ""
        _ = try await customer("DELETE", "/devices/tour/commands/\(next)")
        let asked: JSON = ["deviceId": "tour", "type": "remediation", "description": "d"]
        let session = try await customer("POST", "/sessions", asked)["session"]?["id"] ?? .null
        let path = "/sessions/\(session.string ?? "")"
        let waiting = try await customer("POST", "/devices/tour/commands", ping.with(["sessionId": session]))
        let decision: JSON = ["commandId": waiting["command"]?["id"] ?? .null, "approved": false, "reason": "r"]
        _ = try await customer("POST", "\(path)/approve", decision)
        _ = try await customer("GET", path)
        _ = try await customer("GET", "/devices?status=all")
        _ = try await customer("GET", "/devices/tour/status")
        _ = try await customer("POST", "\(path)/end")
        let change: JSON = ["name": "n", "location": "l", "config": ["a": 1]]
        _ = try await customer("PATCH", "/devices/tour", change)
        try await open("device", token)
        try await open("customer", lab.token(of: .acme))
        for action in ["suspend", "resume"] { _ = try await customer("POST", "/devices/tour/\(action)") }
        _ = try await customer("DELETE", "/devices/tour")
        _ = try await customer("GET", "/system/info")
    }

    /// Both places of a socket.
    private func open(_ kind: String, _ token: String) async throws {
        for path in ["/ws/\(kind)", "/api/v1/\(kind)/ws"] {
            let opened = try await offThread { [port = plane.port] in
                try RawWebSocket(port: port, "\(path)?token=\(token)").reply.status
            }
            seen.insert("GET \(path) \(opened)")
        }
    }
}
