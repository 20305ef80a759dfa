import Bytes
import Foundation
import Support
import Testing

/// What people type and what programs send, understood or told why not.
@Suite("Input as it is typed", .timeLimit(.minutes(3)))
struct TypedInputTests {
    @Test("ids in upper case, a server with the API's path, and a file with a colon in its name")
    func words() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            try home.write("a:b.txt", "colon")
            try home.write("c", "plain")
            let base = ["HATCHFARM_SERVER": "\(farm.server.url)/api/v1/"]
            let words = [
                "job", "submit", "--title", "t", "--input", "a:b.txt", "--input", "c:d", "--input", "a:b.txt:e",
            ]
            let result = try await home.run(words + ["--", "true"], base)
            #expect(result.code == 0, "\(result)")
            let job = result.output.trimmingCharacters(in: .newlines)
            let machine = try await farm.owner.machine()
            let grant = try await machine.take()
            for (path, text) in [("a:b.txt", "colon"), ("d", "plain"), ("e", "colon")] {
                #expect(try await machine.read(path, of: grant).expecting(200).text == text, "\(path)")
            }
            let shown = try await home.run("job", "show", job.uppercased())
            #expect(shown.code == 0 && shown.output.contains(job), "\(shown)")
            #expect(try await home.run("job", "cancel", job.uppercased()).code == 0)
            #expect(try await farm.owner.client.get("/api/v1/jobs/\(job.uppercased())/logs").status == 200)
            let machines = "/api/v1/machines/\(machine.id)"
            let status = try await farm.owner.client.get(machines).status
            #expect(try await farm.owner.client.get(machines.replacing("wrk_", with: "WRK_")).status == status)
        }
    }

    @Test("numbers that are refused for how they are written are told how")
    func numbers() async throws {
        try await Farm.run(on: .sqlite) { farm in
            for (field, number, rule) in [
                (
                    "priority", "5.0",
                    "priority must be an integer, written without a decimal point or an exponent, not 5.0"
                ),
                ("duration_minutes", "1e1", "without a decimal point or an exponent, not 1e1"),
                ("max_price_usdt", "1e-05", "must be written without an exponent"),
            ] {
                let reply = try await farm.owner.submit("t", [.init(field, .number(number))]).expecting(422)
                #expect(reply.text.contains(rule), "\(reply.text)")
            }
            // A decimal is one with zeros at its end as well.
            _ = try await farm.owner.submit("t", [.init("max_price_usdt", .number("0.0"))]).expecting(201)
            let home = try FarmHome.beside(farm.server, as: "alice")
            let money = try await home.run("wallet", "withdraw", "1e-5", "--to", "0x1")
            #expect(money.code == 64 && money.errors.contains("without an exponent"), "\(money)")
        }
    }

    @Test("an IPv6 address with or without brackets, and none with a port", arguments: ["[::1]", "::1"])
    func hosts(host: String) async throws {
        let server = try await ChildProcess(
            FarmServer.program, ["serve"],
            environment: [
                "HOST": host, "PORT": "0", "DATABASE_URL": "sqlite::memory:",
                "HATCHFARM_API_TOKEN": FarmServer.operatorToken,
            ])
        try await eventually("it serves", within: .seconds(60)) {
            if let ending = server.ending { throw ToolFailure("\(ending): \(server.errors)") }
            return server.output.contains("listening on http://[::1]:")
        }
        let url = try #require(server.output.firstMatch(of: #/listening on (http:\S+),/#)).output.1
        let list = try await ChildProcess(
            FarmServer.program, ["job", "list", "--server", String(url), "--owner", "alice"],
            environment: ["HATCHFARM_API_TOKEN": FarmServer.operatorToken])
        #expect(try await list.end() == .exited(0), "\(list.errors)")
        try await server.kill()
        for wrong in ["127.0.0.1:80", "[127.0.0.1]", "[::1]:80", "a b", "::x", "[]"] {
            let child = try await ChildProcess(
                FarmServer.program, ["serve"],
                environment: ["HOST": wrong, "PORT": "0", "DATABASE_URL": "sqlite::memory:"])
            #expect(try await child.end() == .exited(78), "\(wrong)")
            #expect(child.errors.contains("HOST must be a host name or an address"), "\(child.errors)")
        }
    }

    @Test(
        "a database file in a folder that isn't there is a wrong setting",
        arguments: ["migrate", "serve", "admin key list"])
    func folder(command: String) async throws {
        let folder = Scratch.path("none")
        let child = try await ChildProcess(
            FarmServer.program, command.split(separator: " ").map(String.init),
            environment: ["DATABASE_URL": "sqlite:\(folder)/farm.db", "PORT": "0"])
        #expect(try await child.end() == .exited(78), "\(child.errors)")
        #expect(child.errors.contains("the folder \(folder) does not exist; create it, or correct DATABASE_URL"))
    }
}
