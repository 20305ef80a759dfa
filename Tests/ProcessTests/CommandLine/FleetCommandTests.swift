import Bytes
import Foundation
import Glibc
import Support
import Testing

/// `hatchfarm fleet` as a customer uses it.
@Suite("The commands for fleets", .timeLimit(.minutes(4)))
struct FleetCommandTests {
    @Test("a device from its code to its suspension, and its sessions")
    func life() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let made = try await acme.fleet("provision", "press-7", "--name", "Press 7", "--location", "Hall 2")
            let code = try #require(made.output.firstMatch(of: #/code: ([0-9a-f]{32})\n/#)).output.1
            let line = "device register --server \(farm.server.url) --id press-7 --code \(code)\n"
            #expect(made.code == 0 && made.output.hasSuffix(line), "\(made)")
            let state = try await acme.registered("press-7")
            let device = try await acme.device(state)
            try await eventually("it is heard of", within: .seconds(30)) {
                try await acme.fleet("list", "--status", "online").output.contains("press-7")
            }
            let listed = try await acme.fleet("list")
            #expect(listed.output.contains(#/(?m)^press-7 +online +.* ago +Hall 2 +Press 7$/#), "\(listed)")
            let status = try await acme.fleet("status", "press-7")
            #expect(status.code == 0 && status.output.contains("  memory: "), "\(status)")
            let sent = try await acme.fleet("send", "press-7", "ping", "--parameters", "[1]", "--wait")
            #expect(sent.code == 0 && sent.output == "[1]\n", "\(sent)")

