internal import ArgumentParser
internal import Bytes

extension FleetCommand {
    struct Send: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sends a command to a device, or to all of them at a rate.",
            discussion: """
                Prints the command's id and status. With --wait it follows the command, prints what the device \
                reports, and the exit code is 1 unless it completed.

                With --all it goes through all devices that are registered and not suspended, sends so many commands a \
                minute, and watches how they end. When at least 5 have ended, and of those more than --abort-above \
                failed, it stops, cancels those of its commands that no device has taken yet, and the exit code is 1. \
                After the last command it watches on for --watch-minutes.

                EXAMPLES
                  hatchfarm fleet send press-7 ping --parameters '{"n":1}' --wait
                  hatchfarm fleet send press-7 run_script --parameters '{"name":"logs"}' --session 0192…
                  hatchfarm fleet send --all system_info --per-minute 50 --abort-above 5%
                """)

        @Argument(help: ArgumentHelp("The device's id; not with --all.", valueName: "device")) var first: String
        @Argument(help: ArgumentHelp("The command's type.", valueName: "type")) var second: String?
        @Option(help: ArgumentHelp("The command's parameters.", valueName: "json")) var parameters: String?
        @Option(help: "0–1000, lower first (default: 5).") var priority: Int64?
        @Option(help: ArgumentHelp("The session that it belongs to.", valueName: "id")) var session: String?
        @Flag(help: "Wait until the command has ended, and print what it printed.") var wait = false
        @Flag(help: "Send it to all devices.") var all = false
        @Option(help: "With --all: commands per minute, 1–6000.") var perMinute = 60
        @Option(help: ArgumentHelp("With --all: abort when more of the ended commands failed.", valueName: "percent"))
        var abortAbove: String?
        @Option(help: "With --all: how long to watch after the last command, 0–1440.") var watchMinutes = 10
        @OptionGroup var key: KeyOptions
        @OptionGroup var options: FleetOptions

        func validate() throws {
            guard all == (second == nil) else {
                throw ValidationError(
                    all ? "With --all only the command's type is given." : "A device and a type are needed.")
            }
            guard !all || session == nil && !wait && key.idempotencyKey == nil else {
                throw ValidationError("--all can't be combined with --session, --wait or --idempotency-key.")
            }
            guard all || abortAbove == nil else { throw ValidationError("--abort-above needs --all.") }
            guard (1...6_000).contains(perMinute) else { throw ValidationError("--per-minute must be 1–6000.") }
            guard (0...1_440).contains(watchMinutes) else { throw ValidationError("--watch-minutes must be 0–1440.") }
            guard abortAbove == nil || percent != nil else {
                throw ValidationError("--abort-above must be a percentage, such as 5%.")
            }
            guard parameters == nil || parsed != nil else { throw ValidationError("--parameters must be JSON.") }
        }

        private var percent: Double? {
            guard let text = abortAbove, let value = Double(text.hasSuffix("%") ? String(text.dropLast()) : text),
                (0...100).contains(value)
            else { return nil }
            return value
        }

        private var parsed: JSON? { parameters.flatMap { try? JSON(parsing: $0) } }

        func run() async throws {
            let client = try options.open()
            guard let type = second else {
                let plan = FleetRollout.Plan(
                    body: body(first), perMinute: Int64(perMinute), abortAbove: percent,
                    watchMilliseconds: Int64(watchMinutes) * 60_000)
                return try await FleetRollout(client, plan, asJSON: options.json).run()
            }
            let reply = try await key.post(client, FleetText.commands(first), body(type))
            let command = reply["command"] ?? reply
            guard let id = command["id"]?.string else { throw Failure.unexpected("the response has no id") }
            guard wait else {
                return options.show(reply, ["\(FleetText.field(command["id"])) \(FleetText.field(command["status"]))"])
            }
            try await FleetFollower(client, device: first, command: id, asJSON: options.json).run()
        }

        private func body(_ type: String) -> JSON {
            var members: [JSON.Member] = [.init("type", .string(type))]
            if let parsed { members.append(.init("parameters", parsed)) }
            if let priority { members.append(.init("priority", JSON(priority))) }
            if let session { members.append(.init("sessionId", .string(session))) }
            return .object(members)
        }
    }
}

/// Follows a command until it ends, by polling.
struct FleetFollower {
    /// Between two polls, in milliseconds: doubled while nothing changes.
    private static let pauses: ClosedRange<Int64> = 100...2_000

    private let client: Client
    private let device: String
    private let command: String
    private let asJSON: Bool
    private var status = StatusLine(toErrors: true)

    init(_ client: Client, device: String, command: String, asJSON: Bool) {
        self.client = client
        self.device = device
        self.command = command
        self.asJSON = asJSON
    }

    /// Prints what the command printed when it has completed; throws `.jobFailed` if it ended otherwise.
    consuming func run() async throws {
        var outage = Outage()
        var pause = Self.pauses.lowerBound
        while true {
            do {
                let reply = try await client.get(FleetText.command(device, command))
                let state = reply["command"] ?? reply
                outage.end()
                if !asJSON { status.update("\(command) \(FleetText.status(state))") }
                if let ending = FleetText.ending(state) { return try end(state, ending) }
            } catch Failure.unreachable(let reason) {
                try outage.bear(reason)
            }
            try await World.live.sleep(.milliseconds(pause))
            pause = min(Self.pauses.upperBound, pause * 2)
        }
    }

    private mutating func end(_ state: JSON, _ ending: FleetText.Ending) throws(Failure) {
        status.end()
        if asJSON {
            Output.line(state.text(.compact))
        } else {
            for line in FleetText.output(state) { Output.line(line) }
        }
        guard ending == .completed else { throw .jobFailed("command \(command) \(FleetText.status(state))") }
    }
}
