internal import ArgumentParser
internal import Bytes
internal import Glibc
internal import Logging
internal import Runtime

/// `hatchfarm up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Brings up a whole farm on this machine: API, scheduler and one worker.",
        discussion: """
            The first start makes a data folder with a database, an owner with an API key, and enrols this \
            machine as a worker. The credentials are left where `hatchfarm job` finds them. SIGTERM or Ctrl-C \
            drains.

            EXAMPLES
              hatchfarm up
              PORT=9000 hatchfarm up --data /srv/hatchfarm

            \(Variables.help(for: .server))
            """)

    @Option(help: ArgumentHelp("Where the farm keeps what it knows.", valueName: "folder"))
    var data = "./hatchfarm-data"

    func run() async throws {
        let environment = Environment()
        let folder = Files.absolute(data)
        let settings = try Settings(environment, database: "sqlite:\(folder)/hatchfarm.db")
        try Files.makeFolder(folder, mode: 0o711)
        let logger = try Logger.start(settings, otherwise: .warning)
        let farm = try await Composition.open(settings, logger: logger)
        try await farm.serve(companion: { port in
            let home = DataFolder(folder: folder, url: settings.url(port: port), environment: environment)
            let owner = try await home.owner()
            let worker = try await home.worker(of: owner)
            home.greet(owner, settings, operatorToken: farm.operatorToken)
            try await Daemon.run(
                worker, stateFolder: home.jobsFolder, Daemon.Options(drainGrace: .seconds(5)), logger: logger)
        })
    }
}

/// The data folder of `hatchfarm up`: who owns this farm, and its worker.
struct DataFolder: Sendable {
    let folder: String
    let url: String
    let environment: Environment

    var workerFolder: String { "\(folder)/worker" }
    /// Where jobs run. A root's jobs run as another user, who must be able to get there.
    var jobsFolder: String { geteuid() == 0 ? WorkerConfiguration.defaultStateFolder : workerFolder }
    private var ownerPath: String { "\(folder)/owner.json" }

    /// The owner of the first start, as long as the database still knows it; else a new one.
    func owner() async throws -> Credentials {
        if var known = CredentialsFile.read(ownerPath) {
            known.server = url
            do {
                _ = try await Client(known).get("/api/v1/jobs", [("limit", "1")])
                try remember(known)
                return known
            } catch Failure.refused {
                // Another database than the one this owner was registered with.
            }
        }
        // Its worker is as unknown as it is.
        Files.remove(MachineFile.path(workerFolder))
        let reply = try await Client(Credentials(server: url, key: "", owner: nil))
            .post("/api/v1/agents/register", ["name": .string("owner of \(Hardware.name)")])
        guard let key = reply["data"]?["api_key"]?.string, let id = reply["data"]?["agent"]?["id"]?.string else {
            throw Failure.unexpected("agents/register: the answer has no key")
        }
        let owner = Credentials(server: url, key: key, owner: id)
        try CredentialsFile.write(owner, to: ownerPath)
        try remember(owner)
        return owner
    }

    /// This machine's enrollment of the first start, wherever the server listens by now.
    func worker(of owner: Credentials) async throws -> WorkerCredentials {
        if var known = try MachineFile.read(workerFolder) {
            known.server = url
            return known
        }
        let worker = try await MachineOffer().enroll(by: owner)
        try MachineFile.write(worker, workerFolder)
        return worker
    }

    /// For `hatchfarm job`, which then needs no flags. A home that can't be written to costs only that.
    private func remember(_ owner: Credentials) throws(Failure) {
        guard let path = try CredentialsFile.path(environment) else { return }
        do {
            try CredentialsFile.write(owner, to: path)
        } catch {
            Output.error("warning: \(error.message); `hatchfarm job` will need HATCHFARM_API_KEY")
        }
    }

    func greet(_ owner: Credentials, _ settings: Settings, operatorToken: String) {
        let token = settings.operatorToken == nil ? "\(operatorToken) (until the next start)" : "HATCHFARM_API_TOKEN"
        Output.line(
            """

            hatchfarm \(Version.text) is up

              API        \(url)/api/v1
              OpenAPI    \(url)/openapi.json
              metrics    \(url)/metrics
              database   \(settings.shownDatabase)
              data       \(folder)
              owner      \(owner.owner ?? "")
              operator   \(token)

            A first job:

              curl -s \(url)/api/v1/jobs \\
                -H 'Authorization: Bearer \(owner.key)' \\
                -H 'Content-Type: application/json' \\
                -d '{"title":"hello","command":["echo","hello from the farm"]}'

            The same by hatchfarm itself:

              \(CommandLine.arguments.first ?? "hatchfarm") job submit --title hello --watch -- echo hello

            Ctrl-C drains and stops.

            """)
    }
}
