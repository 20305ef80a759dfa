import Foundation
import Synchronization

/// A TCP proxy on 127.0.0.1 that does to a connection what networks do.
package final class FaultProxy: Sendable {
    package enum Verdict: Sendable {
        case pass
        /// Drops these bytes and the connection.
        case cut
        /// Delivers these bytes, then drops the connection.
        case passThenCut
        /// Delivers others in their place.
        case alter([UInt8])
    }

    /// Judges each piece of data, as it comes from the client or from the server.
    package typealias Rule = @Sendable (_ fromClient: Bool, _ bytes: [UInt8]) -> Verdict

    package let port: Int
    private let target: Int
    private let listener: Socket
    private let rule = Mutex<Rule?>(nil)
    private let links = Mutex<[Int32: [Socket]]>([:])

    /// Listens on a free port and connects each client to `target`.
    package init(to target: Int) throws {
        self.target = target
        listener = try Socket.listening(port: 0)
        port = listener.port
        let thread = Thread { [weak self, listener] in
            while let client = listener.accepted() {
                guard let self else { return client.close() }
                self.join(client)
            }
        }
        thread.start()
    }

    deinit { close() }

    package func apply(_ rule: Rule?) { self.rule.withLock { $0 = rule } }

    /// Drops every connection.
    package func cutAll() {
        for socket in links.withLock({ $0.values.flatMap { $0 } }) { socket.cut() }
    }

    /// Takes no more connections and drops those there are.
    package func close() {
        listener.cut()
        cutAll()
    }

    private func join(_ client: Socket) {
        guard let server = try? Socket.connected(to: target) else { return client.close() }
        links.withLock { $0[client.file] = [client, server] }
        let group = DispatchGroup()
        for (source, sink, fromClient) in [(client, server, true), (server, client, false)] {
            group.enter()
            let thread = Thread { [weak self] in
                self?.pump(from: source, to: sink, fromClient)
                source.cut()
                sink.cut()
                group.leave()
            }
            thread.start()
        }
        group.notify(queue: .global()) { [weak self] in
            // Only when both threads have ended may the numbers be given to other files.
            self?.links.withLock { $0[client.file] = nil }
            client.close()
            server.close()
        }
    }

    private func pump(from source: Socket, to sink: Socket, _ fromClient: Bool) {
        while let bytes = source.received() {
            switch rule.withLock({ $0 })?(fromClient, bytes) ?? .pass {
            case .pass: guard sink.send(bytes) else { return }
            case .alter(let others): guard sink.send(others) else { return }
            case .cut: return
            case .passThenCut:
                // First deaf, so that no answer slips through.
                source.cut()
                _ = sink.send(bytes)
                return
            }
        }
    }
}