            let opened = try await acme.fleet("session", "open", "press-7", "--type", "remediation")
            let session = opened.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(opened.code == 0 && !session.isEmpty, "\(opened)")
            #expect(try await acme.fleet("session", "open", "press-7").code == 4, "one at a time")
            let (first, second) = (
                try await acme.sent("press-7", "ping", "--session", session),
                try await acme.sent("press-7", "ping", "--session", session)
            )
            #expect(try await acme.command("press-7", first)["status"] == "pending_approval")
            #expect(try await acme.fleet("approve", session, first).code == 0)
            _ = try await acme.awaited("press-7", first, "completed")
            let rejected = try await acme.fleet("approve", session, second, "--reject", "--reason", "Not now.")
            #expect(rejected.output == "\(second) rejected\n", "\(rejected)")
            #expect(try await acme.fleet("approve", session, second).code == 4, "it is processed")
            let shown = try await acme.fleet("session", "show", session)
            #expect(
                shown.output.contains("\(first) ping completed") && shown.output.contains("\(second) ping rejected"))
            #expect(try await acme.fleet("session", "end", session).output == "\(session) ended\n")

            #expect(try await acme.fleet("suspend", "press-7").output == "press-7 suspended\n")
            try await eventually("it is shut out", within: .seconds(30)) { device.output.contains("disconnected") }
            #expect(try await acme.fleet("resume", "press-7").code == 0)
            try await eventually("it comes back", within: .seconds(60)) {
                device.output.matches(of: #/connected to/#).count >= 2
            }
            #expect(try await acme.fleet("send", "press-7", "ping", "--wait").code == 0)
            #expect(!(device.output + device.errors + farm.server.log).contains(acme.token))
        }
    }

    @Test("a watch goes on after the last position when the server comes back, and shows nothing twice")
    func watch() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let device = try await acme.device(acme.registered("press-7"))
            let watching = try await acme.start("watch", "press-7", "--since", "0")
            func shows(_ id: String) async throws {
                try await eventually("\(id) is shown", within: .seconds(60)) {
                    if let ending = watching.ending { throw ToolFailure("\(ending): \(watching.errors)") }
                    return watching.output.contains("command \(id) ping completed")
                }
            }
            let first = try await acme.sent("press-7", "ping")
            try await shows(first)
            try await farm.server.kill()
            try await farm.server.start()
            let second = try await acme.sent("press-7", "ping")
            try await shows(second)
            let positions = watching.output.split(separator: "\n").map { Int($0.prefix { $0 != " " }) }
            #expect(positions.allSatisfy { $0 != nil } && positions.count >= 4, "\(watching.output)")
            #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 ?? 0 < $1 ?? 0 }, "\(watching.output)")
            #expect(watching.errors.contains("disconnected"))
            try await watching.kill()
            #expect(device.ending == nil)
        }
    }

    /// A device that the test itself is: it fails whatever it gets.
    private func fail(_ farm: Farm, _ id: String, code: String) async throws {
        let client = FarmClient(farm.server.url)
        let made = try await client.post(
            "/api/v1/device/register", ["deviceId": .string(id), "activationCode": .string(code)]
        )
        .expecting(201).json
        let secret = made["device"]?["secret"]?.string ?? ""
        let auth = try await client.post(
            "/api/v1/device/auth", ["deviceId": .string(id), "deviceSecret": .string(secret)]
        ).expecting(200).json
        let device = FarmClient(farm.server.url, [("X-Device-Token", auth["token"]?.string ?? "")])
        while !Task.isCancelled {
            let claimed = try await device.post("/api/v1/device/commands/claim", ["limit": 1, "waitMs": 10_000]).json
            for command in claimed["commands"]?.array ?? [] {
                let path = "/api/v1/device/commands/\(command["id"]?.string ?? "")/result"
                let result: JSON = [
                    "claimToken": command["claimToken"] ?? .null, "status": "failure", "error": "\u{1B}[2Jno paper",
                    "executedAt": .string(RFC3339.format(World.live.now())), "duration": 1,
                ]
                _ = try await device.post(path, result)
            }
        }
    }

    @Test("a command for all devices stops when too many fail, and takes back what no device has")
    func rollout() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            var devices: [Task<Void, any Error>] = []
            defer { for device in devices { device.cancel() } }
            for number in 0..<8 {
                let code = try await acme.provisioned("failing-\(number)")
                devices.append(Task { try await fail(farm, "failing-\(number)", code: code) })
            }
            for id in ["idle-0", "idle-1"] { _ = try await acme.registered(id) }
            _ = try await acme.provisioned("unregistered")
            try await eventually("all have registered", within: .seconds(30)) {
                let list = try JSON(parsing: Array(try await acme.fleet("list", "--json").output.utf8))
                return list["devices"]?.array?.count { $0["status"] == "provisioned" } == 1
            }
            let sent = try await acme.fleet(
                "send", "--all", "update", "--per-minute", "120", "--abort-above", "50%", "--watch-minutes", "1")
            #expect(
                sent.code == 1 && sent.errors.contains("aborted: 5 of 5 commands failed, more than 50 %"), "\(sent)")
            #expect(
                sent.output.contains(" sent, 0 completed, 5 failed,") && !sent.errors.contains("\u{1B}[2J"), "\(sent)")
            for id in ["idle-0", "idle-1"] {
                let commands = try await acme.client.get("/api/v1/customer/devices/\(id)/commands").expecting(200).json
                let statuses = commands["commands"]?.array?.map { $0["status"]?.string } ?? []
                #expect(statuses.allSatisfy { $0 == "cancelled" } && statuses.count <= 1, "\(id): \(statuses)")
            }

            let watched = try await acme.fleet(
                "send", "--all", "update", "--per-minute", "6000", "--watch-minutes", "0", "--json")
            let summary = try JSON(parsing: Array(watched.output.utf8))
            #expect(watched.code == 0 && summary["sent"] == 10 && summary["skipped"] == 1, "\(watched)")
            #expect(summary["aborted"] == .null)
        }
    }

    @Test("exit codes say what went wrong, and each command has an example")
    func exitCodes() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let (acme, other) = (try await FleetHome(farm), try await FleetHome(farm, customer: "other@example.org"))
            let none = try await acme.home.run("fleet", "list")
            #expect(none.code == 4 && none.errors.contains("HATCHFARM_CUSTOMER_TOKEN"), "\(none)")
            #expect(try await acme.home.run("fleet", "list", "--token", "wrong").code == 4)
            #expect(try await acme.fleet("status", "nothing").code == 5)
            _ = try await acme.provisioned("press-7")
            #expect(try await other.fleet("provision", "press-7").code == 4, "it is another customer's")
            #expect(try await other.fleet("status", "press-7").code == 4)
            #expect(try await other.fleet("list").output.split(separator: "\n").count == 1)
            #expect(try await acme.fleet("provision", "no spaces").code == 64)
            for words in [
                ["send", "press-7"], ["send", "--all", "ping", "more"],
                ["send", "press-7", "ping", "--abort-above", "5%"],
                ["send", "--all", "ping", "--abort-above", "101%"], ["send", "--all", "ping", "--per-minute", "0"],
                ["send", "press-7", "ping", "--parameters", "{"], ["send", "--all", "ping", "--wait"],
                ["watch", "press-7", "--since", "-1"],
            ] {
                #expect(try await acme.fleet(words).code == 64, "\(words)")
            }
            let foreign = try await other.fleet("watch", "press-7")
            #expect(foreign.code == 4 || foreign.code == 5, "\(foreign)")
            let away = try await acme.fleet("watch", "press-7", "--server", "http://127.0.0.1:9")
            #expect(away.code == 3, "\(away)")
            for command in [
                "provision", "list", "status", "send", "session", "approve", "watch", "suspend", "resume",
            ] {
                let help = try await acme.home.run("fleet", command, "--help")
                #expect(help.code == 0 && help.output.contains("EXAMPLE"), "\(command)")
            }
        }
    }

    @Test("a customer's token is signed with the server's secret, which it doesn't show")
    func token() async throws {
        let words = ["admin", "customer", "token", "--customer", "acme"]
        let made = try await ChildProcess(
            FarmServer.program, words + ["--days", "1"], environment: FleetHome.environment)
        #expect(try await made.end() == .exited(0))
        let parts = made.output.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ".").map(String.init)
        try #require(parts.count == 3)
        let claims = try JSON(parsing: try #require(Base64.decodeURL(parts[1])))
        #expect(
            claims["customer_id"] == "acme" && claims["aud"] == "authenticated" && claims["role"] == "authenticated")
        let lasts = (claims["exp"]?.int ?? 0) - (claims["iat"]?.int ?? 0)
        #expect(lasts == 86_400)
        let secret = try #require(FleetHome.environment["SUPABASE_JWT_SECRET"])
        let tag = try #require(Base64.decodeURL(parts[2]))
        #expect(HMACSHA256.verify(tag, key: Array(secret.utf8), message: Array("\(parts[0]).\(parts[1])".utf8)))
        let missing = try await ChildProcess(FarmServer.program, words)
        #expect(try await missing.end() == .exited(78) && missing.errors.contains("SUPABASE_JWT_SECRET"))
        let short = try await ChildProcess(FarmServer.program, words, environment: ["SUPABASE_JWT_SECRET": "hush hush"])
        #expect(try await short.end() == .exited(78) && !short.errors.contains("hush"))
        let wrong = try await ChildProcess(
            FarmServer.program, ["admin", "customer", "token", "--customer", "a b"], environment: FleetHome.environment)
        #expect(try await wrong.end() == .exited(64))
    }
}
