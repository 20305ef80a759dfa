internal import NIOHTTP1

/// What a client asks of a forward proxy, and what is passed on of it (RFC 9110 7.6.1).
struct ForwardRequest {
    let target: EgressTarget
    /// For the server; `nil` for a tunnel.
    let head: HTTPRequestHead?

    init(_ received: HTTPRequestHead) throws(EgressHost.Problem) {
        guard received.method != .CONNECT else {
            target = try EgressTarget(authority: received.uri)
            head = nil
            return
        }
        target = try EgressTarget(url: received.uri)
        var head = received
        head.uri = target.path ?? "/"
        let named = head.headers[canonicalForm: "connection"].map { $0.lowercased() }
        for name in Self.hopByHop + named where !Self.needed.contains(name) { head.headers.remove(name: name) }
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        if !codings.isEmpty {
            guard codings.count == 1, codings.first?.lowercased() == "chunked" else {
                throw EgressHost.Problem(message: "of the transfer codings only chunked is taken here")
            }
            head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
        }
        // The name that was judged, and no other.
        let host = target.port == 80 ? "\(target.host)" : "\(target.host):\(target.port)"
        head.headers.replaceOrAdd(name: "Host", value: host)
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        self.head = head
    }

    private static let hopByHop = [
        "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "upgrade",
    ]
    /// Never removed, even when the client names them as options of its connection.
    private static let needed: Set<String> = ["host", "content-length", "transfer-encoding"]
}
