internal import Bytes
internal import Domain
internal import Executors
internal import Logging
internal import Runtime
internal import ServiceLifecycle
internal import UnixSignals
internal import Wire

/// Runs the worker daemon until the graceful shutdown of its task.
enum Daemon {
    struct Options: Sendable {
        var offer = MachineOffer()
        var jobsAtOnce = max(1, Hardware.cores)
        var queues: [String] = []
        /// 1–43,200.
        var leaseSeconds = 60
        /// How long running jobs may continue after SIGTERM before they are released.
        var drainGrace = Duration.seconds(30)
        var executor = ExecutorChoice.sandbox
        /// The hosts that jobs with network may reach: `HOST` or `*.HOST`.
        var allowedDomains: [String] = []
        /// Whether they may resolve to private addresses.
        var allowsPrivateNetwork = false
        /// How audits' repositories may be fetched; empty: no audits.
        var auditSchemes: Set<AuditScheme> = [.https]
        /// Each by its device files.
        var gpus: [[String]] = []
        /// The device files that every job with a GPU gets.
        var sharedGPUDevices: [String] = []
        /// MB a second of the state folder's disk for all jobs together, 1–100,000; nil: unlimited.
        var maxDiskMegabytes: Int?
        /// Where the machine's id and token are kept, for what to do when the server refuses them.
        var credentialsPath = ""
        /// What keeps other daemons out; released when this one drains.
        var locks: [ProcessLock] = []
        /// Receives events; nil: they are logged. Must not block.
        var onEvent: (@Sendable (WorkerEvent) -> Void)?

        /// The rules' percentages apply to this machine, but not to a cluster.
        func capacity(under rules: PolicyRules) -> Capacity {
            executor == .sandbox ? offer.capacity(under: rules) : offer.capacity
        }

        func slurm(for credentials: WorkerCredentials) throws(Failure) -> SlurmConfiguration? {
            guard case .slurm(let partition, let folder) = executor else { return nil }
            return try SlurmConfiguration(
                partition: partition, folder: folder, workerID: credentials.workerID,
                configurationFile: Environment().slurmConfiguration)
        }
    }

    /// Throws `.misconfigured` when jobs can't be sandboxed on this machine; the message has the remedy. When the
    /// machine is too busy to tell, `.unreachable`.
    static func run(
        _ credentials: WorkerCredentials, stateFolder: String, _ options: Options, logger: Logger
    ) async throws {
        let rules: PolicyRules
        do {
            rules =
                try credentials.rules.map { json throws(FieldError) in try PolicyRules(json) }
                ?? PolicyRules(maxCPUPercent: 100)
        } catch {
            throw Failure.misconfigured("invalid rules in the machine's credentials: \(error.message)")
        }
        var configuration = WorkerConfiguration(
            credentials: credentials, capacity: options.capacity(under: rules),
            rules: rules, jobsAtOnce: options.jobsAtOnce, queues: options.queues.isEmpty ? nil : options.queues,
            stateFolder: stateFolder, visibilityTimeoutMilliseconds: options.leaseSeconds * 1_000,
            drainGraceMilliseconds: options.drainGrace.components.seconds * 1_000,
            events: options.onEvent ?? { event in
                let entry = WorkerLogEntry.event(event)
                logger.log(level: entry.level, "\(entry.text ?? "\(event)")")
            })
        configuration.allowedDomains = options.allowedDomains
        configuration.allowsPrivateNetwork = options.allowsPrivateNetwork
        configuration.auditSchemes = options.auditSchemes
        configuration.gpus = options.gpus
        configuration.sharedGPUDevices = options.sharedGPUDevices
        configuration.maxDiskMegabytes = options.maxDiskMegabytes
        configuration.hasStoppedClaiming = { for lock in options.locks { lock.release() } }
        let slurm = try options.slurm(for: credentials)
        let daemon: WorkerDaemon
        do {
            daemon = try await WorkerDaemon(configuration, slurm: slurm)
        } catch {
            // What is only a matter of time is no setting: a unit starts again after 3, and not after 78.
            guard !error.isTemporary else {
                throw Failure.unreachable("this machine can't tell yet:\n\(error.message)")
            }
            throw Failure.misconfigured("this machine can't run jobs:\n\(error.message)")
        }
        let ending = await withGracefulShutdownHandler {
            await daemon.run()
        } onGracefulShutdown: {
            Task {
                await daemon.drain()
                // A second signal: release running jobs immediately. A terminal that closes may hang up several times.
                for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
                where signal != .sighup {
                    await daemon.drain()
                }
            }
        }
        if let refusal = ending {
            throw Failure.refused(
                "the server refuses this machine's token: \(refusal); remove \(options.credentialsPath) and start once "
                    + "with --api-key, which enrolls the machine again")
        }
    }
}
