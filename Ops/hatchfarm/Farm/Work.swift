internal import ArgumentParser
internal import Bytes
internal import Logging
internal import Runtime
internal import Wire

/// `hatchfarm worker`
struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Lends this machine to a farm.",
        discussion: """
            The first start enrols the machine: it is registered, and its owner's key signs a policy of what \
            it may do and the consent to it. Later starts need no key. Jobs run in bubblewrap, without network. \
            SIGTERM or Ctrl-C finishes or gives back what is running.

            EXAMPLES
              hatchfarm worker --server https://farm.example --api-key hf_…
              hatchfarm worker --cpu 2 --memory 4 --label fast-disk --max-cpu-percent 50
            """)

    @Option(help: "What the machine is called (its host name).") var name: String?
    @Option(help: ArgumentHelp("Where the worker keeps what it knows.", valueName: "folder")) var state: String?
    @Option(help: "Cores to lend (all).") var cpu: Double?
    @Option(help: "GB of memory to lend (all).") var memory: Double?
    @Option(help: "How many jobs at once, 1–256 (one a core).") var jobs: Int?
    @Option(help: "A queue to serve (all).") var queue: [String] = []
    @Option(help: "A label that jobs may ask for.") var label: [String] = []
    @Option(help: "The most of the processors that jobs may use, 1–100.") var maxCpuPercent = 100
    @Option(help: "The longest job it takes, in minutes.") var maxJobMinutes: Int?
    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard (1...100).contains(maxCpuPercent) else {
            throw ValidationError("--max-cpu-percent must be from 1 to 100.")
        }
        guard (1...256).contains(jobs ?? 1) else { throw ValidationError("--jobs must be from 1 to 256.") }
        guard (0...4_096).contains(cpu ?? 0) else { throw ValidationError("--cpu must be from 0 to 4096.") }
        guard (0...65_536).contains(memory ?? 0) else { throw ValidationError("--memory must be from 0 to 65536.") }
    }

    func run() async throws {
        let environment = Environment()
        let folder = state.map(Files.absolute) ?? WorkerConfiguration.defaultStateFolder
        let logger = Logger.start(try Settings(environment).log)
        let worker = try await enrolled(folder, environment)
        Output.line("worker \(worker.workerID) works for \(worker.server)")
        let options = Daemon.Options(
            offer: offer, jobsAtOnce: jobs ?? max(1, Int(min(256, offer.capacity.cpuCores))), queues: queue,
            tell: { Output.line($0) })
        try await Part.runUntilSignal(
            [Part { try await Daemon.run(worker, stateFolder: folder, options, logger: logger) }], logger: logger)
    }

    /// As an earlier start enrolled it, or anew when another server is named.
    private func enrolled(_ folder: String, _ environment: Environment) async throws -> WorkerCredentials {
        let named = client.server ?? environment.text("HATCHFARM_SERVER")
        if let known = try MachineFile.read(folder), named ?? known.server == known.server { return known }
        let worker = try await offer.enroll(by: client.credentials(environment))
        try MachineFile.write(worker, folder)
        return worker
    }

    private var offer: MachineOffer {
        var offer = MachineOffer()
        offer.name = name ?? offer.name
        offer.capacity.cpuCores = cpu ?? offer.capacity.cpuCores
        offer.capacity.memoryGB = memory ?? offer.capacity.memoryGB
        offer.capacity.labels = label
        var rules: [JSON.Member] = [.init("max_cpu_percent", JSON(maxCpuPercent))]
        if let maxJobMinutes { rules.append(.init("max_job_minutes", JSON(maxJobMinutes))) }
        offer.rules = .object(rules)
        return offer
    }
}
