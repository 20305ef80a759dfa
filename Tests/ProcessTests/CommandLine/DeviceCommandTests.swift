import Bytes
import Foundation
import Glibc
@testable import Support
import Testing

/// `hatchfarm device` as its owner meets it: beside a real server, killed and started again.
@Suite("The reference device", .timeLimit(.minutes(4)))
struct DeviceCommandTests {
    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func script(_ text: String) throws -> String {
        let path = Scratch.path("script")
        try Data("#!/bin/sh\n\(text)\n".utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func journal(_ state: String) throws -> String {
        try String(contentsOfFile: "\(state)/journal.json", encoding: .utf8)
    }

    @Test("a device registers once, by its code, and its secret is in a file that only its user can read")
    func registration() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let (code, state) = (try await acme.provisioned("press-7"), Scratch.path("device"))
            func register(_ id: String, _ code: String, _ state: String) async throws -> FarmHome.Result {
                try await acme.home.run(
                    "device", "register", "--id", id, "--code", code, "--state", state, "--model", "X200")
            }
            #expect(try await register("press-8", code, state).code == 5, "not provisioned")
            #expect(try await register("press-7", String(repeating: "0", count: 32), state).code == 4)
            let made = try await register("press-7", code, state)
            #expect(made.code == 0 && made.output.hasPrefix("press-7 registered for acme"), "\(made)")
            #expect(try mode("\(state)/device.json") == 0o600)
            let identity = try JSON(parsing: Array(Data(contentsOf: URL(filePath: "\(state)/device.json"))))
            let secret = try #require(identity["device_secret"]?.string)
            #expect(secret.utf8.count == 64 && !made.output.contains(secret))
            let other = try await register("press-8", code, state)
            #expect(other.code == 4 && other.errors.contains("holds the device press-7"), "\(other)")
            #expect(try await register("press-7", code, state).code == 4, "registered already")
            #expect(try mode("\(state)/device.json") == 0o600)
            #expect(try await register("press-7", code, Scratch.path("other")).code == 4, "registered already")

            let device = try await acme.device(state)
            let second = try await acme.home.run("device", "run", "--state", state)
            #expect(second.code == 4 && second.errors.contains("another process"), "\(second)")
            device.signal(SIGTERM)
            #expect(try await device.end(within: .seconds(20)) == .exited(0), "\(device.output)\(device.errors)")
            #expect(!(device.output + device.errors + farm.server.log).contains(secret))

            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(state)/device.json")
            let open = try await acme.home.run("device", "run", "--state", state)
            #expect(open.code == 78 && open.errors.contains("chmod 600"), "\(open)")
            let wrong = Scratch.path("wrong")
            try FileManager.default.createDirectory(atPath: wrong, withIntermediateDirectories: true)
            let forged: JSON = [
                "device_id": "press-7", "device_secret": .string(String(repeating: "0", count: 64)),
                "server": .string(farm.server.url),
            ]
            let path = "\(wrong)/device.json"
            try Data(forged.bytes()).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let refused = try await acme.home.run("device", "run", "--state", wrong)
            #expect(refused.code == 4 && refused.errors.contains("secret"), "\(refused)")
        }
    }

    /// A server that sends a byte of its body now and then, for as long as somebody reads.
    private static func tricklingServer() throws -> Socket {
        let server = try Socket.listening(port: 0)
        Thread.detachNewThread {
            while let peer = server.accepted() {
                _ = peer.received()
                var isHeard = peer.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n".utf8))
                for _ in 0..<600 where isHeard {
                    usleep(100_000)
                    isHeard = peer.send([0x2E])
                }
                peer.close()
            }
            server.close()
        }
        return server
    }

