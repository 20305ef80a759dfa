/// Which hosts a job may reach, and its limits.
package struct EgressRules: Sendable, Equatable {
    package var domains: [DomainPattern]
    /// For entries without a port.
    package var ports: Set<UInt16> = [80, 443]
    package var addresses = AddressRules()
    /// The traffic limit: both directions, all connections, measured towards the servers.
    package var bytes: Int64 = 1 << 30
    package var connections = 32
    /// Idle connections are closed after this time.
    package var idleMilliseconds: Int64 = 60_000
    /// From the request to the connection, including name resolution.
    package var connectMilliseconds: Int64 = 10_000
    package var headMilliseconds: Int64 = 10_000
    /// For the request line and the headers; at most 65,536.
    package var headBytes = 16 << 10

    package init(domains: [DomainPattern]) {
        self.domains = domains
    }

    /// - Parameter domains: at most 1,000 entries; see ``DomainPattern``.
    /// - Throws: with a message for the user.
    package init(domains: [String]) throws(EgressHost.Problem) {
        guard domains.count <= 1_000 else {
            throw EgressHost.Problem(message: "\(domains.count) domains given, at most 1000 are allowed")
        }
        var patterns: [DomainPattern] = []
        for domain in domains { patterns.append(try DomainPattern(domain)) }
        self.init(domains: patterns)
    }

    /// Why the target is refused, by its name and port; `nil` if it is allowed.
    package func refusal(of target: EgressTarget) -> EgressRefusal? {
        let covering = domains.filter { $0.covers(target.host) }
        guard !covering.isEmpty else {
            if case .address = target.host { return .addressAsHost(target.host) }
            return .host(target.host)
        }
        let isAllowedPort = covering.contains { $0.port.map { $0 == target.port } ?? ports.contains(target.port) }
        return isAllowedPort ? nil : .port(target.host, target.port)
    }

    /// Why a host is refused, by its addresses; `nil` if all are allowed. A single disallowed address refuses the host:
    /// a name that resolves to both kinds is an attack or a mistake.
    package func refusal(
        of host: EgressHost, at answers: [IPAddress], from local: LocalNetworks
    ) -> EgressRefusal? {
        let blocked = answers.lazy.compactMap { addresses.blockedKind(of: $0, from: local) }
        return blocked.first.map { .address(host, $0) }
    }
}
