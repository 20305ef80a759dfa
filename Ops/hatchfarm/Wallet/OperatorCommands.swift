internal import ArgumentParser
internal import Bytes

/// The operator's side of the wallet.
extension WalletCommand {
    struct DepositCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "deposit",
            abstract: "Books money that came in for an owner (operator).",
            discussion: """
                The reference is the payment's own name: booked twice with the same data, it counts once.

                EXAMPLE
                  HATCHFARM_API_TOKEN=… hatchfarm wallet deposit alice 100 --reference wire-7
                """)

        @Argument(help: "Whose it is.") var recipient: String
        @Argument(help: "A decimal: 12.5.") var amount: String
        @Option(help: "The payment's own name, unique.") var reference: String
        @Option(help: "What it is in.") var asset = "USDT"
        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await options.openAsOperator().post(
                "/api/v1/wallet/deposits",
                [
                    "owner_id": .string(recipient), "asset": .string(asset.uppercased()), "amount": .string(amount),
                    "reference": .string(reference),
                ])
            if options.json { return Output.line(reply.text(.compact)) }
            let deposit = reply["data"]?["deposit"]
            Output.line(
                "\(recipient) has \(deposit?["balance_after"]?.string ?? "") \(deposit?["asset"]?.string ?? "") "
                    + "after \(deposit?["amount"]?.string ?? "")")
        }
    }

    struct ApproveCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "approve",
            abstract: "Approves a requested withdrawal (operator).",
            discussion: "EXAMPLE\n  hatchfarm wallet approve wdr_0123456789abcdef")

        @Argument(help: "The withdrawal's id.") var withdrawal: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let path = "\(WithdrawalText.path(withdrawal))/approve"
            WithdrawalText.show(try await options.openAsOperator().post(path), options.json)
        }
    }

    struct RejectCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reject",
            abstract: "Rejects an open withdrawal; its money goes back (operator).",
            discussion: "EXAMPLE\n  hatchfarm wallet reject wdr_0123456789abcdef --reason 'no such address'")

        @Argument(help: "The withdrawal's id.") var withdrawal: String
        @Option(help: "Why, for its owner.") var reason: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let path = "\(WithdrawalText.path(withdrawal))/reject"
            WithdrawalText.show(
                try await options.openAsOperator().post(path, ["reason": .string(reason)]), options.json)
        }
    }

    struct PaidCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "paid",
            abstract: "Says that an approved withdrawal was paid outside (operator).",
            discussion: "EXAMPLE\n  hatchfarm wallet paid wdr_0123456789abcdef --txid 0x9f…")

        @Argument(help: "The withdrawal's id.") var withdrawal: String
        @Option(help: "The payment's name outside.") var txid: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let path = "\(WithdrawalText.path(withdrawal))/paid"
            WithdrawalText.show(try await options.openAsOperator().post(path, ["txid": .string(txid)]), options.json)
        }
    }
}
