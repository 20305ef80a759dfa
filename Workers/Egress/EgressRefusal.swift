/// Why a request got no connection. The job's program reads it as the answer's body, its owner in the log.
package enum EgressRefusal: Error, Sendable, Equatable {
    case host(EgressHost)
    case addressAsHost(EgressHost)
    case port(EgressHost, UInt16)
    /// The address itself stays unsaid: strangers have no business in knowing the provider's network.
    case address(EgressHost, AddressRules.Kind)
    case malformed(String)
    case headTooLarge(Int)
    case headTooSlow
    case connections(Int)
    case bytes(Int64)
    case unknownName(EgressHost)
    case unreachable(EgressHost, UInt16)
    case timeout(EgressHost, UInt16)

    /// What the log calls it by; a host is reported once.
    var subject: String {
        switch self {
        case .host(let host), .addressAsHost(let host), .port(let host, _), .address(let host, _),
            .unknownName(let host), .unreachable(let host, _), .timeout(let host, _):
            "\(host)"
        case .malformed, .headTooLarge, .headTooSlow: "a request"
        case .connections: "a connection"
        case .bytes: "more bytes"
        }
    }

    /// Whether the rules said no, and not the network.
    var isByRules: Bool {
        switch self {
        case .unknownName, .unreachable, .timeout: false
        default: true
        }
    }

    package var message: String {
        switch self {
        case .host(let host):
            "\(host) is not among the domains this provider allows; ask for it, or bring the data as an input"
        case .addressAsHost(let host): "\(host) is an address: use a name, or ask the provider to list it"
        case .port(let host, let port): "port \(port) of \(host) is not among the ports this provider allows"
        case .address(let host, let kind):
            "\(host) leads to an address that is \(kind.rawValue): only public ones may be reached"
        case .malformed(let problem): problem
        case .headTooLarge(let limit): "the request's line and headers are larger than \(limit) bytes"
        case .headTooSlow: "the request's headers didn't come in time"
        case .connections(let limit): "\(limit) connections are open, which is the limit: close some first"
        case .bytes(let limit): "the job's limit of \(limit) bytes is used up"
        case .unknownName(let host): "\(host) has no address in the DNS"
        case .unreachable(let host, let port): "\(host) doesn't take connections on port \(port)"
        case .timeout(let host, let port): "\(host) didn't answer on port \(port) in time"
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

    /// The whole answer.
    var answer: String {
        let body = message + "\n"
        return "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
    }
}
