internal import Egress

/// Where a server's URL leads, for clients that open the connection themselves.
struct ServerAddress: Sendable, Equatable {
    let isSecure: Bool
    let host: EgressHost
    let port: Int
    /// Stands before every path: empty, or with a slash at its beginning and none at its end.
    let prefix: String

    /// Throws `.invalid` unless it is an http:// or https:// URL without user and password.
    init(_ url: String) throws(Failure) {
        let problem = Failure.invalid("the server must be an http:// or https:// URL: \(Text.sanitized(url))")
        guard let mark = url.firstRange(of: "://") else { throw problem }
        switch url[..<mark.lowerBound].lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: throw problem
        }
        let rest = url[mark.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        let isBare = authority.hasSuffix("]") || !authority.contains(":")
        let target: EgressTarget
        do {
            target = try EgressTarget(
                authority: isBare ? "\(authority):\(isSecure ? 443 : 80)" : String(authority))
        } catch {
            throw problem
        }
        host = target.host
        port = Int(target.port)
        let path = rest[end...].prefix { $0 != "?" && $0 != "#" }
        prefix = String(path.reversed().drop { $0 == "/" }.reversed())
    }

    /// For a resolver: an IPv6 address without its brackets.
    var name: String {
        switch host {
        case .name(let name): name
        case .address(let address): "\(address)"
        }
    }

    /// What a certificate must be for; nil for an address.
    var certificateName: String? {
        if case .name(let name) = host { name } else { nil }
    }

    /// As the `Host` field names it.
    var authority: String {
        port == (isSecure ? 443 : 80) ? "\(host)" : "\(host):\(port)"
    }
}
