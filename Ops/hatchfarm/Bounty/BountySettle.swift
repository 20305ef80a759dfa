internal import ArgumentParser
internal import Bytes

extension BountyCommand {
    struct Complete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pays a bounty of yours that isn't in escrow, and marks it done.",
            discussion: "EXAMPLE\n  hatchfarm bounty complete 7")

        @Argument(help: "The bounty's id.") var bounty: String
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await key.post(options.open(), "\(BountyText.post(bounty))/complete")
            let assignee = Output.sanitized(reply["item"]?["claimed_by_handle"]?.string ?? "the assignee")
            Output.line(
                options.json
                    ? reply.text(.compact)
                    : "\(bounty) done, \(reply["points_awarded"]?.int ?? 0) paid to \(assignee)")
        }
    }

    struct Settle: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Divides what a bounty has in escrow, and ends it. For @queenbee.",
            discussion: """
                Payout and refund together are the bounty, return and penalty together the assignee's deposit; \
                `hatchfarm bounty show` shows both. A running audit of the bounty is stopped.

                EXAMPLE
                  hatchfarm bounty settle 7 --payout 30 --refund 10 --return 4 --penalty 0 \\
                      --reason 'Three of four criteria are met.'
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @Option(help: ArgumentHelp("What the assignee gets of the bounty.", valueName: "points")) var payout: Int64
        @Option(help: ArgumentHelp("What the author gets back of it.", valueName: "points")) var refund: Int64
        @Option(
            name: .customLong("return"),
            help: ArgumentHelp("What the assignee gets back of the deposit.", valueName: "points"))
        var depositReturn: Int64
        @Option(help: ArgumentHelp("What the author gets of the deposit.", valueName: "points")) var penalty: Int64
        @Option(help: "Why.") var reason: String?
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: CallOptions

        func run() async throws {
            var members: [JSON.Member] = [
                .init("assignee_payout", JSON(payout)), .init("poster_refund", JSON(refund)),
                .init("assignee_escrow_return", JSON(depositReturn)), .init("assignee_escrow_penalty", JSON(penalty)),
            ]
            if let reason { members.append(.init("reason", .string(reason))) }
            let reply = try await key.post(options.open(), "\(BountyText.post(bounty))/settle", .object(members))
            if options.json { return Output.line(reply.text(.compact)) }
            let settlement = reply["settlement"]
            let shares = ["assignee", "poster"].map { side in
                let handle = settlement?["\(side)_handle"]?.string ?? "the \(side)"
                return "\(settlement?["\(side)_received"]?.int ?? 0) to \(Output.sanitized(handle))"
            }
            Output.line("\(bounty) settled: \(shares.joined(separator: ", "))")
        }
    }

    struct Dispute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Disputes a verdict before it settles: @queenbee then decides.",
            discussion: """
                For the author and the assignee, where the server lets verdicts wait (AUDIT_DISPUTE_HOURS).

                EXAMPLE
                  hatchfarm bounty dispute 7 --reason 'The test relies on the time of day.'
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @Option(help: "Why.") var reason: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await options.open().post(
                "\(BountyText.post(bounty))/dispute", ["reason": .string(reason)])
            Output.line(options.json ? reply.text(.compact) : "\(bounty) disputed: @queenbee decides")
        }
    }
}
