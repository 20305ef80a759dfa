internal import Bytes

/// One server-sent event.
struct ServerEvent: Sendable, Equatable {
    var id: String?
    var name = "message"
    var data = ""

    var json: JSON? { try? JSON(parsing: Array(data.utf8)) }
}

/// Parses a byte stream into server-sent events, as specified by the HTML standard.
struct EventParser {
    private var line: [UInt8] = []
    private var event = ServerEvent()
    private var hasData = false
    private var lastID: String?
    private var followsReturn = false

    /// Returns the events that these bytes complete.
    mutating func read(_ bytes: some Sequence<UInt8>) -> [ServerEvent] {
        var events: [ServerEvent] = []
        for byte in bytes {
            let isNewline = byte == UInt8(ascii: "\n")
            defer { followsReturn = byte == UInt8(ascii: "\r") }
            if isNewline, followsReturn { continue }
            if isNewline || byte == UInt8(ascii: "\r") {
                if let event = take(String(decoding: line, as: UTF8.self)) { events.append(event) }
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
        }
        return events
    }

    private mutating func take(_ line: String) -> ServerEvent? {
        guard !line.isEmpty else {
            defer {
                event = ServerEvent()
                hasData = false
            }
            event.id = lastID
            return hasData ? event : nil
        }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts[0] {
        case "data":
            event.data += hasData ? "\n\(value)" : value
            hasData = true
        case "event": event.name = value
        case "id": lastID = value
        default: break
        }
        return nil
    }
}
