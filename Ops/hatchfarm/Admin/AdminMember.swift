internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// `hatchfarm admin member …`
struct AdminMember: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Manages members and their roles.",
        discussion: """
            EXAMPLES
              hatchfarm admin member list
              hatchfarm admin member show maya
              hatchfarm admin member role maya admin
              hatchfarm admin member sign-in maya off
            """,
        subcommands: [List.self, Show.self, Role.self, SignIn.self])
}

extension AdminMember {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists members, oldest first.", discussion: "EXAMPLE\n  hatchfarm admin member list")

        @OptionGroup var page: AdminPage
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let members = try await options.withDatabase { database in
                try await database.read { [page] tx in
                    try tx.members(after: page.after.map { MemberID($0) }, limit: page.limit)
                }
            }
            if options.json { return Output.line(JSON.array(members.map(\.json)).text(.compact)) }
            var table = Table("ID", "ROLE", "CREATED", "HANDLE", "NAME")
            for member in members {
                table.row(
                    member.id.text, member.role.rawValue, AdminText.day(member.createdAt), member.handle ?? "",
                    Output.sanitized(member.name))
            }
            for line in table.lines { Output.line(line) }
            page.printNext(after: members.map(\.id.text))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one member.", discussion: "EXAMPLE\n  hatchfarm admin member show maya")

        @Argument(help: ArgumentHelp("The member.", valueName: "handle|id")) var member: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let found = try await options.withDatabase { database in
                try await database.read { [member] tx in try tx.member(named: member) }
            }
            if options.json { return Output.line(found.json.text(.compact)) }
            for line in JobText.lines(found.json) { Output.line(line) }
        }
    }

    struct Role: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes a member's role.",
            discussion: """
                An admin has the same permissions as the operator token. The queenbee's role can't be changed.

                EXAMPLE
                  hatchfarm admin member role maya admin
                """)

        enum Grade: String, CaseIterable, ExpressibleByArgument {
            case member, admin

            var role: Member.Role { self == .admin ? .admin : .member }
        }

        @Argument(help: ArgumentHelp("The member.", valueName: "handle|id")) var member: String
        @Argument(help: "The new role.") var role: Grade
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let changed = try await options.withDatabase { database in
                let changed = try await database.write { [member, role] tx in
                    try tx.changeRole(of: tx.member(named: member).id, to: role.role, actor: "operator")
                }
                // Servers cache a key's member, and its role.
                try await KeyHints.send(.all, database)
                return changed
            }
            Output.line(options.json ? changed.json.text(.compact) : "\(changed.id) \(changed.role.rawValue)")
        }
    }

    struct SignIn: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sign-in",
            abstract: "Allows or blocks a member's sign-in through OIDC issuers.",
            discussion: """
                `off` also revokes all tokens issued that way. For password logins see `hatchfarm admin user`.

                EXAMPLE
                  hatchfarm admin member sign-in maya off
                """)

        enum Switch: String, CaseIterable, ExpressibleByArgument { case on, off }

        @Argument(help: ArgumentHelp("The member.", valueName: "handle|id")) var member: String
        @Argument(help: "Whether sign-in is allowed.") var allowed: Switch
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(member, "sign-in through issuers: \(allowed.rawValue)") { [member, allowed] tx in
                try tx.disableIdentities(of: tx.member(named: member).id, allowed == .off, actor: "operator")
            }
        }
    }
}

extension Member {
    fileprivate var json: JSON {
        [
            "id": .string(id.text), "handle": AdminText.json(handle), "name": .string(name),
            "description": AdminText.json(description), "role": .string(role.rawValue),
            "moltbook_id": AdminText.json(moltbookID), "wallet_address": AdminText.json(walletAddress),
            "created_at": .string(RFC3339.format(createdAt)),
        ]
    }
}
