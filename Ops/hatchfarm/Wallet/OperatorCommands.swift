internal import ArgumentParser
internal import Bytes

/// The operator's wallet commands.
extension WalletCommand {
    struct DepositCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "deposit",
            abstract: "Books a deposit for an owner (operator).",
            discussion: """
                The reference identifies the payment: booking it twice with the same data counts once.

                EXAMPLE
                  HATCHFARM_API_TOKEN=… hatchfarm wallet deposit alice 100 --reference wire-7
                """)

        @Argument(help: "The owner.") var recipient: String
        @Argument(help: "The amount, such as 12.5.") var amount: String
        @Option(help: "A unique reference of the payment.") var reference: String
        @Option(help: "The asset.") var asset = "USDT"
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
                    + "after a deposit of \(deposit?["amount"]?.string ?? "")")
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
            abstract: "Rejects an open withdrawal, and refunds it (operator).",
            discussion: "EXAMPLE\n  hatchfarm wallet reject wdr_0123456789abcdef --reason 'no such address'")

        @Argument(help: "The withdrawal's id.") var withdrawal: String
        @Option(help: "The reason, shown to its owner.") var reason: String
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
            abstract: "Marks an approved withdrawal as paid (operator).",
            discussion: "EXAMPLE\n  hatchfarm wallet paid wdr_0123456789abcdef --txid 0x9f…")

        @Argument(help: "The withdrawal's id.") var withdrawal: String
        @Option(help: "The external transaction id.") var txid: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let path = "\(WithdrawalText.path(withdrawal))/paid"
            WithdrawalText.show(try await options.openAsOperator().post(path, ["txid": .string(txid)]), options.json)
        }
    }
}
