internal import ArgumentParser
internal import Bytes
internal import Glibc
internal import Logging
internal import Runtime

/// `hatchfarm up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts everything on this machine: API, scheduler and one worker.",
        discussion: """
            The first start creates a data folder with a database, registers an owner with an API key, and \
            enrolls this machine as a worker. The credentials are saved where `hatchfarm job` finds them. \
            SIGTERM or Ctrl-C drains.

            EXAMPLES
              hatchfarm up
              PORT=9000 hatchfarm up --data /srv/hatchfarm
              hatchfarm up --audit-scheme https --audit-scheme file

            AUDITS
              The worker also audits bounties, but none of its own owner's. --audit-scheme file
              lets whoever may post a bounty name any git repository on this machine that
              jobs can read: leave HOST at 127.0.0.1 with it, and register nobody else.

            \(Variables.help(for: .server))
            """)

    @Option(help: ArgumentHelp("The data folder.", valueName: "folder"))
    var data = "./hatchfarm-data"
    @Option(help: ArgumentHelp("How audits may fetch: https, http or file (default: https).", valueName: "scheme"))
    var auditScheme: [AuditScheme] = []

    func run() async throws {
        let environment = Environment()
        let folder = Files.absolute(data)
        let settings = try Settings(environment, database: "sqlite:\(folder)/hatchfarm.db")
        try Files.makeFolder(folder, mode: 0o711)
        let logger = try Logger.start(settings, otherwise: .warning)
        let server = try await Composition.open(settings, logger: logger)
        try await server.serve(companion: { port in
            let dataFolder = DataFolder(folder: folder, url: settings.url(port: port), environment: environment)
            let owner = try await dataFolder.owner()
            let worker = try await dataFolder.worker(of: owner)
            dataFolder.printWelcome(owner, settings, operatorToken: server.operatorToken)
            var options = Daemon.Options(drainGrace: .seconds(5))
            options.locks = [try ProcessLock.daemon(in: dataFolder.workerFolder)]
            options.credentialsPath = MachineFile.path(dataFolder.workerFolder)
            if !auditScheme.isEmpty { options.auditSchemes = Set(auditScheme) }
            try await Daemon.run(worker, stateFolder: dataFolder.jobsFolder, options, logger: logger)
        })
    }
}

/// The data folder of `hatchfarm up`: the credentials of the owner and of the worker.
struct DataFolder: Sendable {
    let folder: String
    let url: String
    let environment: Environment

    var workerFolder: String { "\(folder)/worker" }
    /// Where jobs run. If run as root, jobs run as another user, who must be able to access it.
    var jobsFolder: String { geteuid() == 0 ? WorkerConfiguration.defaultStateFolder : workerFolder }
    private var ownerPath: String { "\(folder)/owner.json" }

    /// The owner of the first start, if the database still knows it; otherwise a new one.
    func owner() async throws -> Credentials {
        if var known = CredentialsFile.read(ownerPath) {
            known.server = url
            do {
                _ = try await Client(known).get("/api/v1/jobs", [("limit", "1")])
                try await saveForClient(known)
                return known
            } catch Failure.refused {
                // This owner was registered with another database.
            }
        }
        // The database doesn't know its worker either.
        Files.remove(MachineFile.path(workerFolder))
        let reply = try await Client(Credentials(server: url, key: "", owner: nil))
            .post("/api/v1/agents/register", ["name": .string("owner of \(Hardware.name)")])
        guard let key = reply["data"]?["api_key"]?.string, let id = reply["data"]?["agent"]?["id"]?.string else {
            throw Failure.unexpected("agents/register: the response has no key")
        }
        let owner = Credentials(server: url, key: key, owner: id)
        try CredentialsFile.write(owner, to: ownerPath)
        try await saveForClient(owner)
        return owner
    }

    /// The worker enrolled at the first start, with the server's current URL.
    func worker(of owner: Credentials) async throws -> WorkerCredentials {
        if var known = try MachineFile.read(workerFolder) {
            known.server = url
            return known
        }
        let worker = try await MachineOffer().enroll(by: owner)
        try MachineFile.write(worker, workerFolder)
        return worker
    }

    /// For `hatchfarm job`, which then needs no flags. Keys of other farms stay, and so does the choice of a key that
    /// this server takes. Not fatal if the home folder isn't writable.
    private func saveForClient(_ owner: Credentials) async throws {
        guard let path = try CredentialsFile.path(environment) else { return }
        do {
            let before = try Profiles.read(path).current
            let isChosen = if let before, before.server == owner.server { await isValid(before) } else { false }
            try Profiles.change(path) { (profiles) throws(Failure) in
                let own = try profiles.save(local: owner)
                if !isChosen { try profiles.use(own.name) }
            }
            if let before, before.owner != owner.owner {
                Output.error(
                    isChosen
                        ? "note: the commands go on with the saved key \(before.name)"
                        : "note: the commands now use this farm; `hatchfarm profiles use \(before.name)` goes back")
            }
        } catch {
            Output.error("warning: \(error.message); `hatchfarm job` will need HATCHFARM_API_KEY")
        }
    }

    private func isValid(_ profile: Profile) async -> Bool {
        (try? await Client(profile.credentials).get("/api/v1/agents/me")) != nil
    }

    func printWelcome(_ owner: Credentials, _ settings: Settings, operatorToken: String) {
        let token = settings.operatorToken == nil ? "\(operatorToken) (until the next start)" : "HATCHFARM_API_TOKEN"
        let authorization =
            settings.operatorToken == nil
            ? "'Authorization: Bearer \(operatorToken)'" : "\"Authorization: Bearer $HATCHFARM_API_TOKEN\""
        Output.line(
            """

            hatchfarm \(Version.text) is up

              API        \(url)/api/v1
              OpenAPI    \(url)/docs
              database   \(settings.shownDatabase)
              data       \(folder)
              owner      \(owner.owner ?? "")
              operator   \(token)

            A first job:

              curl -s \(url)/api/v1/jobs \\
                -H 'Authorization: Bearer \(owner.key)' \\
                -H 'Content-Type: application/json' \\
                -d '{"title":"hello","command":["echo","hello from the farm"]}'

            The figures of all, for the operator alone:

              curl -s \(url)/metrics -H \(authorization)

            The same job with hatchfarm itself:

              \(CommandLine.arguments.first ?? "hatchfarm") job submit --title hello --watch -- echo hello

            Ctrl-C drains and stops.

            """)
    }
}
