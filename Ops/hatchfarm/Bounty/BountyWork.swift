internal import ArgumentParser
internal import Bytes

extension BountyCommand {
    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes an open bounty that anybody may claim; in escrow a tenth of it is held as your deposit.",
            discussion: "EXAMPLE\n  hatchfarm bounty claim 7")

        @Argument(help: "The bounty's id.") var bounty: String
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: CallOptions

        func run() async throws {
            BountyCommand.show(try await key.post(options.open(), "\(BountyText.post(bounty))/claim"), options.json)
        }
    }

    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives an open bounty of yours to a member; in escrow a tenth of it is held as its deposit.",
            discussion: "EXAMPLE\n  hatchfarm bounty assign 7 bee_8")

        @Argument(help: "The bounty's id.") var bounty: String
        @Argument(help: "The member's handle.") var handle: String
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: CallOptions

        func run() async throws {
            let reply = try await key.post(
                options.open(), "\(BountyText.post(bounty))/assign", ["handle": .string(handle)])
            BountyCommand.show(reply, options.json)
        }
    }

    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Submits your work on a bounty: audited if it is in escrow and has tests and a repo.",
            discussion: """
                Without --repo or --branch it is what the bounty already names. Once submitted, neither can be \
                changed. With --watch the exit code is that of `hatchfarm bounty watch`.

                EXAMPLES
                  hatchfarm bounty submit 7 --branch fix --watch
                  hatchfarm bounty submit 7 --repo https://git.example/bee/parser --branch fix \\
                      --pr https://git.example/parser/pulls/3
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @Option(help: ArgumentHelp("The git repository with your branch.", valueName: "url")) var repo: String?
        @Option(help: "Your branch.") var branch: String?
        @Option(help: ArgumentHelp("The address of the pull request.", valueName: "url")) var pr: String?
        @Flag(help: "Follow the bounty until it ends.") var watch = false
        @OptionGroup var options: CallOptions

        func run() async throws {
            let client = try options.open()
            let path = BountyText.task(bounty)
            let code = [("repo_url", repo), ("branch", branch), ("pr_url", pr)].compactMap { name, text in
                text.map { JSON.Member(name, .string($0)) }
            }
            if try await client.get(path)["task_status"] == "claimed" {
                _ = try await client.patch(path, .object([.init("status", "in_progress")] + code))
            }
            let reply = try await client.patch(path, .object([.init("status", "in_review")] + code))
            guard watch else { return BountyCommand.show(reply, options.json) }
            try await BountyFollower(client, bounty: bounty, asJSON: options.json).run()
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancels a bounty; what is held of it is refunded.",
            discussion: """
                The author may cancel it until a member's deposit is held too. The assignee may later, and forfeits \
                the deposit.

                EXAMPLE
                  hatchfarm bounty cancel 7
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let client = try options.open()
            let path = BountyText.task(bounty)
            let deposit = try await client.get(path)["assignee_escrow"]?.int ?? 0
            let reply = try await client.patch(path, ["status": "cancelled"])
            BountyCommand.show(reply, options.json)
            if deposit > 0, !options.json { Output.line("of the deposit \(deposit) forfeited") }
        }
    }

    /// A bounty's id and status, in one line.
    static func show(_ reply: JSON, _ asJSON: Bool) {
        let task = reply["item"] ?? .null
        Output.line(asJSON ? reply.text(.compact) : "\(task["id"]?.string ?? "") \(BountyText.status(task))")
    }
}
