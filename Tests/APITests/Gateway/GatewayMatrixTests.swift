import API
import Bytes
import Support
import Testing

/// Whoever may call the gateway. What is called is always a thing of `own`'s.
private enum GatewayPrincipal: String, CaseIterable {
    /// In the order of the columns.
    case none, garbage, altered, expired, anon, other, own, device, otherDevice, endedDevice, `operator`, member
}

/// Every route of the gateway × every principal of its own: the status is stated, tried, and what was refused has
/// changed nothing (PROMISES S1, S2, X1).
@Suite("The matrix of the gateway", .timeLimit(.minutes(5)))
struct GatewayMatrixTests {
    /// `device` is `own`'s, and holds the command that is named; `endedDevice` has a token of before its suspension.
    private static let devices = PrincipalTable(
        "devices", base: "/api/v1/device",
        """
        #                               none gar alt exp ano oth own dev d~  end op  mem
        POST /register                   201 201 201 201 201 201 201 201 201 201 201 201
        POST /auth                       200 200 200 200 200 200 200 200 200 200 200 200
        POST /heartbeat                  401 401 401 401 401 401 401 200 200 401 401 401
        POST /commands/claim             401 401 401 401 401 401 401 200 200 401 401 401
        POST /commands/{command}/extend  401 401 401 401 401 401 401 200 404 401 401 401
        POST /commands/{command}/result  401 401 401 401 401 401 401 200 404 401 401 401
        GET /ws                          401 401 401 401 401 401 401 426 426 401 401 401
        """)

    private static let customers = PrincipalTable(
        "customers", base: "/api/v1/customer",
        """
        #                                          none gar alt exp ano oth own dev d~  end op  mem
        GET /devices                                401 401 401 401 403 200 200 401 401 401 401 401
        POST /devices/provision                     401 401 401 401 403 201 201 401 401 401 401 401
        GET /devices/{device}/status                401 401 401 401 403 403 200 401 401 401 401 401
        PATCH /devices/{device}                     401 401 401 401 403 403 200 401 401 401 401 401
        DELETE /devices/{device}                    401 401 401 401 403 403 200 401 401 401 401 401
        POST /devices/{device}/suspend              401 401 401 401 403 403 200 401 401 401 401 401
        POST /devices/{device}/resume               401 401 401 401 403 403 200 401 401 401 401 401
        POST /devices/{device}/commands             401 401 401 401 403 403 201 401 401 401 401 401
        GET /devices/{device}/commands              401 401 401 401 403 403 200 401 401 401 401 401
        GET /devices/{device}/commands/{command}    401 401 401 401 403 403 200 401 401 401 401 401
        DELETE /devices/{device}/commands/{command} 401 401 401 401 403 403 200 401 401 401 401 401
        POST /sessions                              401 401 401 401 403 403 201 401 401 401 401 401
        GET /sessions/{session}                     401 401 401 401 403 403 200 401 401 401 401 401
        POST /sessions/{session}/approve            401 401 401 401 403 403 200 401 401 401 401 401
        POST /sessions/{session}/end                401 401 401 401 403 403 200 401 401 401 401 401
        GET /system/info                            401 401 401 401 403 200 200 401 401 401 401 401
        GET /ws                                     401 401 401 401 403 426 426 401 401 401 401 401
        """)

    private static let sockets = PrincipalTable(
        "sockets", base: "/ws",
        """
        #            none gar alt exp ano oth own dev d~  end op  mem
        GET /device   401 401 401 401 401 401 401 426 426 401 401 401
        GET /customer 401 401 401 401 403 426 426 401 401 401 401 401
        """)

    private static let tables = [devices, customers, sockets]

    /// All of them, on one server.
    private struct Everybody: Sendable {
        let lab: GatewayLab
        let device: EnrolledDevice
        private let otherDevice: EnrolledDevice
        private let ended: EnrolledDevice
        private let member: Caller

        init(_ lab: GatewayLab) async throws {
            self.lab = lab
            device = try await lab.enroll("own")
            otherDevice = try await lab.enroll("other", of: .globex)
            ended = try await lab.enroll("ended")
            member = try await lab.plane.agent("acme")
            for action in ["suspend", "resume"] {
                try lab.must(await lab.call(as: .acme, "POST", "\(ended.path)/\(action)"))
            }
        }

