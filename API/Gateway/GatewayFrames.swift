internal import Bytes
internal import Domain
internal import HTTPTypes

/// A message of a client: `{"type","data","requestId"}`.
struct GatewayFrame: Sendable {
    private let type: JSON?
    let data: JSON
    /// The members beside `data`, for what the seed has there.
    let whole: JSON
    /// Told back in the answer.
    let requestID: JSON?

    /// Throws what is wrong with it.
    init(_ text: [UInt8]) throws {
        whole = try JSON(parsing: text)
        guard whole.members != nil else { throw FieldError("", .wrongType(expected: "an object")) }
        let id = whole["requestId"]
        guard id.map({ $0.string != nil || $0.int != nil }) ?? true, (id?.string ?? "").utf8.count <= 256 else {
            throw FieldError("requestId", .invalid("must be a string of at most 256 bytes, or an integer"))
        }
        requestID = id
        type = whole["type"]
        data = whole["data"] ?? .object([])
    }
}

extension GatewayFrame {
    /// Throws when it names none.
    var name: String {
        get throws(FieldError) {
            guard let type else { throw FieldError("type", .missing) }
            guard let text = type.string else { throw FieldError("type", .wrongType(expected: "a string")) }
            return text
        }
    }
}

/// A message to a client.
struct GatewayMessage: Sendable {
    var type: String
    /// Of the frame that it answers.
    var requestID: JSON?
    var deviceID: DeviceID?
    var position: Int64?
    /// Whether the data come as `payload` as well.
    var hasPayload = false

    /// Compact JSON.
    func bytes<Value>(_ shape: Shape<Value>, _ value: Value, as name: String = "data") -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.field("type", type)
        if let requestID { writer.field("requestId", requestID) }
        if let deviceID { writer.field("deviceId", deviceID.text) }
        if let position { writer.field("position", position) }
        writer.key(name)
        shape.write(value, &writer)
        if hasPayload {
            writer.key("payload")
            shape.write(value, &writer)
        }
        writer.endObject()
        return writer.bytes
    }
}

extension WebSocket {
    func send<Value>(_ message: GatewayMessage, _ shape: Shape<Value>, _ value: Value) async throws(SocketClosed) {
        try await send(message.bytes(shape, value))
    }

    /// Sends what went wrong; the socket stays open.
    func send(_ problem: Problem, to requestID: JSON?) async throws(SocketClosed) {
        try await send(
            GatewayMessage(type: "error", requestID: requestID).bytes(GatewayShapes.refusal, problem, as: "error"))
    }

    /// Acts on a message of the client, which its bucket pays for; what it throws is sent as an error.
    func answer(
        _ text: [UInt8], _ call: Call, by subject: String?, _ act: (GatewayFrame) async throws -> Void
    ) async throws {
        var requestID: JSON?
        do {
            let frame = try GatewayFrame(text)
            requestID = frame.requestID
            if let subject, let wait = call.authenticator.owners.take(subject) {
                throw Problem.tooMany(retryAfter: wait)
            }
            try await act(frame)
        } catch let error as SocketClosed {
            throw error
        } catch {
            try await send(call.problem(of: error), to: requestID)
        }
    }
}

extension Problem {
    static func unknownType(_ type: String, known: [String]) -> Problem {
        Problem(
            .badRequest, "unknown_type", "there is no message of this type here, but \(known.joined(separator: ", "))",
            field: "type")
    }

    static let tooManyMessages = Problem(.tooManyRequests, "rate_limited", "too many messages; send fewer")
}
