/// An entry of an allowlist.
package struct DomainPattern: Sendable, Hashable {
    package enum Hosts: Sendable, Hashable {
        /// Every name, but no address: addresses must be listed individually.
        case any
        /// All subdomains of this name, but not the name itself.
        case below(String)
        case exactly(EgressHost)
    }

    package let hosts: Hosts
    /// `nil`: the rules' default ports.
    package let port: UInt16?

    /// Parses `example.org`, `*.debian.org`, `*`, `8.8.8.8` or `[2606:4700::1]`, each with an optional port.
    package init(_ text: String) throws(EgressHost.Problem) {
        guard !text.contains("/") else {
            throw EgressHost.Problem(message: "\(EgressHost.shown(text)) is a URL: use only its host")
        }
        let (host, port) = try EgressTarget.split(text)
        self.port = port
        if host == "*" {
            hosts = .any
        } else if host.hasPrefix("*.") {
            guard case .name(let name) = try EgressHost(host.dropFirst(2)) else {
                throw EgressHost.Problem(message: "\(EgressHost.shown(text)): an address has no subdomains")
            }
            hosts = .below(name)
        } else {
            guard !host.contains("*") else {
                throw EgressHost.Problem(
                    message:
                        "\(EgressHost.shown(text)): * is only allowed alone or at the beginning, as in *.example.org")
            }
            hosts = .exactly(try EgressHost(host))
        }
    }

    package func covers(_ host: EgressHost) -> Bool {
        switch (hosts, host) {
        case (.any, .name): true
        case (.below(let domain), .name(let name)): name.hasSuffix("." + domain)
        case (.exactly(let allowed), _): allowed == host
        default: false
        }
    }
}
