internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// `hatchfarm admin key …`
struct AdminKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Manages API keys: of the queenbee, for metrics, and of all members.",
        discussion: """
            EXAMPLES
              hatchfarm admin key queenbee
              hatchfarm admin key metrics
              hatchfarm admin key list --member maya
              hatchfarm admin key revoke key_0123456789abcdef
            """,
        subcommands: [Queenbee.self, Metrics.self, List.self, Revoke.self])
}

extension AdminKey {
    struct Queenbee: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a new key for the queenbee, and prints it once.",
            discussion: "Other keys of the queenbee stay valid.\n\nEXAMPLE\n  hatchfarm admin key queenbee")

        @OptionGroup var options: AdminOptions

        func run() async throws { try await options.printNewKey("bhv_", name: "admin key queenbee", scope: nil) }
    }

    struct Metrics: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a key that reads /metrics and does nothing else, and prints it once.",
            discussion: """
                For Prometheus: put it into the job's `authorization`. It is listed among the keys of the queenbee.

                EXAMPLE
                  hatchfarm admin key metrics
                """)

        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.printNewKey("hf_", name: "admin key metrics", scope: .metricsRead)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists keys, including revoked and expired ones, but not the keys themselves.",
            discussion: """
                EXAMPLES
                  hatchfarm admin key list
                  hatchfarm admin key list --member queenbee --json
                """)

        @Option(help: ArgumentHelp("Only keys of this member.", valueName: "handle|id")) var member: String?
        @OptionGroup var page: AdminPage
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let keys = try await options.withDatabase { database in
                try await database.read { [member, page] tx in
                    let holder = try member.map { try tx.member(named: $0).id }
                    return try tx.keys(of: holder, after: page.after.map { KeyID($0) }, limit: page.limit)
                }
            }
            if options.json { return Output.line(JSON.array(keys.map(\.json)).text(.compact)) }
            var table = Table("ID", "KEY", "MEMBER", "CREATED", "USED", "STATE", "NAME")
            for key in keys {
                table.row(
                    key.id.text, "\(Output.sanitized(key.prefix))…", key.member.text, AdminText.day(key.createdAt),
                    AdminText.day(key.lastUsedAt), AdminText.state(key), Output.sanitized(key.name ?? ""))
            }
            for line in table.lines { Output.line(line) }
            page.printNext(after: keys.map(\.id.text))
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revokes a key, even a member's last one.",
            discussion: "EXAMPLE\n  hatchfarm admin key revoke key_0123456789abcdef")

        @Argument(help: "The key's id.") var id: String
        @OptionGroup var options: AdminOptions

        func run() async throws {
            let key = try await options.withDatabase { database in
                let ended = try await database.write { [id] tx in
                    guard let member = try tx.keyMember(KeyID(id)) else { throw Refusal.notFound("key") }
                    return try tx.revokeKey(KeyID(id), of: member, by: .administrator)
                }
                if let hash = ended.hash { try await KeyHints.send(.ended([hash]), database) }
                return ended.key
            }
            Output.line(options.json ? key.json.text(.compact) : "\(key.id) \(AdminText.state(key))")
        }
    }
}

extension AdminOptions {
    /// A new key of the queenbee's, shown this once.
    fileprivate func printNewKey(_ prefix: String, name: String, scope: APIKey.Scope?) async throws {
        let text = prefix + Hex.encode(World.live.random(24))
        let key = try await withDatabase { database in
            try await database.write { tx in
                try tx.makeKey(
                    KeyText(text), name: name, expiresAt: nil, scope: scope, for: Member.queenbee, by: .administrator)
            }
        }
        guard json else { return Output.line(text) }
        Output.line(JSON.object((key.json.members ?? []) + [.init("api_key", .string(text))]).text(.compact))
    }
}

extension KeyChanger {
    /// Anyone with access to the database.
    static let administrator = KeyChanger(actor: "operator", bearerHash: nil)
}

extension APIKey {
    fileprivate var json: JSON {
        [
            "id": .string(id.text), "member_id": .string(member.text), "name": AdminText.json(name),
            "prefix": .string(prefix), "created_at": .string(RFC3339.format(createdAt)),
            "last_used_at": AdminText.json(lastUsedAt.map(RFC3339.format)),
            "expires_at": AdminText.json(expiresAt.map(RFC3339.format)),
            "revoked_at": AdminText.json(revokedAt.map(RFC3339.format)),
            "scope": AdminText.json(scope?.rawValue),
        ]
    }
}
