/// A connection that lives as long as this does.
package final class HeldSocket: Sendable {
    private let socket: Socket

    package init(port: Int, _ bytes: [UInt8]) throws {
        socket = try Socket.connected(to: port)
        _ = socket.send(bytes)
    }

    deinit { socket.close() }

    /// One more byte.
    package func trickle() { _ = socket.send([0x61]) }
}
