internal import NIOHTTP1

/// A client's request to the forward proxy, and what is forwarded of it (RFC 9110 7.6.1).
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
                throw EgressHost.Problem(message: "unsupported transfer coding: only chunked is allowed")
            }
            head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
        }
        // The host that was checked, not the one that the client sent.
        let host = target.port == 80 ? "\(target.host)" : "\(target.host):\(target.port)"
        head.headers.replaceOrAdd(name: "Host", value: host)
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        self.head = head
    }

    private static let hopByHop = [
        "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "upgrade",
    ]
    /// Never removed, even if the client lists them in its Connection header.
    private static let needed: Set<String> = ["host", "content-length", "transfer-encoding"]
}
