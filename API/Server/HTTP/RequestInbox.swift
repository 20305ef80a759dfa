internal import NIOCore
internal import NIOHTTPTypes

/// The parts of requests that have come and aren't taken yet, and what is behind them. Used on one event loop.
struct RequestInbox {
    typealias Reader = CheckedContinuation<HTTPRequestPart?, any Error>

    private var parts = CircularBuffer<HTTPRequestPart>(initialCapacity: 8)
    /// How the client ended; nil while more may come.
    private var end: Result<Void, any Error>?
    private var reader: Reader?
    /// Whether the request taken last has a body, or an end, that isn't taken.
    private(set) var isBodyLeft = false

    var isOpen: Bool { end == nil }
    var count: Int { parts.count }

    /// To be delivered when all that came with it is here.
    mutating func append(_ part: HTTPRequestPart) { parts.append(part) }

    /// Nothing comes behind what is here; only the first end counts.
    mutating func close(_ result: Result<Void, any Error>) {
        guard isOpen else { return }
        end = result
        deliver()
    }

    mutating func removeAll() { parts.removeAll() }

    mutating func take() -> HTTPRequestPart? {
        guard let part = parts.popFirst() else { return nil }
        switch part {
        case .head: isBodyLeft = true
        case .body: break
        case .end: isBodyLeft = false
        }
        return part
    }

    /// The reader gets the next part; nil, or what broke the client off, when there is none. One waits at a time.
    mutating func wait(_ reader: Reader) {
        self.reader = reader
        deliver()
    }

    mutating func deliver() {
        guard let reader, !parts.isEmpty || !isOpen else { return }
        self.reader = nil
        if let part = take() { return reader.resume(returning: part) }
        if case .failure(let error)? = end { reader.resume(throwing: error) } else { reader.resume(returning: nil) }
    }
}
