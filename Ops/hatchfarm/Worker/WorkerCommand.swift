internal import ArgumentParser
internal import Bytes
internal import Domain
internal import Egress
internal import Logging
internal import Runtime
internal import Wire

/// `hatchfarm worker`
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Lends this machine to a server: runs its jobs.",
        discussion: """
            The first start enrolls the machine: it is registered, and its owner's key signs a policy and the \
            consent to it. Later starts need no key. Jobs run in bubblewrap, without network. On a terminal \
            each running job has a status line; otherwise events are logged, one per line. SIGTERM or Ctrl-C \
            lets running jobs finish, and releases them after 30 s; a second one releases them immediately.

            EXAMPLES
              hatchfarm worker --server https://farm.example --api-key hf_…
              hatchfarm worker --cpu 2 --memory 4 --label fast-disk --max-cpu-percent 50
              hatchfarm worker --accept-policy rules.json --log-format json
              hatchfarm worker --gpu /dev/nvidia0 --gpu-shared /dev/nvidiactl,/dev/nvidia-uvm

            RULES
              --accept-policy takes a JSON object: max_cpu_percent (1–100, required),
              max_memory_percent (1–100), max_gpu_percent (0–100), timezone
              (Europe/Zurich), allowed_hours ([0, 1, …, 23]), max_job_minutes, network
              (true or false), isolation (none, sandbox or vm). Changed rules are signed
              again, which needs the key.

            GPUS
              --gpu lends one GPU, by its device files; repeat it for each. A job gets as many
              as it asks for, which no other job has then, and the files of --gpu-shared; its
              variable HATCHFARM_GPUS names its GPUs' files, separated by commas. Other jobs
              see none of them. max_gpu_percent of the rules is rounded down to whole GPUs:
              the first ones are lent.

            DISK
              --max-disk-mb N limits what all jobs together read from the disk of the state
              folder to N MB a second, and what they write to it; 1–100000. It needs control
              groups with io (version 2) or blkio (version 1); without them the worker doesn't
              start. Version 1 limits only reads and direct writes: buffered ones pass.

            AUDITS
              An audit fetches a bounty's branch and runs its tests, both in the sandbox. Tests
              have no network. The fetch reaches only the repository's host, or with a policy
              that allows network only --allow-domain; private addresses need
              HATCHFARM_ALLOW_PRIVATE. --audit-scheme file lets a bounty name any repository
              on this machine that jobs can read: only for farms whose members may do so.

            \(Variables.help(for: .worker, .terminal))

            \(Failure.exitCodes)
            """)

    @Option(help: "The machine's name (default: its host name).") var name: String?
    @Option(
        help: ArgumentHelp("The worker's state folder.", valueName: "folder"), completion: .directory)
    var state: String?
    @Option(
        help: ArgumentHelp("The file with the machine's id and token, mode 600.", valueName: "file"),
        completion: .file())
    var credentials: String?
    @Option(
        help: ArgumentHelp("Sign these rules, as policy and consent, in the owner's name.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var acceptPolicy: String?
    @Option(help: "Cores to lend (default: all).") var cpu: Double?
    @Option(help: "GB of memory to lend (default: all).") var memory: Double?
    @OptionGroup var gpus: GPUOptions
    @Option(help: "Maximum number of concurrent jobs, 1–256 (default: one per core).") var jobs: Int?
    @Option(help: "A queue to serve (default: all).") var queue: [String] = []
    @Option(help: "A label that jobs may require.") var label: [String] = []
    @Option(help: ArgumentHelp("Price per job and hour, set at enrollment (default: market price).", valueName: "usdt"))
    var price: String?
    @Option(help: "Maximum CPU share of all jobs, 1–100 (default: 100).") var maxCpuPercent: Int?
    @Option(
        help: ArgumentHelp("MB/s that all jobs may read, and write, on the state folder's disk.", valueName: "mb"))
    var maxDiskMb: Int?
    @Option(help: "Maximum duration of a job, in minutes.") var maxJobMinutes: Int?
    @Option(help: ArgumentHelp("A host that jobs with network may reach, or *.HOST.", valueName: "domain"))
    var allowDomain: [String] = []
    @Option(help: ArgumentHelp("How audits may fetch: https, http or file (default: https).", valueName: "scheme"))
    var auditScheme: [AuditScheme] = []
    @Flag(help: "Run no audits.") var noAudits = false
    @Option(help: "How jobs are run.") var executor = ExecutorName.sandbox
    @Option(help: ArgumentHelp("For slurm: the cluster's partition.", valueName: "name"))
    var slurmPartition: String?
    @Option(
        help: ArgumentHelp("For slurm: a folder shared by the nodes.", valueName: "folder"), completion: .directory)
    var slurmFolder: String?
    @Option(help: "The log format, unless on a terminal.") var logFormat = LogFormat.text
    @Option(help: .hidden) var leaseSeconds = 60
    @OptionGroup var client: ClientOptions

    enum ExecutorName: String, CaseIterable, ExpressibleByArgument {
        case sandbox, slurm
    }

    func validate() throws {
        func check(_ option: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
            guard value.map(range.contains) ?? true else {
                throw ValidationError("\(option) must be from \(range.lowerBound) to \(range.upperBound).")
            }
        }
        try check("--max-cpu-percent", maxCpuPercent, 1...100)
        try check("--max-job-minutes", maxJobMinutes, WireLimits.policyMinutes)
        try check("--max-disk-mb", maxDiskMb, 1...100_000)
        try check("--jobs", jobs, 1...256)
        try check("--lease-seconds", leaseSeconds, 1...43_200)
        guard price == nil || price.flatMap({ Money.minorUnits($0) }) != nil else {
            throw ValidationError("--price must be a decimal from 0 to 1000000 with at most 6 places.")
        }
        guard cpu.map({ WireLimits.cpuCores.contains($0) && Capacity.milliCores($0) > 0 }) ?? true else {
            throw ValidationError("--cpu must be from 0.001 to 4096.")
        }
        guard memory.map({ WireLimits.memoryGB.contains($0) && Capacity.memoryMiB($0) > 0 }) ?? true else {
            throw ValidationError("--memory must be from 0.001 to 65536.")
        }
        try checkNames("--label", label, "require")
        try checkNames("--queue", queue, "be in")
        guard acceptPolicy == nil || maxCpuPercent == nil && maxJobMinutes == nil else {
            throw ValidationError("Rules come either from --accept-policy or from --max-… options, not from both.")
        }
        guard executor == .slurm || slurmPartition == nil && slurmFolder == nil else {
            throw ValidationError("--slurm-partition and --slurm-folder need --executor slurm.")
        }
        guard executor != .slurm || slurmPartition != nil && slurmFolder != nil && cpu != nil && memory != nil else {
            throw ValidationError(
                "--executor slurm needs --slurm-partition, --slurm-folder, --cpu and --memory.")
        }
        try gpus.check(isCluster: executor == .slurm)
        guard executor != .slurm || maxDiskMb == nil else {
            throw ValidationError("--max-disk-mb has no effect with --executor slurm.")
        }
        guard !noAudits || auditScheme.isEmpty else {
            throw ValidationError("--audit-scheme has no effect with --no-audits.")
        }
        guard executor != .slurm || auditScheme.isEmpty else {
            throw ValidationError("--audit-scheme has no effect with --executor slurm, which runs no audits.")
        }
        do {
            _ = try EgressRules(domains: allowDomain)
        } catch {
            throw ValidationError("--allow-domain: \(error.message)")
        }
    }

    /// As the server takes them in jobs: a machine with others would wait for what never comes.
    private func checkNames(_ option: String, _ names: [String], _ verb: String) throws {
        guard WireLimits.namesInList.contains(names.count) else {
            throw ValidationError("\(option) may be given at most \(WireLimits.namesInList.upperBound) times.")
        }
        let bounds = WireLimits.labelCharacters
        guard let name = names.first(where: { !$0.isWord || !bounds.contains($0.utf8.count) }) else { return }
        throw ValidationError(
            "\(option) \"\(Text.sanitized(name))\": no job can \(verb) it; \(bounds.lowerBound) to "
                + "\(bounds.upperBound) of letters, digits, '.', '_', '-', ':'.")
    }

    func run() async throws {
        try gpus.requireDevices()
        let policy = try acceptPolicy.map { path throws(Failure) in try PolicyFile(path) }
        if let policy, !policy.allowsNetwork, !allowDomain.isEmpty {
            throw Failure.invalid("--allow-domain has no effect: the policy lacks \"network\": true")
        }
        let environment = Environment()
        let level = try environment.log
        let allowsPrivateNetwork = try environment.allowsPrivateNetwork
        let logger = Logger.start(level ?? .notice)
        let folder = state.map(Files.absolute) ?? WorkerConfiguration.defaultStateFolder
        let slots = jobs ?? max(1, Int(min(256, (offer.capacity.milliCores ?? 0) / 1_000)))
        try Files.makeFolder(folder, mode: 0o711)
        let lock = try ProcessLock.daemon(in: folder)
        let known = try stored(folder, environment)
        let server = try known?.server ?? client.credentials(environment).server
        let output = WorkerOutput.standard(
            logFormat, from: level ?? .info,
            WorkerDashboard(server: server, slots: slots))
        let earnings = EarningsCounter()
        try await output.withDisplay {
            let enrollment = Enrollment(
                offer: offer(policy), signsChangedRules: policy != nil, path: credentials ?? MachineFile.path(folder),
                log: output.log)
            let worker = try await enrollment.worker(known) { () throws(Failure) in
                try client.credentials(environment, server: known?.server)
            }
            var locks = [lock]
            if let credentials { locks.append(try ProcessLock.daemon(with: credentials)) }
            output.log(.starting(worker: worker.workerID, server: worker.server))
            let options = Daemon.Options(
                offer: offer(policy), jobsAtOnce: slots, queues: queue, leaseSeconds: leaseSeconds,
                executor: executorChoice,
                allowedDomains: allowDomain,
                allowsPrivateNetwork: allowsPrivateNetwork,
                auditSchemes: noAudits ? [] : auditScheme.isEmpty ? [.https] : Set(auditScheme),
                gpus: gpus.devices, sharedGPUDevices: gpus.shared,
                maxDiskMegabytes: maxDiskMb,
                credentialsPath: credentials ?? MachineFile.path(folder), locks: locks,
                onEvent: { event in
                    earnings.record(event)
                    output.log(.event(event))
                })
            try await ClosureService.runUntilSignal(
                [ClosureService { try await Daemon.run(worker, stateFolder: folder, options, logger: logger) }],
                logger: logger)
            output.log(.ended(earnings.total))
        }
    }

    /// The credentials of an earlier enrollment; nil: there are none for the given server.
    private func stored(_ folder: String, _ environment: Environment) throws(Failure) -> WorkerCredentials? {
        let set = try environment.server
        let named = client.server ?? set
        guard let credentials else {
            guard let known = try MachineFile.read(folder) else { return nil }
            return named ?? known.server == known.server ? known : nil
        }
        guard Files.exists(credentials) else {
            throw .misconfigured(
                "\(credentials) does not exist: start once with --api-key and without --credentials, "
                    + "then use \(MachineFile.path(folder))")
        }
        let known = try WorkerCredentials(validating: credentials)
        if let named, named != known.server {
            throw .misconfigured("\(credentials) is for \(known.server), not for \(named)")
        }
        return known
    }

    private var executorChoice: ExecutorChoice {
        guard let slurmPartition, let slurmFolder else { return .sandbox }
        return .slurm(partition: slurmPartition, folder: Files.absolute(slurmFolder))
    }

    private var offer: MachineOffer { offer(nil) }

    private func offer(_ policy: PolicyFile?) -> MachineOffer {
        var offer = MachineOffer()
        offer.name = name ?? offer.name
        if let cpu { offer.capacity.milliCores = Capacity.milliCores(cpu) }
        if let memory { offer.capacity.memoryMiB = Capacity.memoryMiB(memory) }
        offer.capacity.gpus = Int64(gpus.devices.count)
        offer.capacity.labels = label
        offer.hourlyPrice = price.flatMap { Money.minorUnits($0) }
        var rules: [JSON.Member] = [.init("max_cpu_percent", JSON(maxCpuPercent ?? 100))]
        if let maxJobMinutes { rules.append(.init("max_job_minutes", JSON(maxJobMinutes))) }
        offer.rules = policy?.json ?? .object(rules)
        return offer
    }
}

extension AuditScheme: ExpressibleByArgument {}
