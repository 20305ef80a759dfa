import Bytes
import Foundation
import Support
import Testing

/// `hatchfarm agent` and `hatchfarm wallet`, as a member and as the operator use them.
@Suite("The commands for members and their money", .timeLimit(.minutes(3)))
struct WalletCommandTests {
    /// Somebody at a shell, with a home of their own.
    private struct Shell {
        let server: String
        let home = Scratch.path("home")
        var more: [String: String] = [:]

        func run(_ words: String...) async throws -> (code: Int32, output: String, errors: String) {
            let environment = ["HOME": home, "XDG_CONFIG_HOME": "\(home)/.config", "HATCHFARM_SERVER": server]
            let child = try await ChildProcess(
                FarmServer.program, words, environment: environment.merging(more) { $1 })
            guard case .exited(let code) = try await child.end(within: .seconds(60)) else {
                throw ToolFailure("\(words) was killed: \(child.errors)")
            }
            return (code, child.output, child.errors)
        }

        var file: String { "\(home)/.config/hatchfarm/client.json" }
    }

    @Test("a member registers, is paid in, withdraws, and sees where it all went")
    func life() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let bee = Shell(server: farm.server.url)
            let keeper = Shell(server: farm.server.url, more: ["HATCHFARM_API_TOKEN": FarmServer.operatorToken])
            let made = try await bee.run("agent", "register", "--name", "Bee 7", "--handle", "bee_7", "--save")
            #expect(made.code == 0, "\(made.errors)")
            let key = try #require(
                made.output.firstMatch(of: #/api key: (hf_[0-9a-f]{48})/#).map { String($0.output.1) })
            let id = try #require(made.output.firstMatch(of: #/id: ([0-9a-f-]{36})/#).map { String($0.output.1) })
            let mode = try FileManager.default.attributesOfItem(atPath: bee.file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try String(contentsOfFile: bee.file, encoding: .utf8).contains(key))
            let shown = try await bee.run("agent", "show")
            #expect(shown.code == 0 && shown.output.contains("bee_7") && !shown.output.contains("hf_"))

            let deposit = ["wallet", "deposit", id, "100.5", "--reference", "wire-7"]
            for _ in 0..<2 {
                let paid = try await keeper.run(deposit[0], deposit[1], deposit[2], deposit[3], deposit[4], deposit[5])
                #expect(
                    paid.code == 0 && paid.output == "\(id) has 100.5 USDT after a deposit of 100.5\n", "\(paid.errors)"
                )
            }
            let asked = try await bee.run("wallet", "withdraw", "30", "--to", "0xabc", "--idempotency-key", "k")
            let withdrawal = try #require(asked.output.wholeMatch(of: #/(wdr_[0-9a-f]{16}) requested\n/#)).output.1
            let again = try await bee.run("wallet", "withdraw", "30", "--to", "0xabc", "--idempotency-key", "k")
            #expect(again.output == asked.output)
            let balance = try await bee.run("wallet", "balance")
            #expect(
                balance.output == "ASSET   AVAILABLE  HELD\nUSDT    70.5       30\nPOINTS  100        0\n",
                "\(balance.output)")

            let open = try await keeper.run("wallet", "withdrawals", "--all", "--status", "requested")
            #expect(open.code == 0 && open.output.contains(withdrawal) && open.output.contains(id), "\(open.errors)")
            #expect(try await keeper.run("wallet", "paid", "\(withdrawal)", "--txid", "0x9").code == 4)
            let approved = try await keeper.run("wallet", "approve", "\(withdrawal)")
            #expect(approved.output == "\(withdrawal) approved\n", "\(approved.errors)")
            let paid = try await keeper.run("wallet", "paid", "\(withdrawal)", "--txid", "0x9", "--json")
            let json = try JSON(parsing: Array(paid.output.utf8))
            #expect(json["data"]?["withdrawal"]?["status"] == "paid")
            let refused = try await keeper.run("wallet", "reject", "\(withdrawal)", "--reason", "late")
            #expect(refused.code == 4 && refused.errors.contains("paid (0x9)"))

            let one = try await bee.run("wallet", "withdrawals", "\(withdrawal)")
            #expect(one.output.contains("status: paid") && one.output.contains("txid: 0x9"))
            let lines = try await bee.run("wallet", "transactions", "--asset", "usdt", "--limit", "1")
            #expect(lines.output.contains("-30") && lines.output.contains("withdrawal_hold"))
            #expect(lines.output.contains("more: --cursor "))
            let mine = try await bee.run("wallet", "withdrawals")
            #expect(mine.output.contains("\(withdrawal)") && !mine.output.contains("more:"))
        }
    }

    @Test("a key that is there isn't written over, and a key alone can be asked for")
    func keys() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let bee = Shell(server: farm.server.url)
            #expect(try await bee.run("agent", "register", "--name", "a", "--save").code == 0)
            let before = try String(contentsOfFile: bee.file, encoding: .utf8)
            let again = try await bee.run("agent", "register", "--name", "b", "--save")
            #expect(again.code == 0, "\(again)")
            let first = try #require(before.firstMatch(of: #/hf_[0-9a-f]{48}/#)).output
            #expect(try String(contentsOfFile: bee.file, encoding: .utf8).contains(first))
            let other = try await bee.run("agent", "register", "--name", "c", "--key-only")
            #expect(other.output.wholeMatch(of: #/hf_[0-9a-f]{48}\n/#) != nil)
            let key = String(other.output.dropLast())
            let changed = try await bee.run(
                "agent", "update", "--description", "Counts.", "--wallet-address", "0x1", "--api-key", key)
            #expect(changed.output.contains("description: Counts.") && changed.output.contains("wallet address: 0x1"))
            let cleared = try await bee.run("agent", "update", "--clear", "wallet_address", "--api-key", key, "--json")
            let agent = try JSON(parsing: Array(cleared.output.utf8))["data"]?["agent"]
            #expect(agent?["wallet_address"] == .null && agent?["description"] == "Counts.")
        }
    }

    @Test("exit codes say what went wrong")
    func exitCodes() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let bee = Shell(server: farm.server.url)
            #expect(try await bee.run("wallet", "balance").code == 4, "no credentials")
            #expect(try await bee.run("wallet", "approve", "wdr_0123456789abcdef").code == 4)
            #expect(try await bee.run("agent", "register", "--name", "a", "--save").code == 0)
            let short = try await bee.run("wallet", "withdraw", "5", "--to", "x")
            #expect(short.code == 4 && short.errors.contains("5 USDT") && short.errors.contains("0 is available"))
            #expect(try await bee.run("wallet", "withdraw", "x", "--to", "x").code == 64)
            #expect(try await bee.run("wallet", "withdrawals", "wdr_0123456789abcdef").code == 5)
            #expect(try await bee.run("wallet", "withdrawals", "wdr_0123456789abcdef", "--all").code == 64)
            let denied = try await bee.run("wallet", "deposit", "alice", "5", "--reference", "mine")
            #expect(denied.code == 4 && denied.errors.contains("operator"))
            let gone = Shell(server: "http://127.0.0.1:9", more: ["HATCHFARM_API_KEY": "hf_any"])
            let lost = try await gone.run("wallet", "withdraw", "5", "--to", "x")
            #expect(lost.code == 3 && lost.errors.contains("--idempotency-key "), "\(lost.errors)")
            for command in [
                "balance", "transactions", "withdraw", "withdrawals", "deposit", "approve", "reject", "paid",
            ] {
                let help = try await bee.run("wallet", command, "--help")
                #expect(help.code == 0 && help.output.contains("EXAMPLE"), "\(command)")
            }
        }
    }

    @Test("the cap of a day is the server's setting")
    func cap() async throws {
        try await Farm.run(on: .sqlite, environment: ["WITHDRAW_DAILY_CAP_USDT": "0"]) { farm in
            let alice = ["HATCHFARM_API_TOKEN": FarmServer.operatorToken, "HATCHFARM_OWNER": "alice"]
            let shell = Shell(server: farm.server.url, more: alice)
            #expect(try await shell.run("wallet", "deposit", "alice", "5", "--reference", "r").code == 0)
            let refused = try await shell.run("wallet", "withdraw", "1", "--to", "x")
            #expect(refused.code == 64 && refused.errors.contains("amount must be at most 0"), "\(refused.errors)")
        }
        let server = FarmServer(database: "sqlite::memory:", environment: ["WITHDRAW_DAILY_CAP_USDT": "1.5"])
        try await server.launch()
        #expect(try await server.ended() == .exited(78))
    }
}
