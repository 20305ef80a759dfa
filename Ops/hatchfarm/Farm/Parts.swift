internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// A part of a running program: a closure that runs until it is asked to end.
struct Part: Service {
    /// Whether the others end too when this one ends by itself.
    enum Ending { case endsAll, isFine }

    var ending = Ending.endsAll
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await body()
        // A part that ends before it is asked to would end the group.
        if ending == .isFine { try? await gracefulShutdown() }
    }

    /// Runs all parts until SIGTERM or SIGINT; then each is asked to end, the last one first, and the one before it
    /// when it has. Throws what a part throws.
    static func runUntilSignal(_ parts: [Part], logger: Logger) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let services = parts.map { part in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: part, successTerminationBehavior: .gracefullyShutdownGroup)
        }
        try await ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        ).run()
    }
}
