import API
import Bytes
import Foundation
import Glibc
import Store
import Support
import Testing

/// Secrets of devices, session tokens, activation codes, claim tokens and customers' tokens stand in no log, error or
/// metric, however they came, and in the database only as hashes.
@Suite("Secrets of the gateway", .timeLimit(.minutes(3)))
struct SecretsTests {
    /// One of each sort: those that are good, or those of somebody who mistook a digit.
    private struct Secrets: Sendable {
        var secret: String
        var token: String
        var code: String
        var claim: String
        var customer: String

        var all: [String] {
            // A part of a token is enough to be found out.
            [secret, token, code, claim, customer] + customer.split(separator: ".").dropFirst().map(String.init)
        }

        /// With another last digit but one.
        var mistaken: Secrets {
            func altered(_ text: String) -> String {
                let end = text.dropLast(2)
                return String(end.dropLast()) + (end.hasSuffix("0") ? "1" : "0") + text.suffix(2)
            }
            return Secrets(
                secret: altered(secret), token: altered(token), code: altered(code), claim: altered(claim),
                customer: altered(customer))
        }
    }

    private struct Scene: Sendable {
        let lab: GatewayLab
        let device: EnrolledDevice
        let held: HeldCommand
        let session: String
        let good: Secrets

        init(_ lab: GatewayLab) async throws {
            self.lab = lab
            device = try await lab.enroll()
            let code = try await lab.code(for: "waiting")
            try await lab.command(for: device)
            held = try await lab.held(by: device, ["visibilityTimeout": 3_600_000])
            session = try await lab.session("remediation", on: device)
            good = Secrets(
                secret: device.secret, token: device.token, code: code, claim: held.token,
                customer: lab.token(of: .acme))
        }

        /// Every route of the gateway as the document has it, with paths that lead somewhere; what ends a device's
        /// tokens comes last.
        func operations() async throws -> [(method: String, path: String)] {
            let document = try await lab.plane.send("GET", "/openapi.json", base: "").json
            let all = Operation.all(in: document).filter { operation in
                ["/api/v1/device", "/api/v1/customer", "/ws/"].contains { operation.template.hasPrefix($0) }
            }
            // Whatever the names in the paths are called, they stand behind these words.
            let values = ["devices": device.id, "commands": held.id, "sessions": session]
            let calls = all.map { operation -> (method: String, path: String) in
                var words = operation.template.split(separator: "/").map(String.init)
                for index in words.indices.dropFirst() where words[index].hasPrefix("{") {
                    words[index] = values[words[index - 1]] ?? "x"
                }
                return (operation.method, "/" + words.joined(separator: "/"))
            }
            // What shuts the device out comes last; what deletes it is asked of another.
            return calls.filter { !$0.path.hasSuffix("/suspend") }.map { method, path in
                let isDeletion = method == "DELETE" && path.hasSuffix("/\(device.id)")
                return (method, isDeletion ? path + "0" : path)
            } + calls.filter { $0.path.hasSuffix("/suspend") }
        }
    }

    private struct Sent {
        var query = ""
        var headers: [(String, String)] = []
        var body = ""
    }

