internal import ArgumentParser
internal import Bytes

extension BountyCommand {
    struct Post: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Posts a bounty, and prints its id.",
            discussion: """
                Points, deadline, criteria and tests can't be changed later. The tests are a command that runs in \
                the root of the submitted branch, without network. With --dry-run they also run on the branch as it \
                is, so that you see what they say before anybody works on it; with --watch the verdict is awaited. \
                Machines of the author and of the assignee never audit.

                EXAMPLES
                  hatchfarm bounty post --title 'Write a guide' --points 20 \\
                      --description 'For beginners.'
                  hatchfarm bounty post --title 'Mend the parser' --points 40 \\
                      --description 'See the test.' --escrow --fcfs \\
                      --repo https://git.example/parser --tests 'pytest tests' \\
                      --dry-run --watch
                """)

        @Option(help: "The bounty's title, 1–255 characters.") var title: String
        @Option(help: "What is to be done.") var description: String
        @Option(help: "What it pays, in points.") var points: Int64
        @Flag(help: "Hold the points now, so that a verdict can pay them.") var escrow = false
        @Flag(help: "Anybody may claim it (default: you assign it).") var fcfs = false
        @Option(help: ArgumentHelp("The tests that an audit runs.", valueName: "command")) var tests: String?
        @Option(help: ArgumentHelp("The git repository.", valueName: "url")) var repo: String?
        @Option(help: "The branch (default: the repository's).") var branch: String?
        @Option(help: "What counts as done, in words.") var criteria: String?
        @Option(help: ArgumentHelp("Until when it must be submitted.", valueName: "rfc 3339")) var deadline: String?
        @Option(help: "A label.") var label: [String] = []
        @Option(help: "Priority: low, medium, high or critical (default: medium).") var priority: String?
        @Flag(help: "Also run the tests on the branch as it is.") var dryRun = false
        @Flag(help: "With --dry-run: wait for its verdict.") var watch = false
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: CallOptions

        func validate() throws {
            guard !watch || dryRun else { throw ValidationError("--watch needs --dry-run.") }
            guard !dryRun || repo != nil && tests != nil else {
                throw ValidationError("--dry-run needs --repo and --tests.")
            }
        }

        func run() async throws {
            let client = try options.open()
            let post = try await key.post(client, "/api/posts", body)
            guard let id = post["id"]?.string else { throw Failure.unexpected("the response has no id") }
            Output.line(options.json ? post.text(.compact) : id)
            guard dryRun else { return }
            let audit = try await client.post("\(BountyText.post(id))/audit-dry-run")
            guard watch, let auditID = audit["id"]?.string else {
                if options.json { Output.line(audit.text(.compact)) }
                return
            }
            try await BountyFollower(client, bounty: id, asJSON: options.json).awaitDryRun(auditID)
        }

        private var body: JSON {
            var members: [JSON.Member] = [
                .init("title", .string(title)), .init("description", .string(description)),
                .init("points", JSON(points)),
            ]
            func set(_ name: String, _ value: JSON?) {
                if let value { members.append(.init(name, value)) }
            }
            set("escrow", escrow ? true : nil)
            set("assignment_mode", fcfs ? "fcfs" : nil)
            set("tests", tests.map(JSON.string))
            set("repo_url", repo.map(JSON.string))
            set("branch", branch.map(JSON.string))
            set("acceptance_criteria", criteria.map(JSON.string))
            set("deadline", deadline.map(JSON.string))
            set("labels", label.isEmpty ? nil : .array(label.map(JSON.string)))
            set("priority", priority.map(JSON.string))
            return .object(members)
        }
    }
}
