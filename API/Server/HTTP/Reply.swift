package import Bytes
package import Domain
internal import Engine
package import HTTPTypes
internal import Logging
package import NIOCore

/// What a handler answers.
package struct Reply: Sendable {
    package typealias Write = @Sendable (BodyWriter) async throws -> Void

    package enum Content: Sendable {
        case none
        case whole(ByteBuffer)
        /// `length` in bytes; nil is sent in chunks.
        case stream(length: Int?, Write)
        /// A WebSocket, from this answer on.
        case socket(SocketUpgrade)
    }

    package var status: HTTPResponse.Status
    package var type: String?
    /// Besides those that every reply has.
    package var headers: [HTTPField]
    package var content: Content

    init(_ status: HTTPResponse.Status, type: String?, _ content: Content, headers: [HTTPField] = []) {
        self.status = status
        self.type = type
        self.content = content
        self.headers = headers
    }

    /// Compact JSON, written already.
    package static func json(_ status: HTTPResponse.Status, bytes: [UInt8]) -> Reply {
        Reply(status, type: "application/json", .whole(ByteBuffer(bytes: bytes)))
    }

    package static func json(_ status: HTTPResponse.Status, _ value: JSON) -> Reply {
        json(status, bytes: value.bytes(.compact))
    }

    /// Written as it goes, without a tree: for hot replies.
    package static func json(_ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void) -> Reply {
        var writer = JSONWriter()
        write(&writer)
        return json(status, bytes: writer.bytes)
    }

    package static func empty(_ status: HTTPResponse.Status) -> Reply { Reply(status, type: nil, .none) }

    package static func bytes(_ status: HTTPResponse.Status, _ bytes: [UInt8], type: String) -> Reply {
        Reply(status, type: type, .whole(ByteBuffer(bytes: bytes)))
    }

    package static func text(
        _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Reply {
        Reply(status, type: type, .whole(ByteBuffer(string: text)))
    }

    /// An error breaks the connection off.
    package static func stream(
        _ status: HTTPResponse.Status, type: String, length: Int? = nil, _ write: @escaping Write
    ) -> Reply {
        Reply(status, type: type, .stream(length: length, write))
    }

    /// With one more header field. The value may not hold line breaks.
    package func with(_ name: HTTPField.Name, _ value: String) -> Reply {
        var copy = self
        copy.headers.removeAll { $0.name == name }
        copy.headers.append(HTTPField(name: name, value: value))
        return copy
    }

    /// As the last answer of its connection.
    func asLast() -> Reply {
        let options = headers.first { $0.name == .connection }?.value ?? "close"
        return with(.connection, options == "close" ? options : options + ", close")
    }

    func with(_ fields: HTTPFields) -> Reply {
        fields.reduce(self) { $0.with($1.name, $1.value) }
    }

    func has(_ name: HTTPField.Name) -> Bool { headers.contains { $0.name == name } }
}

extension Call {
    /// 200 with the data in the system's envelope, written as they go: for hot replies.
    package func reply(capacity: Int = 256, _ data: (inout JSONWriter) -> Void) -> Reply {
        var writer = JSONWriter(capacity: capacity)
        envelope.write(&writer, data)
        return .json(.ok, bytes: writer.bytes)
    }

    package func reply(_ data: JSON) -> Reply { reply { $0.json(data) } }

    /// A refusal in the system's words, for an answer that tells of several.
    package func problem(_ refusal: Refusal) -> Problem { served.system.overrides(refusal) ?? Problem(refusal) }

    /// Any error as what the caller may know of it; one that nobody foresaw is logged as a bug of ours.
    package func problem(of error: any Error) -> Problem {
        if let foreseen = Problem.foreseen(error, in: served.system) { return foreseen }
        dependencies.broker.internalErrors.note(error, in: logger, ["request": "\(id)", "path": "\(path)"])
        return .internal
    }
}
