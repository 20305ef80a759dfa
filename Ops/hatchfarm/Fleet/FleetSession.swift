internal import ArgumentParser
internal import Bytes

extension FleetCommand {
    struct Session: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Opens, shows and ends sessions, in which a device's commands are kept together.",
            discussion: """
                A session lives for an hour; a device has one at a time. In a remediation session each command waits \
                for `hatchfarm fleet approve`.

                EXAMPLES
                  hatchfarm fleet session open press-7 --type remediation
                  hatchfarm fleet session show 0192…
                  hatchfarm fleet session end 0192…
                """,
            subcommands: [Open.self, Show.self, End.self])
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Approves a command of a remediation session, or rejects it.",
            discussion: """
                EXAMPLES
                  hatchfarm fleet approve 0192… 0193…
                  hatchfarm fleet approve 0192… 0193… --reject --reason 'Not during the shift.'
                """)

        @Argument(help: "The session's id.") var session: String
        @Argument(help: "The command's id.") var command: String
        @Flag(help: "Reject it.") var reject = false
        @Option(help: "Why.") var reason: String?
        @OptionGroup var options: FleetOptions

        func run() async throws {
            var members: [JSON.Member] = [.init("commandId", .string(command)), .init("approved", .bool(!reject))]
            if let reason { members.append(.init("reason", .string(reason))) }
            let reply = try await options.open().post("\(FleetText.session(session))/approve", .object(members))
            options.show(reply, ["\(command) \(FleetText.field(reply["command"]?["status"]))"])
        }
    }
}

extension FleetCommand.Session {
    struct Open: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Opens a session, and prints its id.",
            discussion: """
                EXAMPLES
                  hatchfarm fleet session open press-7
                  hatchfarm fleet session open press-7 --type remediation --description 'Paper jam'
                """)

        enum Kind: String, CaseIterable, ExpressibleByArgument { case diagnostic, remediation }

        @Argument(help: "The device's id.") var device: String
        @Option(help: "Whether its commands wait for approval (remediation).") var type = Kind.diagnostic
        @Option(help: "What it is about.") var description: String?
        @OptionGroup var options: FleetOptions

        func run() async throws {
            var members: [JSON.Member] = [
                .init("deviceId", .string(device)), .init("type", .string(type.rawValue)),
            ]
            if let description { members.append(.init("description", .string(description))) }
            let reply = try await options.open().post("/api/v1/customer/sessions", .object(members))
            options.show(reply, [FleetText.field(reply["session"]?["id"])])
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a session and its commands.", discussion: "EXAMPLE\n  hatchfarm fleet session show 0192…")

        @Argument(help: "The session's id.") var session: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().get(FleetText.session(session))
            options.show(reply, FleetText.sessionLines(reply["session"] ?? .null))
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends a session; what still waits for approval is cancelled.",
            discussion: "EXAMPLE\n  hatchfarm fleet session end 0192…")

        @Argument(help: "The session's id.") var session: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().post("\(FleetText.session(session))/end")
            options.show(reply, ["\(session) ended"])
        }
    }
}