    /// The ways in which a caller may send its secrets.
    private static func calls(_ some: Secrets) -> [Sent] {
        let query =
            "?deviceId=edge-1&deviceSecret=\(some.secret)&token=\(some.customer)&activationCode=\(some.code)"
            + "&claimToken=\(some.claim)&status=\(some.token)&limit=\(some.token)&cursor=\(some.secret)"
        let body: JSON = [
            "deviceId": "edge-1", "deviceSecret": .string(some.secret), "activationCode": .string(some.code),
            "claimToken": .string(some.claim),
        ]
        let wrong: JSON = [
            "status": .string(some.claim), "type": ["x": .string(some.secret)], "executedAt": .string(some.token),
            "limit": .string(some.code), "approved": .string(some.customer), "metrics": .string(some.token),
            "claimToken": [.string(some.claim)], "deviceSecret": [.string(some.secret)], "config": .string(some.code),
            "requestId": [.string(some.secret)], "sessionId": [.string(some.customer)],
        ]
        let broken = String(body.with(wrong).text().dropLast())
        let bearer = [("Authorization", "Bearer \(some.customer)")]
        let device = [("X-Device-Token", some.token)]
        let odd = [
            ("Authorization", "Basic \(some.secret)"), ("X-Device-Id", some.secret), ("X-Device-Secret", some.secret),
            ("X-Device-Session", some.token), ("X-Claim-Token", some.claim), ("Idempotency-Key", some.code + " x"),
            ("Cookie", "token=\(some.customer)"), ("Referer", "https://x.example/?token=\(some.customer)"),
            ("Sec-WebSocket-Protocol", "auth-\(some.customer)"),
        ]
        // What each call takes, and nothing else: these are looked at as a whole.
        let lease: JSON = ["claimToken": .string(some.claim)]
        let exact: [JSON] = [
            ["deviceId": "edge-1", "deviceSecret": .string(some.secret)],
            ["deviceId": "waiting", "activationCode": .string(some.code)], lease.with(["extensionMs": 60_000]),
            lease.with(GatewayLab.failure),
        ]
        return exact.map { Sent(headers: bearer + device, body: $0.text()) } + [
            Sent(query: query), Sent(headers: bearer, body: body.text()),
            Sent(query: query, headers: device, body: body.text()), Sent(headers: bearer, body: wrong.text()),
            Sent(headers: device, body: wrong.text()), Sent(headers: bearer + device, body: broken),
            Sent(query: query, headers: odd, body: wrong.text()),
        ]
    }

    @Test("stand in no log line, error or metric, whatever call they came with", arguments: TestDatabase.all)
    func hidden(on database: TestDatabase) async throws {
        let path = Scratch.path("gateway.log")
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let sink = LogSink(descriptor: descriptor, capacity: 256 << 20)
        var secrets: Set<String> = []
        try await GatewayLab.run(database, sink: sink) { lab in
            let scene = try await Scene(lab)
            let sorts = [scene.good.mistaken, scene.good]
            secrets = Set(sorts.flatMap(\.all))
            let all = secrets
            func check(_ text: String, _ what: String) {
                for secret in all where text.contains(secret) { Issue.record("\(what) tells \(secret): \(text)") }
            }
            let operations = try await scene.operations()
            #expect(operations.count > 20, "\(operations)")
            for (method, path) in operations {
                for call in sorts.flatMap(Self.calls) {
                    let body = method == "GET" ? nil : Array(call.body.utf8)
                    let reply = try await lab.plane.send(method, path + call.query, call.headers, bytes: body, base: "")
                    #expect(reply.status < 500, "\(method) \(path): \(reply.text)")
                    // What succeeds may give somebody a secret of its own.
                    if reply.status >= 400 { check(reply.text, "\(method) \(path)") }
                    check("\(reply.headers)", "a header of \(method) \(path)")
                }
            }
            try await sockets(scene, sorts, check)
            for path in ["/metrics", "/metrics.json"] {
                lab.plane.clock.advance(by: .seconds(2))
                let metrics = try await lab.plane.send("GET", path, ControlPlane.asOperator, base: "")
                #expect(metrics.status == 200 && metrics.text.contains("hatchfarm_"))
                check(metrics.text, path)
            }
        }
        sink.drain(milliseconds: 20_000)
        #expect(sink.droppedCount == 0)
        let log = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        // It is the log of all that.
        for word in ["/api/v1/device/auth", "/api/v1/customer/devices/edge-1/status", "/ws/device", "/ws/customer"] {
            #expect(log.contains(word), "\(word)")
        }
        for secret in secrets {
            let line = log.split(separator: "\n").first { $0.contains(secret) }
            #expect(line == nil, "\(line ?? "")")
        }
    }

