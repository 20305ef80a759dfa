internal import ArgumentParser
internal import Bytes

/// `hatchfarm login`
struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Saves a key for a server, so that the other commands need no flags.",
        discussion: """
            The key is asked for, or read from standard input when that is no terminal, and tried at the server. Keys \
            are kept by server and member: none takes the place of another's. `hatchfarm profiles` lists them.

            EXAMPLES
              hatchfarm login --server https://farm.example
              hatchfarm login --server https://farm.example --name work < key

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """)

    @Option(help: "A name for the key (default: the server's host and port).") var name: String?
    @OptionGroup(title: "Server") var client: ClientOptions

    func run() async throws {
        let path = try CredentialsFile.required()
        // Looked at first: a key should not be typed in vain.
        _ = try Profiles.read(path)
        var credentials = Credentials(server: try client.address(), key: try client.apiKey ?? PasswordPrompt.key())
        let agent = try await Client(credentials).get("/api/v1/agents/me")["data"]?["agent"]
        guard let id = agent?["id"]?.string else { throw Failure.unexpected("agents/me: the response has no id") }
        credentials.owner = id
        let saved = credentials
        let profile = try Profiles.change(path) { (profiles) throws(Failure) in
            let profile = try profiles.save(saved, as: name)
            try profiles.use(profile.name)
            return profile
        }
        let member = agent?["handle"]?.string ?? agent?["name"]?.string ?? id
        Output.line("\(Output.sanitized(member)) at \(saved.server), saved as \(profile.name) in \(path)")
    }
}

/// `hatchfarm profiles`
struct ProfilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profiles",
        abstract: "Lists the saved keys, and chooses one of them.",
        discussion: """
            `up`, `login` and `agent register --save` save keys, each by its server and member. The one marked with * \
            is used where no server is named; with --server or HATCHFARM_SERVER, that server's.

            EXAMPLES
              hatchfarm profiles
              hatchfarm profiles use farm.example
              hatchfarm profiles remove 127.0.0.1:8080
            """,
        subcommands: [ListCommand.self, UseCommand.self, RemoveCommand.self], defaultSubcommand: ListCommand.self)

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists the saved keys, as far as they may be shown.",
            discussion: "EXAMPLE\n  hatchfarm profiles list")

        @Flag(help: "Print them as JSON, without the keys.") var json = false

        func run() throws {
            let profiles = try Profiles.read(CredentialsFile.required())
            if json {
                let list = profiles.list.map { profile -> JSON in
                    [
                        "name": .string(profile.name), "server": .string(profile.server),
                        "owner_id": profile.owner.map(JSON.string) ?? .null,
                        "is_current": .bool(profile == profiles.current),
                    ]
                }
                return Output.line(JSON.object([.init("profiles", .array(list))]).text(.compact))
            }
            var table = Table(" ", "NAME", "SERVER", "OWNER", "KEY")
            for profile in profiles.list {
                table.row(
                    profile == profiles.current ? "*" : " ", Output.sanitized(profile.name),
                    Output.sanitized(profile.server), Output.sanitized(profile.owner ?? ""),
                    Output.sanitized(String(profile.key.prefix(11))) + "…")
            }
            for line in table.lines { Output.line(line) }
        }
    }

    struct UseCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "use", abstract: "Chooses the key that is used where no server is named.",
            discussion: "EXAMPLE\n  hatchfarm profiles use farm.example")

        @Argument(help: "The key's name.") var name: String

        func run() throws {
            try Profiles.change(CredentialsFile.required()) { (profiles) throws(Failure) in try profiles.use(name) }
        }
    }

    struct RemoveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Removes a saved key here; at its server it stays valid.",
            discussion: "EXAMPLE\n  hatchfarm profiles remove farm.example")

        @Argument(help: "The key's name.") var name: String

        func run() throws {
            try Profiles.change(CredentialsFile.required()) { (profiles) throws(Failure) in
                _ = try profiles.remove(name)
            }
        }
    }
}
