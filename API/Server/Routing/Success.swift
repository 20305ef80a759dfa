package import Bytes
internal import HTTPTypes
internal import Store

/// How an operation answers when it was done: what its handler returns becomes the body, in the system's envelope.
package struct Success<Value>: Sendable {
    let status: HTTPResponse.Status
    let shape: Shape<Value>
    let note: String
    /// Where the new thing is, below the system's first base.
    let location: (@Sendable (Value) -> String)?
    /// Whether it has an `ETag`, and a caller who knows it gets 304.
    let isTagged: Bool

    package static func ok(_ shape: Shape<Value>, _ note: String = "") -> Success {
        Success(status: .ok, shape: shape, note: note, location: nil, isTagged: false)
    }

    /// With an `ETag` (CONTRACT 4).
    package static func tagged(_ shape: Shape<Value>) -> Success {
        Success(status: .ok, shape: shape, note: "", location: nil, isTagged: true)
    }

    /// - Parameters:
    ///   - tagged: whether with an `ETag`.
    ///   - location: the path of what is new, below the system's first base.
    package static func created(
        _ shape: Shape<Value>, tagged: Bool = false, at location: (@Sendable (Value) -> String)? = nil
    ) -> Success {
        Success(status: .created, shape: shape, note: "", location: location, isTagged: tagged)
    }

    package static func accepted(_ shape: Shape<Value>, _ note: String = "") -> Success {
        Success(status: .accepted, shape: shape, note: note, location: nil, isTagged: false)
    }

    /// As the document tells it: only who reads is told that nothing is new.
    func answers(of method: HTTPRequest.Method) -> [Route.Answer] {
        let answers = [Route.Answer(status, shape.schema, note)]
        return isTagged && method == .get ? answers + [.notModified] : answers
    }

    func reply(_ value: Value, for call: Call) -> Reply {
        let bytes = call.envelope.bytes { shape.write(value, &$0) }
        var reply = Reply.json(status, bytes: bytes)
        if isTagged { reply = .tagged(reply, bytes, for: call) }
        return location.map { reply.with(.location, call.canonicalBase + $0(value)) } ?? reply
    }

    /// To be kept with an idempotency key.
    func stored(_ value: Value, for call: Call) -> StoredAnswer {
        StoredAnswer(
            status: status.code, location: location.map { call.canonicalBase + $0(value) },
            body: String(decoding: call.envelope.bytes { shape.write(value, &$0) }, as: UTF8.self))
    }
}
