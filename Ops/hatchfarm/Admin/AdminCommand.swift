internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// `hatchfarm admin …`
struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin",
        abstract: "Manages members, keys, roles and logins, directly in the database; makes customers' tokens.",
        discussion: """
            Works on DATABASE_URL, whether servers are running or not, and migrates it first. Changes take effect in \
            running servers immediately with PostgreSQL, and within two seconds with SQLite. Each change is an \
            event in the member's audit log, with the actor `operator`.

            EXAMPLES
              hatchfarm admin key queenbee
              hatchfarm admin key list --member maya
              hatchfarm admin member role maya admin
              hatchfarm admin user add maya
              hatchfarm admin user disable maya
              hatchfarm admin customer token --customer acme
              hatchfarm admin inkling ban 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c

            \(Failure.exitCodes)
            """,
        subcommands: [AdminKey.self, AdminMember.self, AdminUser.self, AdminCustomer.self, AdminInkling.self])
}

/// The page of a list.
struct AdminPage: ParsableArguments {
    @Option(help: "Maximum number of entries, 1–10000.") var limit = 100
    @Option(help: ArgumentHelp("Continue after this id.", valueName: "id")) var after: String?

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be 1–10000.") }
    }

    /// Prints how to continue, if there may be more.
    func printNext(after ids: [String]) {
        if ids.count == limit, let last = ids.last { Output.line("more: --after \(last)") }
    }
}

/// The options of every admin command.
struct AdminOptions: ParsableArguments {
    @Flag(help: "Print JSON.") var json = false

    /// Runs `body` on the database, and translates its errors.
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
            throw Failure.refused("this \(field) is already taken")
        } catch let error as DatabaseError {
            switch error {
            case .busy, .unavailable, .full:
                throw Failure.unreachable("the database is temporarily unavailable: \(error)")
            default: throw Failure.unexpected("database error: \(error)")
            }
        }
    }
}

extension AdminOptions {
    /// Makes a change, invalidates the login caches of running servers, and prints the new state.
    func change(_ name: String, _ state: String, _ body: @escaping @Sendable (Transaction) throws -> Void) async throws
    {
        try await withDatabase { database in
            try await database.write(body)
            try await KeyHints.send(.all, database)
        }
        let reply: JSON = ["name": .string(name), "done": .string(state)]
        Output.line(json ? reply.text(.compact) : "\(Output.sanitized(name)) \(state)")
    }
}

extension Transaction {
    /// Finds a member by id, or else by handle.
    func member(named name: String) throws -> Member {
        if let member = try member(MemberID(name)) ?? member(handle: name.lowercased()) { return member }
        throw Refusal.notFound("member")
    }
}
