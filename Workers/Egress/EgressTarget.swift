/// The target of a request, from its request line (RFC 9112 3.2).
package struct EgressTarget: Sendable, Equatable {
    package let host: EgressHost
    package let port: UInt16
    /// The path and query; `nil` for a tunnel.
    package let path: String?

    /// Parses `host:port`, as in `CONNECT`.
    package init(authority: some StringProtocol) throws(EgressHost.Problem) {
        let (host, port) = try Self.split(authority)
        guard let port else { throw EgressHost.Problem(message: "CONNECT needs a host and a port") }
        self.host = try EgressHost(host)
        self.port = port
        path = nil
    }

    /// Parses `http://host[:port]/path?query`.
    package init(url: String) throws(EgressHost.Problem) {
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !url.contains("#") else {
            throw EgressHost.Problem(message: "the URL contains invalid characters")
        }
        guard let colon = url.firstRange(of: "://") else {
            throw EgressHost.Problem(message: "this is a proxy: send CONNECT host:port, or an http:// URL")
        }
        guard url[..<colon.lowerBound].lowercased() == "http" else {
            throw EgressHost.Problem(message: "only http:// URLs are supported: use CONNECT for anything else")
        }
        let rest = url[colon.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let (host, port) = try Self.split(rest[..<end])
        self.host = try EgressHost(host)
        self.port = port ?? 80
        let path = String(rest[end...])
        self.path = path.hasPrefix("/") ? path : "/" + path
    }

    /// Splits `host[:port]` without validating the host.
    static func split<Text: StringProtocol>(
        _ text: Text
    ) throws(EgressHost.Problem) -> (host: Text.SubSequence, port: UInt16?) {
        guard !text.contains("@") else {
            throw EgressHost.Problem(message: "user and password are not allowed in the host")
        }
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]").map { text.index(after: $0) } : nil
        let hostEnd = end ?? text.firstIndex(of: ":") ?? text.endIndex
        guard hostEnd < text.endIndex else { return (text[...], nil) }
        let digits = text[hostEnd...].dropFirst()
        guard text[hostEnd] == ":", (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits), port > 0
        else { throw EgressHost.Problem(message: "\(EgressHost.shown(String(text))) has no valid port (1–65535)") }
        return (text[..<hostEnd], port)
    }
}
