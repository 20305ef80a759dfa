package import Bytes
package import HTTPTypes
internal import HummingbirdCore

/// `"` + SHA-256 hex of the reply as canonical JSON + `"` (CONTRACT 4).
package enum EntityTag {
    package static func of(_ value: JSON) -> String { "\"\(SHA256.hex(value.bytes(.canonical)))\"" }

    /// Whether `If-None-Match` or `If-Match` names the tag: a list, bare or quoted, `W/` or `*`.
    package static func matches(_ header: String, _ tag: String) -> Bool {
        let bare = bare(tag[...])
        return header.split(separator: ",").contains { item in
            let name = Self.bare(item)
            return name == "*" || name == bare
        }
    }

    private static func bare(_ item: Substring) -> Substring {
        var rest = item.drop { $0 == " " || $0 == "\t" }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        if rest.hasPrefix("W/") || rest.hasPrefix("w/") { rest = rest.dropFirst(2) }
        if rest.utf8.count >= 2, rest.first == "\"", rest.last == "\"" { rest = rest.dropFirst().dropLast() }
        return rest
    }
}

extension Reply {
    /// With its `ETag`; a GET that knows this tag already gets a 304 with the tag and no body.
    package static func tagged(_ status: HTTPResponse.Status, _ value: JSON, for call: Call) -> Reply {
        let tag = EntityTag.of(value)
        let isRead = call.request.head.method == .get || call.request.head.method == .head
        let known = call.request.head.headerFields[values: .ifNoneMatch]
        if isRead, known.contains(where: { EntityTag.matches($0, tag) }) {
            return empty(.notModified).tagged(tag)
        }
        return json(status, value).tagged(tag)
    }

    private func tagged(_ tag: String) -> Reply {
        with(.eTag, tag).with(.vary, "Authorization, X-Owner-ID").with(.cacheControl, "private, no-cache")
    }
}
