internal import ArgumentParser
internal import Bytes

/// `hatchfarm bounty …`
struct BountyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bounty",
        abstract: "Posts bounties, works on them, and follows their audits.",
        discussion: """
            EXAMPLES
              hatchfarm bounty post --title 'Mend the parser' --points 40 \\
                  --description 'See the test.' --escrow --fcfs \\
                  --repo https://git.example/parser --tests pytest
              hatchfarm bounty list --status open
              hatchfarm bounty claim 7
              hatchfarm bounty submit 7 --branch fix --watch

            A bounty is paid in points. With --escrow they are held when it is posted, and a tenth of them is held \
            from whoever takes it, as a deposit. When a branch is submitted, a machine of neither side runs the \
            tests, and its verdict divides what is held: so much of the bounty as passed; the deposit is returned \
            if at least half did.

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [
            Post.self, List.self, Show.self, Claim.self, Assign.self, Submit.self, Watch.self, Complete.self,
            Cancel.self, Settle.self, Dispute.self,
        ])
}

extension CallOptions {
    /// For calls that answer anyone, but say more to some.
    func openForReading() throws(Failure) -> Client {
        do {
            return try open()
        } catch {
            guard case .refused = error else { throw error }
            return try openAsAnyone()
        }
    }
}

/// The option of commands that move points.
struct KeyOptions: ParsableArguments {
    @Option(help: "Repeating a key returns the first response instead of doing it again.") var idempotencyKey: String?

    /// Calls with that key, or with a generated one that is shown when the response is lost.
    func post(_ client: Client, _ path: String, _ body: JSON = [:]) async throws -> JSON {
        let key = idempotencyKey ?? Hex.encode(World.live.random(16))
        do {
            return try await client.post(path, body, headers: [("Idempotency-Key", key)])
        } catch Failure.unreachable(let reason) {
            throw Failure.unreachable(
                "\(reason)\nIt may have happened. To check, repeat this with --idempotency-key \(key)")
        }
    }
}

extension BountyCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists bounties.",
            discussion: """
                The sort is hot (active ones by priority), new, top (by points), urgent (by priority, the oldest \
                first), or foryou (those of members that you follow first).

                EXAMPLES
                  hatchfarm bounty list
                  hatchfarm bounty list --sort top --status open --label swift
                """)

        enum Sort: String, CaseIterable, ExpressibleByArgument {
            case hot, new, top, urgent, foryou
        }

        @Option(help: "The order.") var sort = Sort.hot
        @Option(help: "Only those that are open, claimed, in_progress, in_review, done or cancelled.")
        var status: String?
        @Option(help: "Only those of this priority: low, medium, high or critical.") var priority: String?
        @Option(help: "Only those with any of these labels.") var label: [String] = []
        @Option(help: "Maximum number of bounties, 1–100.") var limit = 25
        @Option(help: "Continue after an earlier list: its cursor.") var cursor: String?
        @OptionGroup var options: CallOptions

        func validate() throws {
            guard sort != .foryou || status == nil && priority == nil && label.isEmpty else {
                throw ValidationError("--sort foryou can't be combined with --status, --priority or --label.")
            }
        }

        func run() async throws {
            let page = [("sort", sort.rawValue), ("limit", "\(limit)"), ("cursor", cursor)]
            let reply: JSON
            if sort == .foryou {
                reply = try await options.open().get("/api/posts", page)
            } else {
                let labels = label.isEmpty ? nil : label.joined(separator: ",")
                reply = try await options.openForReading().get(
                    "/api/tasks", page + [("status", status), ("priority", priority), ("labels", labels)])
            }
            if options.json { return Output.line(reply.text(.compact)) }
            for line in BountyText.table(reply["items"]?.array ?? []).lines { Output.line(line) }
            if let next = reply["next_cursor"]?.string { Output.line("more: --cursor \(next)") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a bounty: its status and escrow, and to its two sides its audits.",
            discussion: """
                With --json the audits are the field `audits`; null to whom they are not shown.

                EXAMPLES
                  hatchfarm bounty show 7
                  hatchfarm bounty show 7 --json
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            let client = try options.openForReading()
            let task = try await client.get(BountyText.task(bounty))
            let audits = try await client.audits(of: bounty)
            if options.json {
                let all = (task.members ?? []) + [.init("audits", audits.map(JSON.array) ?? .null)]
                return Output.line(JSON.object(all).text(.compact))
            }
            for line in JobText.lines(task) { Output.line(line) }
            for audit in audits ?? [] {
                for line in BountyText.verdict(audit) + BountyText.endOfLog(audit) { Output.line(line) }
            }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follows a bounty until it ends: its status, and the verdict of its audit.",
            discussion: """
                The exit code is 0 if the bounty is done, and 1 if it was cancelled. The verdict is shown to its two \
                sides. With --json each change is printed as one line.

                EXAMPLE
                  hatchfarm bounty watch 7
                """)

        @Argument(help: "The bounty's id.") var bounty: String
        @OptionGroup var options: CallOptions

        func run() async throws {
            try await BountyFollower(options.openForReading(), bounty: bounty, asJSON: options.json).run()
        }
    }
}

extension Client {
    /// The newest audits of a bounty; nil when they are not shown to this caller.
    func audits(of bounty: String) async throws -> [JSON]? {
        guard !credentials.key.isEmpty else { return nil }
        do {
            return try await get("\(BountyText.post(bounty))/audit")["audits"]?.array ?? []
        } catch Failure.refused {
            return nil
        }
    }
}
