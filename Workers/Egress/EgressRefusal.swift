/// Why a request was refused. The job's program gets it as the response body, its owner in the log.
package enum EgressRefusal: Error, Sendable, Equatable {
    case host(EgressHost)
    case addressAsHost(EgressHost)
    case port(EgressHost, UInt16)
    /// Doesn't reveal the address: jobs must not learn about the provider's network.
    case address(EgressHost, AddressRules.Kind)
    case malformed(String)
    case headTooLarge(Int)
    case headTooSlow
    case connections(Int)
    case bytes(Int64)
    case unknownName(EgressHost)
    case unreachable(EgressHost, UInt16)
    case timeout(EgressHost, UInt16)

    /// How the log names it; each host is reported once.
    var subject: String {
        switch self {
        case .host(let host), .addressAsHost(let host), .port(let host, _), .address(let host, _),
            .unknownName(let host), .unreachable(let host, _), .timeout(let host, _):
            "\(host)"
        case .malformed, .headTooLarge, .headTooSlow: "a request"
        case .connections: "a connection"
        case .bytes: "further traffic"
        }
    }

    /// Whether the rules refused it, and not the network.
    var isByRules: Bool {
        switch self {
        case .unknownName, .unreachable, .timeout: false
        default: true
        }
    }

    package var message: String {
        switch self {
        case .host(let host):
            "\(host) is not among the domains that this provider allows; ask for it, or use an input"
        case .addressAsHost(let host): "\(host) is an address: use a name, or ask the provider to allow it"
        case .port(let host, let port): "port \(port) of \(host) is not among the ports that this provider allows"
        case .address(let host, let kind):
            "\(host) resolves to an address that is \(kind.rawValue): only public ones are allowed"
        case .malformed(let problem): problem
        case .headTooLarge(let limit): "the request line and headers exceed \(limit) bytes"
        case .headTooSlow: "timed out waiting for the request's headers"
        case .connections(let limit): "the limit of \(limit) open connections is reached"
        case .bytes(let limit): "the job has used up its traffic limit of \(limit) bytes"
        case .unknownName(let host): "\(host) could not be resolved"
        case .unreachable(let host, let port): "could not connect to \(host) on port \(port)"
        case .timeout(let host, let port): "timed out connecting to \(host) on port \(port)"
        }
    }

    var status: String {
        switch self {
        case .host, .addressAsHost, .port, .address: "403 Forbidden"
        case .malformed: "400 Bad Request"
        case .headTooLarge: "431 Request Header Fields Too Large"
        case .headTooSlow: "408 Request Timeout"
        case .connections, .bytes: "429 Too Many Requests"
        case .unknownName, .unreachable: "502 Bad Gateway"
        case .timeout: "504 Gateway Timeout"
        }
    }

    /// The complete HTTP response.
    var response: String {
        let body = message + "\n"
        return "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
    }
}
