internal import ArgumentParser
internal import Bytes

/// `hatchfarm wallet …`
struct WalletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Shows balances and transactions, and moves money in and out.",
        discussion: """
            EXAMPLES
              hatchfarm wallet balance
              hatchfarm wallet transactions --asset USDT
              hatchfarm wallet withdraw 12.5 --to 0x52…
              HATCHFARM_API_TOKEN=… hatchfarm wallet deposit alice 100 --reference wire-7

            Jobs and withdrawals first place a hold, which is later paid or refunded.
            Deposits, approvals, rejections and payments are for the operator.

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [
            BalanceCommand.self, TransactionsCommand.self, WithdrawCommand.self, WithdrawalsCommand.self,
            DepositCommand.self, ApproveCommand.self, RejectCommand.self, PaidCommand.self,
        ])
}

extension WalletCommand {
    struct BalanceCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "balance",
            abstract: "Shows available and held balances.",
            discussion: """
                EXAMPLES
                  hatchfarm wallet balance
                  hatchfarm wallet balance --json
                """)

        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await options.open().get("/api/v1/wallet/balance")
            if options.json { return Output.line(reply.text(.compact)) }
            var table = Table("ASSET", "AVAILABLE", "HELD")
            for balance in reply["data"]?["balances"]?.array ?? [] {
                table.row(
                    Output.sanitized(balance["asset"]?.string ?? ""), balance["available"]?.string ?? "",
                    balance["held"]?.string ?? "")
            }
            for line in table.lines { Output.line(line) }
        }
    }

    struct TransactionsCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "transactions",
            abstract: "Lists your transactions, newest first.",
            discussion: """
                EXAMPLES
                  hatchfarm wallet transactions
                  hatchfarm wallet transactions --asset POINTS --limit 10
                """)

        @Option(help: "Only this asset: USDT or POINTS.") var asset: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await options.open().get(
                "/api/v1/wallet/transactions", [("asset", asset?.uppercased())] + page.query)
            if options.json { return Output.line(reply.text(.compact)) }
            var table = Table("CREATED", "AMOUNT", "BALANCE", "ASSET", "REASON", "REFERENCE")
            for line in reply["data"]?["transactions"]?.array ?? [] {
                let amount = line["amount"]?.string ?? ""
                table.row(
                    JobText.age(line["created_at"]), amount.hasPrefix("-") ? amount : "+\(amount)",
                    line["balance_after"]?.string ?? "", line["asset"]?.string ?? "", line["reason"]?.string ?? "",
                    Output.sanitized(line["reference"]?.string ?? ""))
            }
            page.show(table, reply)
        }
    }
}

/// The page of a list.
struct PageOptions: ParsableArguments {
    @Option(help: "Maximum number of entries, 1–100.") var limit = 50
    @Option(help: "Continue after an earlier list: its cursor.") var cursor: String?

    var query: [(String, String?)] { [("limit", "\(limit)"), ("cursor", cursor)] }

    func show(_ table: Table, _ reply: JSON) {
        for line in table.lines { Output.line(line) }
        if let next = reply["data"]?["next_cursor"]?.string { Output.line("more: --cursor \(next)") }
    }
}
