import Bytes
import Support
import Testing

/// Every route of the document, with everything that a hostile client might send: a 4xx in its system's words or an
/// honest 2xx, never a failure of ours, and the server goes on serving.
@Suite("Hostile input to every route", .timeLimit(.minutes(3)))
struct HostileRouteTests {
    /// Someone to attack as, and what there is to attack.
    private struct Siege: Sendable {
        let plane: ControlPlane
        let operations: [Operation]
        let maker: BodyMaker
        let worker: Worker
        let device: EnrolledDevice
        /// What the names in paths stand for.
        let values: [String: String]

        init(_ plane: ControlPlane) async throws {
            self.plane = plane
            worker = try await plane.worker()
            let held = try await plane.held(by: worker)
            let lab = GatewayLab(plane: plane)
            device = try await lab.enroll()
            try lab.must(await lab.provision("spare"), 201)
            try await lab.command(for: device)
            let command = try await lab.held(by: device, ["visibilityTimeout": 3_600_000])
            let session = try await lab.session("remediation", on: device)
            let document = try await plane.send("GET", "/openapi.json", base: "").json
            operations = Operation.all(in: document)
            maker = BodyMaker(
                document: document,
                values: [
                    "owner_id": "alice", "worker_id": .string(worker.id), "policy_id": .string(worker.policy),
                    "claim_token": .string(held.token), "job_id": .string(held.job), "depends_on": [],
                    "title": "t", "name": "n", "path": "a.txt", "content_base64": "aGk=", "K": "v",
                    "claimToken": .string(command.token), "deviceId": .string(device.id),
                ], omitted: ["artifact"])
            values = [
                "worker": worker.id, "job": held.job, "machine": worker.id, "policy": worker.policy,
                "consent": "con_0123456789abcdef", "path": "a.txt", "device": device.id, "command": command.id,
                "session": session,
            ]
        }

        /// The operation's path. What would end the tokens of a device is asked of another one.
        func path(_ operation: Operation, _ name: String = "", instead value: String = "") -> String {
            let isEnd =
                operation.template.hasSuffix("/suspend")
                || operation.method == "DELETE" && operation.template.hasSuffix("/devices/{device}")
            let names = isEnd ? values.merging(["device": "spare"]) { $1 } : values
            return operation.path(names, name, instead: value)
        }

        /// A body that the operation allows; nil when it takes none.
        func body(of operation: Operation) -> JSON? {
            var maker = maker
            // Objects of which nothing is asked may hold anything.
            if [.device, .customer].contains(operation.credential) { maker.omitted.formUnion(["config", "metrics"]) }
            return operation.body.map { maker.full($0) }
        }

        func caller(_ operation: Operation) -> [(String, String)] {
            switch operation.credential {
            case .none: []
            case .member: Caller.alice.headers
            case .worker: worker.caller.headers + [("X-Claim-Token", "x")]
            case .device: device.headers
            case .customer: GatewayLab(plane: plane).headers(of: .acme)
            }
        }

        /// The field that the caller's credential stands in.
        static func credential(_ operation: Operation) -> String? {
            switch operation.credential {
            case .none: nil
            case .member, .customer: "Authorization"
            case .worker: "X-Machine-Token"
            case .device: "X-Device-Token"
            }
        }

        /// Sends, and holds the answer against what it may be.
        @discardableResult
        func send(
            _ method: String, _ path: String, _ headers: [(String, String)], _ body: [UInt8]? = nil, _ what: String
        ) async throws -> PlaneReply {
            let reply = try await plane.send(method, path, headers, bytes: body, base: "")
            let flaw = Civility.flaw(
                status: reply.status, id: reply["X-Request-ID"], type: reply["Content-Type"], body: reply.text, method,
                String(path.prefix { $0 != "?" }))
            if let flaw {
                Issue.record("\(method) \(path.prefix(80)) \(what.prefix(120)): \(flaw) \(reply.text.prefix(300))")
            }
            return reply
        }

        /// Those under their first name: the others lead to the same handlers.
        var canonical: [Operation] { operations.filter { !$0.template.hasPrefix("/v1/") } }

