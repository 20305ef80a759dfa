internal import Egress

/// Whether this machine's network is up, when another server can't be reached: whether the farm's name can be resolved.
struct NetworkCheck: Sendable {
    /// `nil` when the farm is known by its address, which is no evidence.
    private let name: String?

    /// - Parameter server: the farm's URL.
    init(server: String) {
        let rest = server.firstRange(of: "://").map { server[$0.upperBound...] } ?? server[...]
        let authority = rest.prefix { $0 != "/" }
        let host = authority.hasPrefix("[") ? "" : authority.prefix { $0 != ":" }
        if case .name(let name)? = try? EgressHost(host) { self.name = name } else { name = nil }
    }

    var isOnline: Bool {
        get async {
            guard let name else { return true }
            return await NameResolver.knows(name)
        }
    }
}
