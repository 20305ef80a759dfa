internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why a proxy could not be started.
package struct EgressProblem: Error, Sendable, Equatable {
    package let message: String
}

/// The only network access of a sandboxed job: an HTTP/1.1 forward proxy on a Unix socket that accepts `CONNECT
/// host:port` and `GET http://…`, enforces the job's rules, and counts its traffic. Call `stop()` at the end.
package final class EgressProxy: Sendable {
    /// One thread for all jobs' traffic, separate from heartbeats and uploads.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let path: String
    private let server: any Channel
    private let session: NIOLoopBound<EgressSession>
    private let meter: EgressMeter

    private init(path: String, server: any Channel, session: NIOLoopBound<EgressSession>, meter: EgressMeter) {
        self.path = path
        self.server = server
        self.session = session
        self.meter = meter
    }

    /// - Parameters:
    ///   - socketPath: at most 107 bytes; an existing socket is replaced. Every user may connect to it: only the job's
    ///     user must be able to reach its folder.
    ///   - resolver: defaults to the system's.
    ///   - events: for the job's log. Called on the proxy's thread; must not block.
    package static func start(
        socketPath: String, rules: EgressRules, resolver: NameResolver? = nil,
        events: @escaping @Sendable (EgressEvent) -> Void = { _ in }
    ) async throws(EgressProblem) -> EgressProxy {
        let loop = group.next()
        let meter = EgressMeter(limit: rules.bytes, events: events)
        let resolver = resolver ?? .system(rules.addresses)
        do {
            let session = try await loop.submit {
                NIOLoopBound(EgressSession(rules, meter: meter, resolver: resolver, loop: loop), eventLoop: loop)
            }.get()
            let server = try await ServerBootstrap(group: loop)
                .serverChannelOption(.backlog, value: 128)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try session.value.admit(channel) }
                }
                .bind(unixDomainSocketPath: socketPath, cleanupExistingSocketFile: true).get()
            let proxy = EgressProxy(path: socketPath, server: server, session: session, meter: meter)
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

    /// Closes all connections and removes the socket, and waits for that. A second call does nothing.
    package func stop() async {
        let session = session
        let isFirst = (try? await server.close()) != nil
        try? await server.eventLoop.flatSubmit { session.value.stop() }.get()
        // By the time of a second call the path may be in use again.
        if isFirst { unlink(path) }
    }
}
