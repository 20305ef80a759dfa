import Bytes
import Foundation
@testable import Support
import Synchronization

/// HTTP/1.1 on a real socket, a thread a connection: answers as told, or doesn't, for protocol faults that a real
/// server won't show on demand.
final class FakeServer: Sendable {
    struct Request: Sendable {
        var method = ""
        var path = ""
        /// Names in lower case.
        var headers: [String: String] = [:]
        var body: [UInt8] = []

        var json: JSON { (try? JSON(parsing: body)) ?? .null }
    }

    enum Answer: Sendable {
        case data(JSON)
        case refusal(Int, headers: [String: String] = [:])
        case bytes([UInt8], headers: [String: String] = [:])
        /// The request was taken, the answer is lost.
        case cut
    }

    let port: Int
    private let socket: Socket
    private let answer: @Sendable (Request) -> Answer
    private let connections = Mutex<[Socket]>([])
    private let isListening = Mutex(true)
    private let isStopped = Mutex(false)

    init(port: Int = 0, _ answer: @escaping @Sendable (Request) -> Answer) throws {
        socket = try Socket.listening(port: port)
        self.port = socket.port
        self.answer = answer
        Thread.detachNewThread { [self] in accept() }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// Sockets are closed by the threads that use them: their numbers are taken again at once.
    func stop() {
        let isFirst = isStopped.withLock { isStopped in
            defer { isStopped = true }
            return !isStopped
        }
        guard isFirst else { return }
        socket.cut()
        connections.withLock { list in
            for connection in list { connection.cut() }
            list = []
        }
        while isListening.withLock({ $0 }) { usleep(1_000) }
    }

    private func accept() {
        while let connection = socket.accepted() {
            connections.withLock { $0.append(connection) }
            Thread.detachNewThread { [self] in serve(connection) }
        }
        socket.close()
        isListening.withLock { $0 = false }
    }

    private func serve(_ connection: Socket) {
        var buffer: [UInt8] = []
        while let request = Self.read(from: connection, &buffer) {
            guard let response = Self.response(to: answer(request)), connection.send(response) else { break }
        }
        connections.withLock { $0.removeAll { $0.file == connection.file } }
        connection.close()
    }

    private static func read(from connection: Socket, _ buffer: inout [UInt8]) -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        var end: Int?
        while end == nil {
            end = buffer.indices.first { buffer[$0...].starts(with: blank) }
            guard end == nil else { break }
            guard let more = connection.received() else { return nil }
            buffer += more
        }
        let head = String(decoding: buffer.prefix(end ?? 0), as: UTF8.self)
        buffer.removeFirst((end ?? 0) + 4)
        var request = Request()
        let lines = head.replacing("\r\n", with: "\n").split(separator: "\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3 else { return nil }
        (request.method, request.path) = (String(words[0]), String(words[1]))
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            request.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let length = Int(request.headers["content-length"] ?? "0") ?? 0
        while buffer.count < length {
            guard let more = connection.received() else { return nil }
            buffer += more
        }
        request.body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return request
    }

    private static func response(to answer: Answer) -> [UInt8]? {
        let (status, headers, body): (Int, [String: String], [UInt8])
        switch answer {
        case .data(let data): (status, headers, body) = (200, [:], JSON.object([.init("data", data)]).bytes(.compact))
        case .refusal(let code, let given): (status, headers, body) = (code, given, Array(#"{"error":"no"}"#.utf8))
        case .bytes(let bytes, let given): (status, headers, body) = (200, given, bytes)
        case .cut: return nil
        }
        var head = "HTTP/1.1 \(status) X\r\nContent-Length: \(body.count)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }
}
