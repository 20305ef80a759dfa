internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// `hatchfarm admin …`
struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Looks after members, keys, roles and logins, straight in the database.",
        discussion: """
            Works on DATABASE_URL, whether servers are up or not, and brings it up to date first. What it ends or \
            changes holds in running servers at once on PostgreSQL, and within two seconds on SQLite. Each change is \
            an event of the member's audit log, by the actor `operator`.

            EXAMPLES
              hatchfarm admin key queenbee
              hatchfarm admin key list --member maya
              hatchfarm admin member role maya admin
              hatchfarm admin user add maya
              hatchfarm admin user disable maya

            \(Failure.exitCodes)
            """,
        subcommands: [AdminKey.self, AdminMember.self, AdminUser.self])
}

/// Which part of a list is shown.
struct AdminPage: ParsableArguments {
    @Option(help: "How many, 1–10000.") var limit = 100
    @Option(help: ArgumentHelp("The last id of an earlier list.", valueName: "id")) var after: String?

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be 1–10000.") }
    }

    /// Says how to go on, when there may be more than these.
    func tellMore(after ids: [String]) {
        if ids.count == limit, let last = ids.last { Output.line("more: --after \(last)") }
    }
}

/// What every admin command takes.
struct AdminOptions: ParsableArguments {
    @Flag(help: "JSON, for programs.") var json = false

    /// Runs `body` on the database, and says in a command's words why it could not.
    func withDatabase<Answer>(_ body: (Database) async throws -> Answer) async throws -> Answer {
        do {
            return try await Composition.withDatabase(Settings(), body)
        } catch Refusal.notFound(let what) {
            throw Failure.notFound("\(what) not found")
        } catch Refusal.wrongState(let reason) {
            throw Failure.refused(reason)
        } catch Refusal.invalid(let field, let message) {
            throw Failure.invalid("\(field) \(message)")
        } catch Refusal.taken(let field) {
            throw Failure.refused("this \(field) is taken")
        } catch let error as DatabaseError {
            switch error {
            case .busy, .unavailable, .full: throw Failure.unreachable("the database cannot serve now: \(error)")
            default: throw Failure.unexpected("the database: \(error)")
            }
        }
    }
}

extension AdminOptions {
    /// Changes what running servers remember for a moment of logins, tells them, and says what is so now.
    func change(_ who: String, _ now: String, _ body: @escaping @Sendable (Transaction) throws -> Void) async throws {
        try await withDatabase { database in
            try await database.write(body)
            try await KeyHints.send(.all, database)
        }
        let said: JSON = ["name": .string(who), "done": .string(now)]
        Output.line(json ? said.text(.compact) : "\(Output.tame(who)) \(now)")
    }
}

extension Transaction {
    /// The member of this id or, when there is none, of this handle.
    func member(named name: String) throws -> Member {
        if let member = try member(MemberID(name)) ?? member(handle: name.lowercased()) { return member }
        throw Refusal.notFound("member")
    }
}
