internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Store

/// `hatchfarm admin user …`
struct AdminUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Manages logins with a name and a password.",
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
            abstract: "Creates a member with a login.",
            discussion: """
                Prompts for the password on a terminal; otherwise reads the first line of standard input. It is \
                stored as an Argon2id hash.

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
            guard options.json else { return Output.line("\(member.id) \(Output.sanitized(member.name))") }
            Output.line(
                JSON.object([.init("id", .string(member.id.text)), .init("username", .string(member.name))])
                    .text(.compact))
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes a login's password, and revokes all its tokens.",
            discussion: """
                Reads the password as `admin user add` does.

                EXAMPLE
                  hatchfarm admin user password maya
                """)

        @Argument(help: "The login's name.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let hash = try PasswordPrompt.hash()
            try await options.change(name, "has a new password") { [name] tx in
                try tx.changePassword(of: name, hash: hash, actor: "operator")
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Disables a login, and revokes all its tokens.",
            discussion: """
                The member's API keys stay valid: `hatchfarm admin key list --member` lists them, and \
                `hatchfarm admin key revoke` revokes them.

                EXAMPLE
                  hatchfarm admin user disable maya
                """)

        @Argument(help: "The login's name.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(name, "is disabled") { [name] tx in
                try tx.disableLogin(name, actor: "operator")
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enables a disabled login; its old tokens stay revoked.",
            discussion: "EXAMPLE\n  hatchfarm admin user enable maya")

        @Argument(help: "The login's name.") var name: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(name, "is enabled") { [name] tx in
                try tx.disableLogin(name, false, actor: "operator")
            }
        }
    }
}
