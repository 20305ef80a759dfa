internal import ArgumentParser
internal import Bytes

extension WalletCommand {
    struct WithdrawCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "withdraw",
            abstract: "Requests a withdrawal, and prints its id.",
            discussion: """
                The amount is held immediately. The operator pays it, or rejects it, which refunds it.

                EXAMPLES
                  hatchfarm wallet withdraw 12.5 --to 0x52…
                  hatchfarm wallet withdraw 12.5 --to 0x52… --idempotency-key rent-may
                """)

        @Argument(help: "The amount, such as 12.5.") var amount: String
        @Option(help: ArgumentHelp("The target address.", valueName: "address")) var to: String
        @Option(help: "The asset.") var asset = "USDT"
        @Option(help: "Repeating a key returns the first response instead of withdrawing again.") var idempotencyKey:
            String?
        @OptionGroup var options: CallOptions

        func run() async throws {
            let key = idempotencyKey ?? Hex.encode(World.live.random(16))
            let body: JSON = [
                "amount": .string(amount), "address": .string(to), "asset": .string(asset.uppercased()),
            ]
            let reply: JSON
            do {
                reply = try await options.open().post(
                    "/api/v1/wallet/withdraw", body, headers: [("Idempotency-Key", key)])
            } catch Failure.unreachable(let reason) {
                throw Failure.unreachable(
                    "\(reason)\nIt may have been requested. To check, repeat this with --idempotency-key \(key)"
                )
            }
            WithdrawalText.show(reply, options.json)
        }
    }

    struct WithdrawalsCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "withdrawals",
            abstract: "Lists your withdrawals, newest first, or shows one.",
            discussion: """
                EXAMPLES
                  hatchfarm wallet withdrawals
                  hatchfarm wallet withdrawals wdr_0123456789abcdef
                  HATCHFARM_API_TOKEN=… hatchfarm wallet withdrawals --all --status requested
                """)

        @Argument(help: "The withdrawal's id.") var withdrawal: String?
        @Option(help: "Only withdrawals with this status: requested, approved, paid or rejected.") var status: String?
        @Flag(help: "Those of all members (operator).") var all = false
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CallOptions

        func validate() throws {
            if withdrawal != nil, all || status != nil {
                throw ValidationError("An id can't be combined with --all or --status.")
            }
        }

        func run() async throws {
            if let withdrawal {
                let reply = try await options.open().get(WithdrawalText.path(withdrawal))
                if options.json { return Output.line(reply.text(.compact)) }
                for line in JobText.lines(reply["data"]?["withdrawal"] ?? .null) { Output.line(line) }
                return
            }
            let client = try all ? options.openAsOperator() : options.open()
            let reply = try await client.get(
                all ? "/api/v1/admin/withdrawals" : "/api/v1/wallet/withdrawals", [("status", status)] + page.query)
            if options.json { return Output.line(reply.text(.compact)) }
            page.show(table(reply["data"]?["withdrawals"]?.array ?? []), reply)
        }

        private func table(_ withdrawals: [JSON]) -> Table {
            var table =
                all
                ? Table("ID", "STATUS", "CREATED", "AMOUNT", "ASSET", "OWNER", "ADDRESS")
                : Table("ID", "STATUS", "CREATED", "AMOUNT", "ASSET", "ADDRESS")
            for one in withdrawals {
                let id = one["id"]?.string ?? ""
                let status = one["status"]?.string ?? ""
                let age = JobText.age(one["created_at"])
                let amount = one["amount"]?.string ?? ""
                let asset = one["asset"]?.string ?? ""
                let address = Output.sanitized(one["address"]?.string ?? "")
                if all {
                    table.row(id, status, age, amount, asset, one["owner_id"]?.string ?? "", address)
                } else {
                    table.row(id, status, age, amount, asset, address)
                }
            }
            return table
        }
    }
}

enum WithdrawalText {
    static func path(_ withdrawal: String) -> String { "/api/v1/wallet/withdrawals/\(Client.escape(withdrawal))" }

    /// A withdrawal's id and status, in one line.
    static func show(_ reply: JSON, _ asJSON: Bool) {
        let withdrawal = reply["data"]?["withdrawal"]
        Output.line(
            asJSON
                ? reply.text(.compact) : "\(withdrawal?["id"]?.string ?? "") \(withdrawal?["status"]?.string ?? "")")
    }
}
