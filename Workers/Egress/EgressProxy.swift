internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why a proxy could not be started.
package struct EgressProblem: Error, Sendable, Equatable {
    package let message: String
}

/// The one way out of a job's sandbox: an HTTP/1.1 forward proxy on a unix socket that takes `CONNECT host:port` and
/// `GET http://…`, asks the job's rules, and counts. `stop()` it.
package final class EgressProxy: Sendable {
    /// One thread for all jobs' bytes, and none that heartbeats or uploads need.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let path: String
    private let server: any Channel
    private let gate: NIOLoopBound<EgressGate>
    private let meter: EgressMeter

    private init(path: String, server: any Channel, gate: NIOLoopBound<EgressGate>, meter: EgressMeter) {
        self.path = path
        self.server = server
        self.gate = gate
        self.meter = meter
    }

    /// - Parameters:
    ///   - socketPath: at most 107 bytes; a socket that is left there is replaced. Every user may connect to it: let
    ///     its folder be one that only the job's user reaches.
    ///   - resolver: by default the machine's.
    ///   - events: for the job's log. Called on the proxy's thread; must not wait.
    package static func start(
        socketPath: String, rules: EgressRules, resolver: NameResolver? = nil,
        events: @escaping @Sendable (EgressEvent) -> Void = { _ in }
    ) async throws(EgressProblem) -> EgressProxy {
        let loop = group.next()
        let meter = EgressMeter(limit: rules.bytes, events: events)
        let resolver = resolver ?? .system(rules.addresses)
        do {
            let gate = try await loop.submit {
                NIOLoopBound(EgressGate(rules, meter: meter, resolver: resolver, loop: loop), eventLoop: loop)
            }.get()
            let server = try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: 128)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try gate.value.admit(channel) }
                }
                .bind(unixDomainSocketPath: socketPath, cleanupExistingSocketFile: true).get()
            let proxy = EgressProxy(path: socketPath, server: server, gate: gate, meter: meter)
            guard chmod(socketPath, 0o666) == 0 else {
                let problem = EgressProblem(message: "\(socketPath): \(String(cString: strerror(errno)))")
                await proxy.stop()
                throw problem
            }
            return proxy
        } catch let problem as EgressProblem {
            throw problem
        } catch {
            throw EgressProblem(message: "\(socketPath): \(error)")
        }
    }

    package var usage: EgressUsage { meter.usage }

    /// Closes all connections and removes the socket; returns when that is done. A second call does nothing.
    package func stop() async {
        let gate = gate
        let isFirst = (try? await server.close()) != nil
        try? await server.eventLoop.flatSubmit { gate.value.stop() }.get()
        // By a second call the path may be another's.
        if isFirst { unlink(path) }
    }
}
