internal import Bytes
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
        /// How long running jobs may go on after SIGTERM before they are given back.
        var drainGrace = Duration.seconds(30)
        var executor = ExecutorChoice.sandbox
        /// What jobs with network may reach: names, or `*.` and a name.
        var allowedDomains: [String] = []
        /// Hears what happens; nil: the log does. Must not wait.
        var tell: (@Sendable (WorkerEvent) -> Void)?
    }

    /// Throws `.misconfigured` when this machine can't wall jobs in; the message has the remedy.
    static func run(
        _ credentials: WorkerCredentials, stateFolder: String, _ options: Options, logger: Logger
    ) async throws {
        guard options.executor == .sandbox, options.allowedDomains.isEmpty else {
            throw Failure.misconfigured("this version runs jobs in the sandbox only, and without network")
        }
        let configuration = WorkerConfiguration(
            credentials: credentials, name: options.offer.name, capacity: options.offer.capacity,
            jobsAtOnce: options.jobsAtOnce, queues: options.queues.isEmpty ? nil : options.queues,
            stateFolder: stateFolder, drainGraceMilliseconds: options.drainGrace.components.seconds * 1_000,
            events: options.tell ?? { event in
                let news = WorkerNews.event(event)
                logger.log(level: news.level, "\(news.sentence ?? "\(event)")")
            })
        let daemon: WorkerDaemon
        do {
            daemon = try await WorkerDaemon(configuration)
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
<<<<<<< HEAD

    /// What an event is worth: its level in the log, and its sentence when people care.
    private static func line(_ event: WorkerEvent) -> (level: Logger.Level, text: String?) {
        switch event {
        case .started(let isolation, _): (.notice, "ready, isolation \(isolation.rawValue)")
        case .claimed(let job): (.info, "\(job.id) claimed: \(Output.tame(job.title))")
        case .finished(let job, let status, let code, let milliseconds):
            (
                .info,
                "\(job) \(status.rawValue) in \(Text.duration(milliseconds: milliseconds))"
                    + (code.map { ", exit code \($0)" } ?? "")
            )
        case .lost(let job, let reason): (.warning, "\(job) lost: \(reason)")
        case .cancelled(let job): (.info, "\(job) cancelled")
        case .released(let job, let reason): (.notice, "\(job) given back: \(reason)")
        case .backoff(let call, let error, let milliseconds):
            (.warning, "\(call): \(error.message); again in \(Text.duration(milliseconds: milliseconds))")
        case .draining(let running): (.notice, "draining, \(running) running")
        case .closed(let running): (.notice, "outside the policy's hours; \(running) given back")
        case .opened: (.notice, "the policy's hours have come")
        case .owed(let job): (.notice, "\(job) has ended; its result goes out at the next start")
        case .recovered(let results, let lost):
            (.notice, "told of the last life: \(results) results, \(lost) jobs lost")
        case .heartbeat, .progress, .log, .stopped: (.debug, nil)
        }
    }
=======
>>>>>>> 11f9ec2 (A worker that people like to watch, and a doctor)
}
