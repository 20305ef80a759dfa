import Foundation

/// A way to a server on which leases shrink: daemons ask for a minute, and no test has time for that.
///
/// Only the number in their claims is changed, to one of as many characters, so that all else stays as it is.
package final class LeaseShrinker: Sendable {
    package let port: Int
    private let listener: Socket
    private let sent: [UInt8]
    private let delivered: [UInt8]

    /// - Parameter lease: milliseconds, 1,000–9,999.
    package init(to target: Int, lease: Int) throws {
        sent = Array(#""visibility_timeout_ms":60000"#.utf8)
        delivered = Array(#""visibility_timeout_ms": \#(lease)"#.utf8)
        let listener = try Socket.listening(port: 0)
        self.listener = listener
        port = listener.port
        let thread = Thread { [sent, delivered] in
            while let client = listener.accepted() {
                guard let server = try? Socket.connected(to: target) else {
                    client.close()
                    continue
                }
                Self.join(client, server) { $0.replacing(sent, with: delivered) }
            }
            listener.close()
        }
        thread.start()
    }

    deinit { listener.cut() }

    private static func join(_ client: Socket, _ server: Socket, _ change: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        let group = DispatchGroup()
        let ways: [(Socket, Socket, @Sendable ([UInt8]) -> [UInt8])] = [
            (client, server, change), (server, client, { $0 }),
        ]
        for (source, sink, change) in ways {
            group.enter()
            let thread = Thread {
                while let bytes = source.received(), sink.send(change(bytes)) {}
                source.cut()
                sink.cut()
                group.leave()
            }
            thread.start()
        }
        group.notify(queue: .global()) {
            client.close()
            server.close()
        }
    }
}
