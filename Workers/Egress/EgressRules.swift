/// What a job may reach, and how much of it.
package struct EgressRules: Sendable, Equatable {
    package var domains: [DomainPattern]
    /// For entries without a port of their own.
    package var ports: Set<UInt16> = [80, 443]
    package var addresses = AddressRules()
    /// Both directions and all connections together, as bytes on the servers' side.
    package var bytes: Int64 = 1 << 30
    package var connections = 32
    /// A connection on which nothing moves is closed.
    package var idleMilliseconds: Int64 = 60_000
    /// From the request to the connection, the lookup of the name included.
    package var connectMilliseconds: Int64 = 10_000
    package var headMilliseconds: Int64 = 10_000
    /// The request line and the headers; at most 65,536.
    package var headBytes = 16 << 10

    package init(domains: [DomainPattern]) {
        self.domains = domains
    }

    /// - Parameter domains: entries as people write them, at most 1,000; see ``DomainPattern``.
    /// - Throws: with a message for whoever wrote them.
    package init(domains: [String]) throws(EgressHost.Problem) {
        guard domains.count <= 1_000 else {
            throw EgressHost.Problem(message: "\(domains.count) domains, at most 1000 are allowed")
        }
        var patterns: [DomainPattern] = []
        for domain in domains { patterns.append(try DomainPattern(domain)) }
        self.init(domains: patterns)
    }

    /// Why the target may not be reached, as far as its name tells; `nil` when it may.
    package func refusal(of target: EgressTarget) -> EgressRefusal? {
        let covering = domains.filter { $0.covers(target.host) }
        guard !covering.isEmpty else {
            if case .address = target.host { return .addressAsHost(target.host) }
            return .host(target.host)
        }
        let isPort = covering.contains { $0.port.map { $0 == target.port } ?? ports.contains(target.port) }
        return isPort ? nil : .port(target.host, target.port)
    }

    /// Why none of a host's addresses may be connected to; `nil` when all may. One that may not spoils the rest: a
    /// name that answers with both is an attack or a mistake.
    package func refusal(
        of host: EgressHost, at answers: [IPAddress], from local: LocalNetworks
    ) -> EgressRefusal? {
        let objections = answers.lazy.compactMap { addresses.objection(to: $0, from: local) }
        return objections.first.map { .address(host, $0) }
    }
}
