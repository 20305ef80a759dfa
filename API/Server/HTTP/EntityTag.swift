package import Bytes
internal import Engine
internal import HTTPTypes
internal import Logging

/// `"` + SHA-256 hex of the reply as canonical JSON + `"` (CONTRACT 4).
package enum EntityTag {
    package static func of(_ value: JSON) -> String { "\"\(SHA256.hex(value.bytes(.canonical)))\"" }

    /// Whether `If-None-Match` or `If-Match` names the tag: `*`, or a list, bare or quoted.
    /// - Parameter isStrong: for `If-Match`, to which a weak tag (`W/`) never is the one (RFC 9110, 13.1.1).
    package static func matches(_ header: String, _ tag: String, isStrong: Bool = false) -> Bool {
        if trimmed(header[...]) == "*" { return true }
        let bare = unquoted(tag[...])
        var isQuoted = false
        let items = header.split { character in
            if character == "\"" { isQuoted.toggle() }
            return character == "," && !isQuoted
        }
        return items.contains { item in
            var item = trimmed(item)
            if item.hasPrefix("W/") || item.hasPrefix("w/") {
                if isStrong { return false }
                item = item.dropFirst(2)
            }
            return unquoted(item) == bare
        }
    }

    private static func trimmed(_ item: Substring) -> Substring {
        var rest = item.drop { $0 == " " || $0 == "\t" }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }

    private static func unquoted(_ item: Substring) -> Substring {
        guard item.utf8.count >= 2, item.first == "\"", item.last == "\"" else { return item }
        return item.dropFirst().dropLast()
    }
}

extension Reply {
    /// With its `ETag`; a GET that knows this tag already gets a 304 with the tag and no body.
    /// - Parameter bytes: its body, any JSON.
    package static func tagged(_ reply: Reply, _ bytes: [UInt8], for call: Call) -> Reply {
        do {
            return tagged(reply, EntityTag.of(try JSON(parsing: bytes)), for: call)
        } catch {
            // What was done is done: it is told, without a tag.
            call.dependencies.broker.internalErrors.note(
                error, in: Logger(label: "api"), ["request": "\(call.id)", "path": "\(call.path)"])
            return reply
        }
    }

    /// With that `ETag`.
    static func tagged(_ reply: Reply, _ tag: String, for call: Call) -> Reply {
        let isRead = call.head.method == .get || call.head.method == .head
        let known = call.head.headerFields[values: .ifNoneMatch]
        let isKnown = isRead && known.contains { EntityTag.matches($0, tag) }
        return (isKnown ? empty(.notModified) : reply)
            .with(.eTag, tag).with(.vary, "Authorization, X-Owner-ID").with(.cacheControl, "private, no-cache")
    }
}
