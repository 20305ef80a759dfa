internal import ArgumentParser
internal import Bytes
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

extension ReferenceDevice {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes commands from the fleet's customer, runs them, and reports each once.",
            discussion: """
                Commands come over a WebSocket, and while there is none over HTTP. A result is on disk before it is \
                sent, and is sent until the server has answered: also by the next start, after a kill or a loss of \
                power. What ran at that moment has failed. SIGTERM or Ctrl-C lets commands finish for 10 s; a second \
                one doesn't. New configuration from the customer is kept as config.json in the state folder.

                EXAMPLES
                  hatchfarm device run
                  hatchfarm device run --state /srv/device --allow-script logs=/srv/device/logs.sh
                  hatchfarm device run --once
                """)

        @OptionGroup var folder: DeviceFolderOption
        @Option(
            help: ArgumentHelp("A script that the customer may run by this name.", valueName: "name=path"))
        var allowScript: [String] = []
        @Flag(help: "Let http_check reach this machine and private networks.") var allowPrivate = false
        @Flag(help: "Use HTTP only.") var noSocket = false
        @Flag(help: "Take one command over HTTP, report it, and end; also when none comes within 20 s.")
        var once = false

        func validate() throws {
            _ = try scripts
        }

        /// The paths, by name.
        private var scripts: [String: String] {
            get throws {
                var paths: [String: String] = [:]
                for text in allowScript {
                    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                    guard parts.count == 2, parts[0].isWord, paths[parts[0]] == nil else {
                        throw ValidationError("--allow-script must be NAME=PATH, each name once: \(text)")
                    }
                    paths[parts[0]] = Files.absolute(parts[1])
                }
                return paths
            }
        }

        func run() async throws {
            let (folder, paths) = (folder.path, try scripts)
            guard let identity = try DeviceIdentity.read(folder) else {
                throw Failure.misconfigured(
                    "\(folder) holds no device: register one with `hatchfarm device register`")
            }
            let lock = try DeviceLock(folder)
            defer { withExtendedLifetime(lock) {} }
            let logger = Logger.start(.warning)
            let log = DeviceLog()
            defer { DeviceLog.drain() }
            let journal = try DeviceJournal(in: folder, log: log)
            let runner = try await paths.isEmpty ? nil : ScriptRunner(paths, stateFolder: folder)
            defer { runner?.close() }
            log("device \(identity.id) of \(identity.server)")
            let device = DeviceLoop(
                DeviceGateway(identity), journal,
                CommandRunner(check: HTTPCheck(allowsPrivate: allowPrivate), scripts: runner), folder: folder,
                DeviceLoop.Options(usesSocket: !noSocket, once: once), log)
            try await ClosureService.runUntilSignal(
                [ClosureService { try await Self.runUntilShutdown(device) }], logger: logger)
            log("ended")
        }

        /// Until the graceful shutdown of its task; a second signal hurries it.
        private static func runUntilShutdown(_ device: DeviceLoop) async throws {
            try await withGracefulShutdownHandler {
                try await device.run()
            } onGracefulShutdown: {
                Task {
                    await device.stop()
                    for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { await device.abort() }
                }
            }
        }
    }
}
