import Dispatch

/// A request whose body is sent in two halves, with as much time between them as the test likes.
package final class FarmSlowRequest: Sendable {
    private let socket: Socket
    private let rest: [UInt8]

    /// Connects and sends the head and the first half.
    package init(_ method: String, _ path: String, of client: FarmClient, port: Int, body: [UInt8]) async throws {
        let half = body.count / 2
        rest = Array(body[half...])
        let headers =
            client.headers + [
                ("Host", "127.0.0.1"), ("Content-Length", "\(body.count)"),
                ("Content-Type", "application/octet-stream"),
                ("Connection", "close"),
            ]
        let head = "\(method) \(path) HTTP/1.1\r\n" + headers.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
        let first = Array(head.utf8) + body[..<half]
        socket = try await Self.offSwiftsThreads {
            let socket = try Socket.connected(to: port)
            guard socket.send(first) else { throw ToolFailure(description: "the first half could not be sent") }
            return socket
        }
    }

    deinit { socket.close() }

    /// Sends the second half; returns the whole answer's text.
    package func finish() async throws -> String {
        let (socket, rest) = (socket, rest)
        return try await Self.offSwiftsThreads {
            guard socket.send(rest) else { throw ToolFailure(description: "the second half could not be sent") }
            var answer: [UInt8] = []
            while let bytes = socket.received() { answer += bytes }
            return String(decoding: answer, as: UTF8.self)
        }
    }

    static func offSwiftsThreads<Answer: Sendable>(
        _ body: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}