    /// What is said to those who ask for a socket, and on it.
    private func sockets(
        _ scene: Scene, _ sorts: [Secrets], _ check: (String, String) -> Void
    ) async throws {
        let lab = scene.lab
        // The device was suspended meanwhile: its secrets are others now, as good.
        try lab.must(await lab.call(as: .acme, "POST", "\(scene.device.path)/resume"))
        lab.plane.clock.advance(by: .seconds(120))
        for some in sorts {
            for target in [
                "/ws/device?deviceId=edge-1&deviceSecret=\(some.secret)", "/ws/device?token=\(some.token)",
                "/api/v1/device/ws?deviceId=\(some.token)&deviceSecret=\(some.secret)",
                "/ws/customer?token=\(some.customer)", "/api/v1/customer/ws?token=\(some.customer)",
            ] {
                let reply = try await lab.upgrade(target)
                // A good one may be there for good customers and devices only.
                #expect([101, 401, 429].contains(reply.status), "\(reply.text)")
                check(reply.text, String(target.prefix { $0 != "?" }))
            }
        }
        let device = try await GatewaySocket.open(
            lab, "/ws/device?deviceId=edge-1&deviceSecret=\(scene.good.secret)")
        for some in sorts {
            for data in [
                ["commandId": .string(scene.held.id), "claimToken": .string(some.claim)],
                ["commandId": .string(some.secret), "claimToken": .string(some.token), "status": .string(some.claim)],
            ] as [JSON] {
                try await device.send(["type": "command_result", "data": data])
                check(try await device.next("error").text(), "an error on a socket")
            }
            try await device.send(text: #"{"type":"\#(some.secret)","data":"\#(some.token)""#)
            check(try await device.next("error").text(), "an error on a socket")
        }
    }

    @Test("stand in the database as hashes alone, also where a call can be repeated", arguments: TestDatabase.all)
    func hashed(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let key = ("Idempotency-Key", "k-1")
            let body: JSON = ["deviceId": "keyed"]
            let provisioned = try await lab.call(as: .acme, "POST", "/devices/provision", body, key)
            let keyed = try #require(provisioned.json["device"]?["activationCode"]?.string, "\(provisioned.text)")
            let registered = try lab.must(await lab.register("keyed", keyed, [:], key), 201)
            let secret = try #require(registered["device"]?["secret"]?.string)
            let signedIn = try lab.must(await lab.auth("keyed", secret, key))
            let scene = try await Scene(lab)
            let given = [keyed, secret, try #require(signedIn["token"]?.string)]
            let claim: JSON = ["limit": 1, "requestId": "r-1"]
            try await lab.command(for: scene.device)
            let held = try await lab.held(by: scene.device, claim)
            let texts = try await DatabaseContents.texts(of: lab.database)
            #expect(texts["devices"]?.contains("keyed") == true, "it is the whole database")
            for (table, text) in texts {
                for secret in given + scene.good.all + [held.token] where text.contains(secret) {
                    Issue.record("\(table) holds \(secret)")
                }
            }
        }
    }

    @Test("are answered to whoever they are given, once: no list or status shows them", arguments: TestDatabase.all)
    func shownOnce(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let scene = try await Scene(lab)
            let held = scene.held
            var texts: [String] = []
            for path in [
                "/devices", "\(scene.device.path)/status", "\(scene.device.path)/commands",
                "\(scene.device.path)/commands/\(held.id)", "/sessions/\(scene.session)", "/system/info",
            ] {
                texts.append(try await lab.call(as: .acme, "GET", path).text)
            }
            let socket = try await lab.socket(of: .acme)
            try await socket.subscribe(to: scene.device, since: 0)
            // Registered, sent, claimed.
            for _ in 0..<3 { texts.append(try await socket.next().text()) }
            for text in texts {
                for secret in scene.good.all { #expect(!text.contains(secret), "\(text)") }
            }
        }
    }
}