        func headers(of principal: GatewayPrincipal) -> [(String, String)] {
            func bearer(_ text: String) -> [(String, String)] { [("Authorization", "Bearer \(text)")] }
            return switch principal {
            case .none: []
            case .garbage: bearer("not-a-credential") + [("X-Device-Token", "dst_" + String(repeating: "0", count: 48))]
            case .altered: bearer(lab.token(of: .acme) { $0.key.append(0x20) })
            case .expired: bearer(lab.token(of: .acme) { $0.set("exp", JSON(lab.now / 1_000 - 60)) })
            case .anon: bearer(lab.token(of: .acme) { $0.set("role", "anon") })
            case .other: lab.headers(of: .globex)
            case .own: lab.headers(of: .acme)
            case .device: device.headers
            case .otherDevice: otherDevice.headers
            case .endedDevice: ended.headers
            case .operator: Caller.operator(for: "customer:acme").headers
            case .member: member.headers
            }
        }
    }

    @Test("has a row for each route, as the other matrix has")
    func whole() {
        let rows = Self.tables.flatMap(\.rows)
        let others = PrincipalTable.devices.rows + PrincipalTable.customers.rows + PrincipalTable.gatewaySockets.rows
        #expect(rows.map(\.name) == others.map(\.name))
        for row in rows { #expect(row.statuses.count == GatewayPrincipal.allCases.count, "\(row.name)") }
    }

    @Test("gives each what is stated", arguments: tables, TestDatabase.all)
    func cells(of table: PrincipalTable, on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let everybody = try await Everybody(lab)
            for row in table.rows {
                let cells = Array(zip(GatewayPrincipal.allCases, row.statuses))
                let call = try await GatewayCall.all[row.name]?(lab, everybody.device) ?? PrincipalCall()
                let before = try await DatabaseContents.read(lab.database)
                for (principal, status) in cells where status >= 400 {
                    let reply = try await send(call, row, principal, everybody)
                    #expect(reply.status == status, "\(row.name) by \(principal): \(reply.text.prefix(300))")
                    #expect(reply.json["error"]?["code"]?.string != nil, "\(row.name) by \(principal)")
                }
                let after = try await DatabaseContents.read(lab.database)
                // A good token is prolonged by its use, whatever it was used for.
                let changed = after.differences(from: before).filter { $0 != "device_tokens" }
                #expect(changed == [], "\(row.name), refused, changed something")
                for (principal, status) in cells where status < 400 {
                    let call = try await GatewayCall.all[row.name]?(lab, everybody.device) ?? PrincipalCall()
                    let reply = try await send(call, row, principal, everybody)
                    #expect(reply.status == status, "\(row.name) by \(principal): \(reply.text.prefix(300))")
                }
            }
        }
    }

    private func send(
        _ call: PrincipalCall, _ row: PrincipalTable.Row, _ principal: GatewayPrincipal, _ everybody: Everybody
    ) async throws -> PlaneReply {
        try await everybody.lab.plane.send(
            row.method, call.path(row.path), everybody.headers(of: principal) + call.headers,
            bytes: call.body(.none), base: "")
    }

    @Test("what opens the gateway opens nothing else", arguments: PrincipalTable.all, TestDatabase.all)
    func elsewhere(of table: PrincipalTable, on database: TestDatabase) async throws {
        let ours = [PrincipalTable.devices, .customers, .gatewaySockets].map(\.name)
        guard !ours.contains(table.name), let garbage = Principal.columns.firstIndex(of: .garbage) else { return }
        try await ControlPlane.run(database, Principals.secret) { plane in
            let (principals, lab) = (try await Principals(plane), GatewayLab(plane: plane))
            let device = try await lab.enroll()
            let credentials = [
                lab.headers(of: .acme), lab.headers(of: Customer(id: principals.own.owner)), device.headers,
                [("Authorization", "Bearer \(device.token)")], [("X-Machine-Token", device.token)],
            ]
            for row in table.rows where row.statuses[garbage] >= 400 {
                let call = try await PrincipalCall.all[row.name]?(principals) ?? PrincipalCall()
                let before = try await DatabaseContents.read(plane.dependencies.database)
                for headers in credentials {
                    let reply = try await plane.send(
                        row.method, call.path(row.path), headers + call.headers, bytes: call.body(.garbage), base: "")
                    // A machine's token that is none is another 401 than none at all. No oracle is configured: 503.
                    let isRefused = [400, 401, 404, 426, 503].contains(reply.status)
                    #expect(isRefused, "\(row.name) by \(headers): \(reply.text)")
                    if headers[0].0 == "Authorization" {
                        #expect(reply.status == row.statuses[garbage], "\(row.name) by \(headers)")
                    }
                }
                let after = try await DatabaseContents.read(plane.dependencies.database)
                #expect(after.differences(from: before) == [], "\(row.name)")
            }
        }
    }
}
