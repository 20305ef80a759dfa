internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Store

/// `hatchfarm admin user …`
struct AdminUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "People who sign in by a name and a password.",
        discussion: "EXAMPLE\n  hatchfarm admin user add maya",
        subcommands: [Add.self])
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
            let password = try PasswordPrompt.ask()
            guard (1...Password.longest).contains(password.utf8.count) else {
                throw Failure.invalid("a password has 1 to \(Password.longest) bytes")
            }
            if password.count < Self.advised {
                Output.error("warning: a password of fewer than \(Self.advised) characters is soon guessed")
            }
            guard let hash = Password.hash(password) else {
                throw Failure.unreachable("there is not enough memory to hash a password")
            }
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

        /// NIST SP 800-63B, 3.1.1.2.
        private static let advised = 8
    }
}
