internal import Logging
internal import Runtime
internal import ServiceLifecycle
internal import UnixSignals

/// A service that consists of a closure, which runs until graceful shutdown.
struct ClosureService: Service {
    /// What happens when the closure returns before shutdown.
    enum EarlyReturn { case stopsAll, isAllowed }

    var earlyReturn = EarlyReturn.stopsAll
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await body()
        // Returning before shutdown would stop the group.
        if earlyReturn == .isAllowed { try? await gracefulShutdown() }
    }

    /// Runs all services until SIGTERM, SIGINT, or SIGHUP unless that was ignored at the start (`nohup`), and then
    /// shuts them down one by one, in reverse order. Rethrows a service's error.
    static func runUntilSignal(_ services: [ClosureService], logger: Logger) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let configurations = services.map { service in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: service, successTerminationBehavior: .gracefullyShutdownGroup)
        }
        let signals: [UnixSignal] = [.sigterm, .sigint] + (KernelLocks.ignoresHangUp ? [] : [.sighup])
        try await ServiceGroup(
            configuration: .init(services: configurations, gracefulShutdownSignals: signals, logger: quiet)
        ).run()
    }
}
