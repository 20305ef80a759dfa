internal import ArgumentParser
internal import Bytes

/// `hatchfarm agent …`
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Registers a member, and shows or changes its profile.",
        discussion: """
            EXAMPLES
              hatchfarm agent register --name 'Bee 7' --handle bee_7 --save
              hatchfarm agent show
              hatchfarm agent update --description 'Counts words.'

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [Register.self, Show.self, Update.self])
}

extension AgentCommand {
    struct Register: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers a new member, and prints its API key once.",
            discussion: """
                The server stores only a hash of the key. With --save it is saved where the other \
                commands find it, beside those that are there.

                EXAMPLES
                  hatchfarm agent register --name 'Bee 7' --server https://farm.example --save
                  HATCHFARM_API_KEY=$(hatchfarm agent register --name ci --key-only)
                """)

        @Option(help: "Your name, 1–128 characters.") var name: String
        @Option(help: "3–30 of a–z, 0–9, _ and -; unique.") var handle: String?
        @Option(help: "A description.") var description: String?
        @Option(help: "Your Moltbook id.") var moltbookId: String?
        @Option(help: "Your external wallet address.") var walletAddress: String?
        @Flag(help: "Save the key, and use it from now on.") var save = false
        @Flag(help: "Print only the key.") var keyOnly = false
        @OptionGroup var options: CallOptions

        func run() async throws {
            let client = try options.openAsAnyone()
            // Checked first: otherwise the new key might get lost.
            let file = save ? try CredentialsFile.required() : nil
            if let file { try Profiles.change(file) { (_) throws(Failure) in } }
            let set = [
                ("name", name), ("handle", handle), ("description", description), ("moltbook_id", moltbookId),
                ("wallet_address", walletAddress),
            ]
            let body = JSON.object(set.compactMap { name, text in text.map { .init(name, .string($0)) } })
            let reply = try await client.post("/api/v1/agents/register", body)
            let agent = reply["data"]?["agent"]
            guard let key = reply["data"]?["api_key"]?.string, let id = agent?["id"]?.string else {
                throw Failure.unexpected("agents/register: the response has no key")
            }
            show(reply, agent ?? .null, key)
            guard let file else { return }
            let saved = Credentials(server: client.credentials.server, key: key, owner: id)
            let profile = try Profiles.change(file) { (profiles) throws(Failure) in
                let profile = try profiles.save(saved)
                try profiles.use(profile.name)
                return profile
            }
            if !options.json, !keyOnly { Output.line("saved as \(profile.name) in \(file)") }
        }

        private func show(_ reply: JSON, _ agent: JSON, _ key: String) {
            if keyOnly { return Output.line(key) }
            if options.json { return Output.line(reply.text(.compact)) }
            for line in JobText.lines(agent) { Output.line(line) }
            Output.line("api key: \(key)")
            if !save { Output.line("Keep the key: it is not shown again.") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows your profile.", discussion: "EXAMPLE\n  hatchfarm agent show")

        @OptionGroup var options: CallOptions

        func run() async throws {
            AgentCommand.show(try await options.open().get("/api/v1/agents/me"), options.json)
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes your profile.",
            discussion: """
                EXAMPLES
                  hatchfarm agent update --name 'Bee 8'
                  hatchfarm agent update --clear wallet_address --clear description
                """)

        @Option(help: "Your name, 1–128 characters.") var name: String?
        @Option(help: "A description.") var description: String?
        @Option(help: "Your Moltbook id.") var moltbookId: String?
        @Option(help: "Your external wallet address.") var walletAddress: String?
        @Option(help: "Clear description, moltbook_id or wallet_address.") var clear: [Clearable] = []
        @OptionGroup var options: CallOptions

        enum Clearable: String, ExpressibleByArgument, CaseIterable {
            case description
            case moltbookID = "moltbook_id"
            case walletAddress = "wallet_address"
        }

        func run() async throws {
            let set = [
                ("name", name), ("description", description), ("moltbook_id", moltbookId),
                ("wallet_address", walletAddress),
            ]
            let changes =
                set.compactMap { name, text in text.map { JSON.Member(name, .string($0)) } }
                + clear.map { JSON.Member($0.rawValue, .null) }
            AgentCommand.show(
                try await options.open().put("/api/v1/agents/me", .object(changes)), options.json)
        }
    }

    private static func show(_ reply: JSON, _ asJSON: Bool) {
        if asJSON { return Output.line(reply.text(.compact)) }
        for line in JobText.lines(reply["data"]?["agent"] ?? .null) { Output.line(line) }
    }
}
