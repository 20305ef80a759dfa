internal import ArgumentParser
internal import Bytes

/// `hatchfarm fleet …`
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Manages a customer's devices: provisions them, sends commands, and follows what happens.",
        discussion: """
            EXAMPLES
              export HATCHFARM_CUSTOMER_TOKEN=$(hatchfarm admin customer token --customer acme)
              hatchfarm fleet provision press-7 --name 'Press 7'
              hatchfarm fleet list --status online
              hatchfarm fleet send press-7 ping --parameters '{"n":1}' --wait
              hatchfarm fleet send --all system_info --per-minute 50 --abort-above 5%
              hatchfarm fleet watch press-7

            A command of a remediation session waits until it is approved.

            \(FleetOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [
            Provision.self, List.self, Status.self, Send.self, Session.self, Approve.self, Watch.self, Suspend.self,
            Resume.self, Delete.self,
        ])
}

/// The options of commands that call the server as a customer.
struct FleetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server's URL (\(Variables.all.server.facts.name)).", valueName: "url"))
    var server: String?
    @Option(
        help: ArgumentHelp("Your customer token (\(Variables.all.customerToken.facts.name)).", valueName: "token"))
    var token: String?
    @Flag(help: "Print the server's JSON response.") var json = false

    static let help = """
        CREDENTIALS
          A customer token, from --token or the environment. Others can see --token in
          the list of processes.

        \(Variables.help(for: .client))
        """

    func open() throws(Failure) -> Client {
        let environment = Environment()
        let set = try environment.customerToken
        guard let key = token ?? set else {
            throw .refused(
                "no customer token: set HATCHFARM_CUSTOMER_TOKEN (`hatchfarm admin customer token` makes one)")
        }
        return Client(Credentials(server: try ClientOptions.address(server, environment), key: key))
    }

    /// Prints the response, or else these lines.
    func show(_ reply: JSON, _ lines: @autoclosure () -> [String]) {
        if json { return Output.line(reply.text(.compact)) }
        for line in lines() { Output.line(line) }
    }
}

extension FleetCommand {
    struct Provision: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a device known, and prints the code with which it registers.",
            discussion: """
                The code is good once, for 24 hours. For a device that hasn't registered yet, this makes a new one.

                EXAMPLES
                  hatchfarm fleet provision press-7
                  hatchfarm fleet provision press-7 --name 'Press 7' --location 'Hall 2'
                """)

        @Argument(help: "The device's id, 1–128 of A–Z, a–z, 0–9, _ . : and -.") var device: String
        @Option(help: "A name for people.") var name: String?
        @Option(help: "Where it is.") var location: String?
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let client = try options.open()
            let set = [("deviceId", device), ("name", name), ("location", location)]
            let body = JSON.object(set.compactMap { name, text in text.map { .init(name, .string($0)) } })
            let reply = try await client.post("\(FleetText.devices)/provision", body)
            guard let code = reply["device"]?["activationCode"]?.string else {
                throw Failure.unexpected("devices/provision: the response has no code")
            }
            options.show(
                reply,
                [
                    "code: \(Output.sanitized(code))", "valid until: \(FleetText.field(reply["device"]?["expiresAt"]))",
                    "On the device: hatchfarm device register --server \(client.credentials.server) --id \(device) "
                        + "--code \(Output.sanitized(code))",
                ])
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists devices.",
            discussion: """
                EXAMPLES
                  hatchfarm fleet list
                  hatchfarm fleet list --status offline --limit 100
                """)

        enum Presence: String, CaseIterable, ExpressibleByArgument { case online, offline, all }

        @Option(help: "Only those that are online or offline.") var status = Presence.all
        @Option(help: "Maximum number of devices, 1–100.") var limit = 50
        @Option(help: "Skip so many, up to 100000.") var offset = 0
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().get(
                FleetText.devices,
                [("status", status.rawValue), ("limit", "\(limit)"), ("offset", "\(offset)")])
            let devices = reply["devices"]?.array ?? []
            let (shown, _) = offset.addingReportingOverflow(devices.count)
            let total = reply["total"]?.int ?? 0
            let more = shown < total && !devices.isEmpty ? ["more: --offset \(shown) (of \(total))"] : []
            options.show(reply, FleetText.table(devices).lines + more)
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a device: its status, last heartbeat, metrics and session.",
            discussion: "EXAMPLE\n  hatchfarm fleet status press-7")

        @Argument(help: "The device's id.") var device: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().get("\(FleetText.device(device))/status")
            options.show(reply, JobText.lines(reply["device"] ?? .null))
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shuts a device out, and takes back what it holds.",
            discussion: "EXAMPLE\n  hatchfarm fleet suspend press-7")

        @Argument(help: "The device's id.") var device: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().post("\(FleetText.device(device))/suspend")
            options.show(reply, ["\(device) suspended"])
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a suspended device in again.",
            discussion: "EXAMPLE\n  hatchfarm fleet resume press-7")

        @Argument(help: "The device's id.") var device: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().post("\(FleetText.device(device))/resume")
            options.show(reply, ["\(device) resumed"])
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a device: its commands are cancelled, and its id is free again.",
            discussion: "EXAMPLE\n  hatchfarm fleet delete press-7")

        @Argument(help: "The device's id.") var device: String
        @OptionGroup var options: FleetOptions

        func run() async throws {
            let reply = try await options.open().delete(FleetText.device(device))
            options.show(reply, ["\(device) deleted"])
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follows a device: its status and its commands, one line an update.",
            discussion: """
                Each line begins with the update's position. With --since those after that position come first; the \
                server keeps them for 24 hours. A lost connection is opened again, and goes on after the last \
                position.

                EXAMPLES
                  hatchfarm fleet watch press-7
                  hatchfarm fleet watch press-7 --since 120 --json
                """)

        @Argument(help: "The device's id.") var device: String
        @Option(help: ArgumentHelp("Begin after this position.", valueName: "position")) var since: Int64?
        @OptionGroup var options: FleetOptions

        func validate() throws {
            guard since ?? 0 >= 0 else { throw ValidationError("--since must not be negative.") }
        }

        func run() async throws {
            try await FleetWatcher(try options.open(), device: device, since: since, asJSON: options.json).run()
        }
    }
}