    @Test("it does what it knows, over the socket and without, and says what it doesn't", arguments: [true, false])
    func commands(usesSocket: Bool) async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let state = try await acme.registered("press-7")
            let greet = try script(#"echo "hello $1"; exit $2"#)
            let device = try await acme.device(
                state, ["--allow-script", "greet=\(greet)", "--allow-private"] + (usesSocket ? [] : ["--no-socket"]),
                says: usesSocket ? "connected to" : "device press-7")
            func run(_ type: String, _ parameters: String) async throws -> FarmHome.Result {
                try await acme.fleet("send", "press-7", type, "--parameters", parameters, "--wait")
            }
            let ping = try await run("ping", #"{"n":1.50,"s":"a"}"#)
            #expect(ping.code == 0 && ping.output == #"{"n":1.50,"s":"a"}"# + "\n", "\(ping)\(device.output)")
            let info = try JSON(parsing: Array(try await run("system_info", "{}").output.utf8))
            #expect(info["cores"]?.int ?? 0 > 0 && info["kernel"]?.string?.isEmpty == false, "\(info)")
            let health = try await run("http_check", #"{"url":"\#(farm.server.url)/health"}"#)
            let checked = try JSON(parsing: Array(health.output.utf8))
            #expect(health.code == 0 && checked["status"] == 200 && checked["truncated"] == false, "\(health)")
            let nobody = try await run("http_check", #"{"url":"http://127.0.0.1:9/","timeoutMs":2000}"#)
            #expect(nobody.code == 1 && nobody.errors.contains("refused"), "\(nobody)")
            let slow = try Self.tricklingServer()
            defer { slow.cut() }
            let late = try await run(
                "http_check", #"{"url":"http://127.0.0.1:\#(slow.port)/","timeoutMs":1000}"#)
            #expect(late.code == 1 && late.errors.contains("no answer within 1000 ms"), "\(late)")
            let file = try await run("http_check", #"{"url":"file:///etc/passwd"}"#)
            #expect(file.code == 1 && file.errors.contains("http or https"), "\(file)")
            let greeted = try await run("run_script", #"{"name":"greet","args":["a; b","0"]}"#)
            #expect(greeted.code == 0 && greeted.output == "hello a; b\n", "\(greeted)")
            let failed = try await run("run_script", #"{"name":"greet","args":["x","3"]}"#)
            #expect(failed.code == 1 && failed.output == "hello x\n" && failed.errors.contains("code 3"), "\(failed)")
            let unknown = try await run("run_script", #"{"name":"/bin/sh"}"#)
            #expect(unknown.code == 1 && unknown.errors.contains("it runs greet"), "\(unknown)")
            let other = try await run("reboot", "null")
            #expect(other.code == 1 && other.errors.contains("ping, system_info, http_check, run_script"), "\(other)")
            device.signal(SIGTERM)
            #expect(try await device.end(within: .seconds(20)) == .exited(0), "\(device.output)\(device.errors)")
            #expect(try journal(state) == "{\"commands\":[]}\n")
        }
    }

    @Test("a command during which the device was killed is reported as failed, once, and not run again")
    func killed() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let state = try await acme.registered("press-7")
            let slow = "slow=\(try script("sleep 600"))"
            let first = try await acme.device(state, ["--allow-script", slow])
            let id = try await acme.sent("press-7", "run_script", "--parameters", #"{"name":"slow"}"#)
            try await eventually("it runs", within: .seconds(30)) { first.output.contains("\(id) run_script started") }
            try await first.kill()
            #expect(try journal(state).contains(id))

            let second = try await acme.device(state, ["--allow-script", slow])
            let ended = try await acme.awaited("press-7", id, "failed")
            #expect(ended["result"]?["error"]?.string?.contains("restarted") == true, "\(ended)")
            #expect(try await acme.endings("press-7", id) == 1)
            #expect(second.output.matches(of: #/run_script reported/#).count == 1, "\(second.output)")
            #expect(!second.output.contains("run_script started"), "\(second.output)")
            #expect(try journal(state) == "{\"commands\":[]}\n")
            #expect(try await acme.fleet("send", "press-7", "ping", "--wait").code == 0)
        }
    }

    @Test("a result that the server couldn't take is sent by the next start, once")
    func unreported() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let state = try await acme.registered("press-7")
            let short = "short=\(try script("sleep 2; echo done"))"
            let first = try await acme.device(state, ["--allow-script", short])
            let id = try await acme.sent("press-7", "run_script", "--parameters", #"{"name":"short"}"#)
            try await eventually("it runs", within: .seconds(30)) { first.output.contains("\(id) run_script started") }
            try await farm.server.kill()
            try await eventually("it ends", within: .seconds(30)) { first.output.contains("\(id) run_script success") }
            try await first.kill()
            #expect(try journal(state).contains("done"))
            #expect(try mode("\(state)/journal.json") == 0o600)

            try await farm.server.start()
            let second = try await acme.device(state, ["--allow-script", short])
            let ended = try await acme.awaited("press-7", id, "completed")
            #expect(ended["result"]?["output"] == "done\n", "\(ended)")
            #expect(try await acme.endings("press-7", id) == 1)
            #expect(!second.output.contains("run_script started"), "\(second.output)")
        }
    }

    @Test("SIGTERM lets a command finish, and --once takes one")
    func endings() async throws {
        try await Farm.run(on: .sqlite, environment: FleetHome.environment) { farm in
            let acme = try await FleetHome(farm)
            let state = try await acme.registered("press-7")
            let short = "short=\(try script("sleep 2; echo done"))"
            let device = try await acme.device(state, ["--allow-script", short])
            let id = try await acme.sent("press-7", "run_script", "--parameters", #"{"name":"short"}"#)
            try await eventually("it runs", within: .seconds(30)) { device.output.contains("\(id) run_script started") }
            device.signal(SIGTERM)
            #expect(try await device.end(within: .seconds(20)) == .exited(0), "\(device.output)\(device.errors)")
            #expect(try await acme.command("press-7", id)["status"] == "completed", "\(device.output)")

            let (one, two) = (try await acme.sent("press-7", "ping"), try await acme.sent("press-7", "ping"))
            let once = try await acme.home.run("device", "run", "--state", state, "--once")
            #expect(once.code == 0 && once.output.contains("\(one) ping reported"), "\(once)")
            #expect(try await acme.command("press-7", one)["status"] == "completed")
            #expect(try await acme.command("press-7", two)["status"] == "pending")
        }
    }

    @Test(
        "options that make no sense are refused",
        arguments: [
            ["run", "--allow-script", "x"], ["run", "--allow-script", "a b=/bin/true"],
            ["run", "--allow-script", "a=/bin/true", "--allow-script", "a=/bin/false"], ["register", "--id", "x"],
        ])
    func options(arguments: [String]) async throws {
        let child = try await ChildProcess(FarmServer.program, ["device"] + arguments)
        #expect(try await child.end() == .exited(64), "\(child.errors)")
    }
}