        /// All operations side by side, then a look whether anybody is still at home.
        func each(
            _ operations: [Operation], _ attack: @escaping @Sendable (Operation) async throws -> Void
        ) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for operation in operations { group.addTask { try await attack(operation) } }
                try await group.waitForAll()
            }
            #expect(try await plane.send("GET", "/health", base: "").status == 200)
            #expect(try await plane.post("/jobs", .alice, ControlPlane.request()).status == 201)
        }
    }

    @Test("a body that is no request", arguments: [TestDatabase.sqlite])
    func documents(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, GatewayLab.customers) { plane in
            let siege = try await Siege(plane)
            try await siege.each(siege.canonical.filter { $0.method != "GET" }) { operation in
                let (headers, path) = (siege.caller(operation), siege.path(operation, "job", instead: "none"))
                for document in HostileInput.documents {
                    let what = String(decoding: document.prefix(60), as: UTF8.self)
                    let reply = try await siege.send(operation.method, path, headers, document, what)
                    if operation.body != nil {
                        #expect(reply.status >= 400 || document.isEmpty, "\(path) took \(what)")
                    }
                }
                let bomb = try Zstd.compress([UInt8](repeating: 0x20, count: 200 << 20))
                let good = siege.body(of: operation)?.bytes() ?? [1]
                let packed = try Zstd.compress(good)
                for (body, what) in [
                    (bomb, "a bomb"), (Array(packed.dropLast(3)), "half a frame"), (good, "no frame"), ([], "nothing"),
                    (try Zstd.compress(packed), "a frame in a frame"), (Array(bomb.prefix(30)), "a bomb's head"),
                ] {
                    let reply = try await siege.send(
                        operation.method, path, headers + [("Content-Encoding", "zstd")], body, what)
                    if operation.body != nil { #expect(reply.status >= 400, "\(path) took \(what)") }
                }
                guard operation.body != nil else { return }
                let large = [UInt8](repeating: 0x20, count: (1 << 20) + 1)
                // Whoever has no row among the members is sent away before the body is looked at.
                let status = path.hasPrefix("/api/v1/agents/me") ? 404 : 413
                #expect(
                    try await siege.send(operation.method, path, headers, large, "too large").status == status,
                    "\(path)")
            }
        }
    }

    @Test("a body with something wrong in it", arguments: TestDatabase.all)
    func mutations(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, GatewayLab.customers) { plane in
            let siege = try await Siege(plane)
            let operations = siege.canonical.filter { $0.body != nil }
            #expect(operations.count > 10)
            // What is refused is refused before a database hears of it: one of the two is asked for all of it.
            let values = HostileInput.values.enumerated()
                .filter { database == .sqlite || $0.offset.isMultiple(of: 4) }.map(\.element)
            try await siege.each(operations) { operation in
                guard let good = siege.body(of: operation) else { return }
                let (headers, path) = (siege.caller(operation), siege.path(operation))
                for place in Mutation.places(in: good) {
                    for value in values.map(Optional.some) + [nil] {
                        let body = Mutation.text(good, at: place[...], put: value) ?? ""
                        try await siege.send(
                            operation.method, path, headers, Array(body.utf8), "\(place) \(value ?? "left out")")
                    }
                }
                for body in Mutation.texts(adding: "\"surprise\":1", to: good) {
                    let reply = try await siege.send(operation.method, path, headers, Array(body.utf8), body)
                    #expect(reply.status >= 400, "\(path) \(body)")
                }
            }
        }
    }

    @Test("fields that hold what they should not", arguments: [TestDatabase.sqlite])
    func headers(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, GatewayLab.customers) { plane in
            let siege = try await Siege(plane)
            try await siege.each(siege.canonical) { operation in
                let path = siege.path(operation, "job", instead: "none")
                let body = siege.body(of: operation)?.bytes() ?? (operation.takesBytes ? [1] : nil)
                for (name, value) in HostileInput.headers {
                    let others = siege.caller(operation).filter { $0.0 != name }
                    let reply = try await siege.send(
                        operation.method, path, others + [(name, value)], body, "\(name): \(value)")
                    if name == Siege.credential(operation) {
                        // A heartbeat without a token lacks a field, which is told before credentials (CONTRACT 5).
                        let isHeartbeat = operation.credential == .worker && path.hasSuffix("/heartbeat")
                        let isMissing = value.allSatisfy(\.isWhitespace) && isHeartbeat
                        #expect(reply.status == (isMissing ? 400 : 401), "\(path) \(value)")
                    }
                }
            }
        }
    }

    @Test("methods that are none of theirs", arguments: [TestDatabase.sqlite])
    func methods(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, GatewayLab.customers) { plane in
            let siege = try await Siege(plane)
            let methods = Dictionary(grouping: siege.operations, by: \.template).mapValues { $0.map(\.method) }
            for (template, served) in methods {
                let allowed = (served + (served.contains("GET") ? ["HEAD"] : [])).sorted()
                guard let operation = siege.operations.first(where: { $0.template == template }) else { continue }
                let path = siege.path(operation)
                for method in [
                    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE",
                ]
                where !allowed.contains(method) {
                    let reply = try await siege.send(method, path, Caller.alice.headers, nil, "")
                    #expect(reply.status == 405, "\(method) \(path)")
                    #expect(reply["Allow"] == allowed.joined(separator: ", "))
                }
            }
        }
    }

    @Test("names and queries of every sort", arguments: TestDatabase.all)
    func targets(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, GatewayLab.customers) { plane in
            let siege = try await Siege(plane)
            try await siege.each(siege.operations) { operation in
                var targets: [String] = []
                for parameter in operation.parameters where parameter.place == "path" {
                    targets += HostileInput.names.map { siege.path(operation, parameter.name, instead: $0) }
                }
                if operation.isRead, !operation.template.hasSuffix("/events") {
                    targets += HostileInput.queries.map { siege.path(operation) + "?\($0)" }
                }
                let head = siege.caller(operation).map { "\($0.0): \($0.1)\r\n" }.joined()
                let (port, body) = (plane.port, siege.body(of: operation)?.text() ?? "")
                let (method, all) = (operation.method, targets)
                let flaws = try await offThread {
                    try all.compactMap { target -> String? in
                        let socket = try RawSocket(port: port)
                        socket.say(
                            "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(head)"
                                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                        let reply = socket.rest()
                        // What is no HTTP is turned away before it is anybody's, in HatchFarm's words.
                        let isMalformed = reply.body.contains("\"code\":\"malformed_request\"")
                        let path = isMalformed ? "/" : String(target.prefix { $0 != "?" })
                        return Civility.flaw(
                            status: reply.status, id: reply["X-Request-ID"], type: reply["Content-Type"],
                            body: reply.body,
                            method, path
                        ).map { "\(method) \(target.prefix(120)): \($0) \(reply.text.prefix(600))" }
                    }
                }
                for flaw in flaws { Issue.record("\(flaw)") }
            }
        }
    }
}
