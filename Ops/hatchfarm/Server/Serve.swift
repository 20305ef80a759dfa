internal import ArgumentParser
internal import Logging

/// `hatchfarm serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves the API and runs the scheduler.",
        discussion: """
            Migrates the database, serves, and drains on SIGTERM or Ctrl-C: /readyz fails immediately, requests \
            in flight finish, nothing is lost. Several servers may share one PostgreSQL.

            EXAMPLES
              hatchfarm serve
              HOST=0.0.0.0 DATABASE_URL=postgres://hatch@db/hatch hatchfarm serve

            \(Variables.help(for: .server))
            """)

    func run() async throws {
        let settings = try Settings()
        let server = try await Composition.open(settings, logger: try Logger.start(settings, otherwise: .notice))
        if settings.operatorToken == nil {
            Output.error(
                "warning: HATCHFARM_API_TOKEN is not set; until the next start it is \(server.operatorToken)"
            )
        }
        if settings.signIn.tokenSecrets.isEmpty {
            Output.error("warning: JWT_SECRET is not set; tokens of logins become invalid when this process ends")
        }
        try await server.serve { port in
            Output.line(
                "hatchfarm \(Version.text) listening on \(settings.url(port: port)), database \(settings.shownDatabase)"
            )
        }
    }
}

/// `hatchfarm migrate`
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Migrates the database to the current schema.",
        discussion: """
            Servers do this themselves when they start; use this to do it beforehand. Safe to run while servers \
            are up, and in several processes at once.

            EXAMPLE
              DATABASE_URL=postgres://hatch@db/hatch hatchfarm migrate

            \(Variables.help(for: .server))
            """)

    func run() async throws {
        let settings = try Settings()
        let steps = try await Composition.migrate(settings)
        for step in steps { Output.line("applied \(step)") }
        Output.line("\(settings.shownDatabase) is up to date")
    }
}
