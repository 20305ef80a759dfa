import AsyncHTTPClient
import Bytes
import NIOCore
import NIOHTTP1
import Testing

struct ServerEvent: Equatable {
    var id: String?
    var name: String?
    var data: JSON
}

/// Reads server-sent events as they come. Every event has to be there within half a minute.
struct EventReader {
    let status: Int
    let type: String?
    private var body: HTTPClientResponse.Body.AsyncIterator
    private var text = ""

    init(_ plane: ControlPlane, job: String, _ caller: Caller = .alice, after id: String? = nil) async throws {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(plane.port)/api/v1/jobs/\(job)/events")
        request.headers = HTTPHeaders(caller.headers + (id.map { [("Last-Event-ID", $0)] } ?? []))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        status = Int(response.status.code)
        type = response.headers.first(name: "Content-Type")
        body = response.body.makeAsyncIterator()
    }

    /// nil at the end of the stream.
    mutating func next() async throws -> ServerEvent? {
        while true {
            while let end = text.firstRange(of: "\n\n") {
                let block = text[..<end.lowerBound]
                text = String(text[end.upperBound...])
                if let event = Self.event(block) { return event }
            }
            guard let piece = try await body.next() else { return nil }
            text += String(buffer: piece)
        }
    }

    /// All that is still to come.
    mutating func rest() async throws -> [ServerEvent] {
        var events: [ServerEvent] = []
        while let event = try await next() { events.append(event) }
        return events
    }

    /// nil for a comment.
    private static func event(_ block: Substring) -> ServerEvent? {
        var event = ServerEvent(data: .null)
        var data: [Substring] = []
        for line in block.split(separator: "\n") {
            if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
            if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
            if line.hasPrefix("data: ") { data.append(line.dropFirst(6)) }
        }
        guard !data.isEmpty else { return nil }
        event.data = (try? JSON(parsing: Array(data.joined(separator: "\n").utf8))) ?? .null
        return event
    }
}
