internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Store

/// `hatchfarm admin user …`
struct AdminUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "People who sign in by a name and a password.",
        discussion: """
            EXAMPLES
              hatchfarm admin user add maya
              hatchfarm admin user password maya
              hatchfarm admin user disable maya
            """,
        subcommands: [Add.self, Password.self, Disable.self, Enable.self])
}

extension AdminUser {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a member who signs in by this name.",
            discussion: """
                Asks for the password at the terminal, twice and without showing it; else it is the first line of \
                standard input. It is kept as an Argon2id hash.

                EXAMPLES
                  hatchfarm admin user add maya
                  pass show farm/maya | hatchfarm admin user add maya --json
                """)

        @Argument(help: "1–64 of a–z, 0–9, _ . @ + and -.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            guard Usernames.normalised(name) != nil else { throw Failure.invalid(Usernames.rule) }
            let hash = try PasswordPrompt.hash()
            let member = try await options.withDatabase { database in
                try await database.write { [name] tx in
                    try tx.addLogin(username: name, passwordHash: hash, actor: "operator")
                }
            }
            guard options.json else { return Output.line("\(member.id) \(Output.tame(member.name))") }
            Output.line(
                JSON.object([.init("id", .string(member.id.text)), .init("username", .string(member.name))])
                    .text(.compact))
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a login another password, and ends all its tokens.",
            discussion: """
                Asks for the password as `admin user add` does.

                EXAMPLE
                  hatchfarm admin user password maya
                """)

        @Argument(help: "The name that the member signs in by.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let hash = try PasswordPrompt.hash()
            try await options.change(name, "has another password") { [name] tx in
                try tx.changePassword(of: name, hash: hash, actor: "operator")
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets nobody sign in by this name, and ends all its tokens.",
            discussion: """
                Keys that the member made stay: `hatchfarm admin key list --member` shows them, and \
                `hatchfarm admin key revoke` ends them.

                EXAMPLE
                  hatchfarm admin user disable maya
                """)

        @Argument(help: "The name that the member signs in by.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(name, "is disabled") { [name] tx in
                try tx.disableLogin(name, actor: "operator")
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a disabled login in again; its old tokens stay void.",
            discussion: "EXAMPLE\n  hatchfarm admin user enable maya")

        @Argument(help: "The name that the member signs in by.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(name, "is enabled") { [name] tx in
                try tx.disableLogin(name, false, actor: "operator")
            }
        }
    }
}
