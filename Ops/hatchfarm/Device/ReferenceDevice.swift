internal import ArgumentParser
internal import Bytes

/// `hatchfarm device …`
struct ReferenceDevice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Makes this machine a device of a customer's fleet.",
        discussion: """
            A customer provisions the device with `hatchfarm fleet provision`, and gets a code that is good once, \
            for 24 hours. With it the device registers, and keeps its secret in the state folder.

            EXAMPLES
              hatchfarm device register --server https://farm.example --id press-7 --code 0123…
              hatchfarm device run
              hatchfarm device run --allow-script logs=/usr/local/lib/device/logs.sh

            COMMANDS OF THE FLEET
              ping         {…}: its parameters again
              system_info  the machine's name, kernel, cores, memory and uptime
              http_check   {"url", "timeoutMs"?}: the status of a web server, and its milliseconds
              run_script   {"name", "args"?, "timeoutMs"?}: a script that --allow-script names,
                           in bubblewrap, without network

            \(Failure.exitCodes)
            """,
        subcommands: [Register.self, Run.self])
}

/// The option for a device's state folder.
struct DeviceFolderOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The device's state folder.", valueName: "folder"), completion: .directory)
    var state: String?

    var path: String { DeviceFolder.path(state) }
}

extension ReferenceDevice {
    struct Register: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers this machine as a device that a customer has provisioned.",
            discussion: """
                The server shows the device's secret once: it is saved in the state folder, in a file of mode 600. A \
                folder holds one device.

                EXAMPLES
                  hatchfarm device register --server https://farm.example --id press-7 --code 0123…
                  hatchfarm device register --id press-7 --code 0123… --location 'Hall 2' --model X200
                """)

        @Option(help: "The device's id, as it was provisioned.") var id: String
        @Option(help: "The activation code.") var code: String
        @Option(help: "Where the device is.") var location: String?
        @Option(help: "What it is.") var model: String?
        @Option(help: ArgumentHelp("The server's URL (\(Variables.all.server.facts.name)).", valueName: "url"))
        var server: String?
        @OptionGroup var folder: DeviceFolderOption

        func run() async throws {
            let (address, folder) = (try ClientOptions.address(server), folder.path)
            try Files.makeFolder(folder, mode: 0o711)
            let lock = try DeviceLock(folder)
            defer { withExtendedLifetime(lock) {} }
            // The same device may begin anew: its customer has provisioned it again.
            if let known = try DeviceIdentity.read(folder), known.id != id || known.server != address {
                throw Failure.refused(
                    "\(folder) holds the device \(known.id) of \(known.server): choose another folder with --state")
            }
            // Before registering: a secret that can't be saved is lost.
            try Files.requireWritable(folder)
            let reply = try await Client(Credentials(server: address, key: "")).post("/api/v1/device/register", body)
            guard let secret = reply["device"]?["secret"]?.string else {
                throw Failure.unexpected("device/register: the response has no secret")
            }
            try DeviceIdentity(id: id, secret: secret, server: address).write(folder)
            let customer = reply["device"]?["customerId"]?.string.map { " for \(Output.sanitized($0))" } ?? ""
            Output.line("\(id) registered\(customer); its secret is in \(DeviceIdentity.path(folder))")
        }

        private var body: JSON {
            let metadata = [("location", location), ("model", model)].compactMap { name, text in
                text.map { JSON.Member(name, .string($0)) }
            }
            let members: [JSON.Member] = [
                .init("deviceId", .string(id)), .init("activationCode", .string(code)),
            ]
            return .object(members + (metadata.isEmpty ? [] : [.init("metadata", .object(metadata))]))
        }
    }
}
