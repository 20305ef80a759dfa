internal import Bytes
internal import Domain
internal import Executors
internal import Logging
internal import Runtime
internal import ServiceLifecycle
internal import UnixSignals
internal import Wire

/// The worker's daemon as the program runs it: until the graceful shutdown of its task.
enum Daemon {
    struct Options: Sendable {
        var offer = MachineOffer()
        var jobsAtOnce = max(1, Hardware.cores)
        var queues: [String] = []
        /// 1–43,200.
        var leaseSeconds = 60
        /// How long running jobs may go on after SIGTERM before they are given back.
        var drainGrace = Duration.seconds(30)
        var executor = ExecutorChoice.sandbox
        /// What jobs with network may reach: names, or `*.` and a name.
        var allowedDomains: [String] = []
        /// Whether that may lead into networks at home.
        var allowsPrivateNetwork = false
        /// Hears what happens; nil: the log does. Must not wait.
        var tell: (@Sendable (WorkerEvent) -> Void)?

        /// The rules' percents are of this machine; a cluster is lent as it is offered.
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

    /// Throws `.misconfigured` when this machine can't wall jobs in; the message has the remedy.
    static func run(
        _ credentials: WorkerCredentials, stateFolder: String, _ options: Options, logger: Logger
    ) async throws {
        let rules: PolicyRules
        do {
            rules =
                try credentials.rules.map { json throws(FieldError) in try PolicyRules(json) }
                ?? PolicyRules(maxCPUPercent: 100)
        } catch {
            throw Failure.misconfigured("the rules that were signed for this machine: \(error.message)")
        }
        var configuration = WorkerConfiguration(
            credentials: credentials, capacity: options.capacity(under: rules),
            rules: rules, jobsAtOnce: options.jobsAtOnce, queues: options.queues.isEmpty ? nil : options.queues,
            stateFolder: stateFolder, visibilityTimeoutMilliseconds: options.leaseSeconds * 1_000,
            drainGraceMilliseconds: options.drainGrace.components.seconds * 1_000,
            events: options.tell ?? { event in
                let news = WorkerNews.event(event)
                logger.log(level: news.level, "\(news.sentence ?? "\(event)")")
            })
        configuration.allowedDomains = options.allowedDomains
        configuration.allowsPrivateNetwork = options.allowsPrivateNetwork
        let slurm = try options.slurm(for: credentials)
        let daemon: WorkerDaemon
        do {
            daemon = try await WorkerDaemon(configuration, slurm: slurm)
        } catch {
            throw Failure.misconfigured("this machine can't run jobs:\n\(error.message)")
        }
        await withGracefulShutdownHandler {
            await daemon.run()
        } onGracefulShutdown: {
            Task {
                await daemon.drain()
                // A second signal means: give back at once what still runs.
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { await daemon.drain() }
            }
        }
    }
}
