internal import Bus
package import Bytes
internal import HTTPTypes
internal import HummingbirdCore
package import Logging
package import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// The server: dependencies and systems put together. `run` serves until the task's graceful shutdown or cancellation.
package final class App: Sendable {
    private let dependencies: Dependencies
    private let dispatcher: RequestDispatcher
    /// Answers where the figures may be read without a credential; nil: nowhere.
    private let figures: (place: ListenAddress, dispatcher: RequestDispatcher)?
    private let logger: Logger

    /// - Parameters:
    ///   - systems: each with its routes; two routes at one place are our bug.
    ///   - log: where request lines go; nil for by the logger's level to standard error.
    package init(_ dependencies: Dependencies, systems: [APISystem], logger: Logger, log: RequestLog? = nil) {
        let dispatcher = SetOnce<RequestDispatcher>()
        let own = ServerRoutes(dependencies, dispatcher: dispatcher, logger: logger)
        guard let first = systems.first(where: \.isDefault) ?? systems.first else {
            // The composition root names them.
            preconditionFailure("a server serves at least one system")
        }
        let table = RouteTable([own.system(like: first)] + systems)
        self.dependencies = dependencies
        self.logger = logger
        let log = log ?? RequestLog(level: logger.logLevel, world: dependencies.world)
        self.dispatcher = RequestDispatcher(dependencies, table, log: log, logger: logger)
        figures = dependencies.configuration.metricsListen.map { place in
            let table = RouteTable([own.figuresAlone(like: first)])
            return (place, RequestDispatcher(dependencies, table, log: log, logger: logger, isOpen: true))
        }
        dispatcher.set(self.dispatcher)
    }

    /// The OpenAPI document, as served.
    package var description: JSON {
        OpenAPI(dispatcher.table, version: dependencies.configuration.version).json()
    }

    /// Every route as `METHOD /template`.
    package var routes: [String] { dispatcher.table.routes.map { "\($0.route.method.rawValue) \($0.path)" } }

    /// Serves. `onReady` gets the port that was bound, `onFigures` that of the figures' own address.
    ///
    /// At the graceful shutdown of the task it says so at `/readyz` at once, lets long polls and event streams go,
    /// takes no connections after `drainNoticeMilliseconds`, and gives what is in flight `drainMilliseconds`.
    package func run(
        onReady: @escaping @Sendable (Int) async -> Void = { _ in },
        onFigures: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        let group = try group(onReady, onFigures)
        // Detached, so that it hears of the shutdown from us, after the notice.
        let serving = Task.detached { try await group.run() }
        let hints = Task { [dispatcher] in await dispatcher.authenticator.listen() }
        defer { hints.cancel() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await serving.value
            } onGracefulShutdown: {
                self.dependencies.drain.begin()
                self.dependencies.bus.close()
                Task {
                    do {
                        try await self.dependencies.world.sleep(
                            .milliseconds(self.dependencies.configuration.drainNoticeMilliseconds))
                    } catch is CancellationError {
                        // Then without notice.
                    }
                    await group.triggerGracefulShutdown()
                }
            }
        } onCancel: {
            self.dependencies.drain.begin()
            self.dependencies.bus.close()
            serving.cancel()
        }
    }

    private func group(
        _ onReady: @escaping @Sendable (Int) async -> Void, _ onFigures: @escaping @Sendable (Int) async -> Void
    ) throws -> ServiceGroup {
        let configuration = dependencies.configuration
        let connections = min(configuration.connectionLimit, Descriptors.forConnections)
        if connections < configuration.connectionLimit {
            logger.notice(
                "fewer connections than configured: raise the limit of open files",
                metadata: ["connections": "\(connections)"])
        }
        var services: [any Service] = []
        if let figures { services.append(try server(figures.dispatcher, figures.place, Self.readers, onFigures)) }
        let place = ListenAddress(host: configuration.host, port: configuration.port)
        services.append(try server(dispatcher, place, connections, onReady))
        var settings = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            logger: quiet)
        settings.maximumGracefulShutdownDuration = .milliseconds(configuration.drainMilliseconds)
        return ServiceGroup(configuration: settings)
    }

    /// Connections of those who read the figures where that needs no credential.
    private static let readers = 64

    private var quiet: Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }

    private func server(
        _ dispatcher: RequestDispatcher, _ place: ListenAddress, _ connections: Int,
        _ onReady: @escaping @Sendable (Int) async -> Void
    ) throws -> ListeningService {
        let configuration = dependencies.configuration
        let server = try HTTPServerBuilder { _ in
            HTTPConnection(dispatcher: dispatcher, configuration: configuration)
        }.buildServer(
            configuration: ServerConfiguration(
                address: .hostname(place.host, port: place.port), backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(connections, logger: quiet)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet,
            responder: { _, _, _ in }, onServerRunning: { await onReady($0.localAddress?.port ?? 0) })
        return ListeningService(place: place, server: server)
    }
}

/// A server, and where it listens.
private struct ListeningService: Service {
    let place: ListenAddress
    let server: any Service

    func run() async throws {
        do {
            try await server.run()
        } catch let error as IOError {
            throw CannotListen(place: place, error: error)
        }
    }
}

/// An address that can't be had.
package struct CannotListen: Error {
    package let place: ListenAddress
    package let error: IOError
}
