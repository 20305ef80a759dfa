/// An upload whose pieces are sent when the test likes, and which may never end.
package final class FarmUpload: Sendable {
    private let socket: Socket

    /// Connects and sends the head.
    /// - Parameter length: how many bytes it says will come.
    package init(_ path: String, of client: FarmClient, port: Int, length: Int) async throws {
        let headers =
            client.headers + [
                ("Host", "127.0.0.1"), ("Content-Length", "\(length)"), ("Content-Type", "application/octet-stream"),
                ("Connection", "close"),
            ]
        let head = "POST \(path) HTTP/1.1\r\n" + headers.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
        socket = try await FarmSlowRequest.offSwiftsThreads {
            let socket = try Socket.connected(to: port)
            guard socket.send(Array(head.utf8)) else { throw ToolFailure(description: "the head could not be sent") }
            return socket
        }
    }

    deinit { socket.close() }

    /// Sends so many bytes more, as fast as the server takes them; false when it has hung up.
    package func send(_ bytes: [UInt8]) async throws -> Bool {
        let socket = socket
        return try await FarmSlowRequest.offSwiftsThreads { socket.send(bytes) }
    }

    package func hangUp() { socket.cut() }
}
