internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// `hatchfarm admin member …`
struct AdminMember: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Members and their roles.",
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
            abstract: "Lists members, the oldest first.", discussion: "EXAMPLE\n  hatchfarm admin member list")

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
                    Output.tame(member.name))
            }
            for line in table.lines { Output.line(line) }
            page.tellMore(after: members.map(\.id.text))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows one member.", discussion: "EXAMPLE\n  hatchfarm admin member show maya")

        @Argument(help: ArgumentHelp("Whom.", valueName: "handle|id")) var member: String
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
            abstract: "Makes a member an admin, or an admin a member.",
            discussion: """
                An admin may do what the operator's token may. The queenbee's role stays as it is.

                EXAMPLE
                  hatchfarm admin member role maya admin
                """)

        enum Grade: String, CaseIterable, ExpressibleByArgument {
            case member, admin

            var role: Member.Role { self == .admin ? .admin : .member }
        }

        @Argument(help: ArgumentHelp("Whom.", valueName: "handle|id")) var member: String
        @Argument(help: "What it becomes.") var role: Grade
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let changed = try await options.withDatabase { database in
                let changed = try await database.write { [member, role] tx in
                    try tx.changeRole(of: tx.member(named: member).id, to: role.role, actor: "operator")
                }
                // Servers remember whom a key belongs to, and the role with it.
                try await KeyHints.send(.all, database)
                return changed
            }
            Output.line(options.json ? changed.json.text(.compact) : "\(changed.id) \(changed.role.rawValue)")
        }
    }

    struct SignIn: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sign-in",
            abstract: "Stops or lets a member sign in by the word of OIDC issuers.",
            discussion: """
                Off ends all tokens that came of it. Logins by a password are `hatchfarm admin user`'s.

                EXAMPLE
                  hatchfarm admin member sign-in maya off
                """)

        enum Switch: String, CaseIterable, ExpressibleByArgument { case on, off }

        @Argument(help: ArgumentHelp("Whom.", valueName: "handle|id")) var member: String
        @Argument(help: "Whether the member may.") var allowed: Switch
        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.change(member, "signs in by issuers: \(allowed.rawValue)") { [member, allowed] tx in
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
