internal import NIOCore

/// The machine's own addresses and its local networks. Jobs must not reach either, even where the addresses are public:
/// at home every device has a public IPv6 address, and the router filters only inbound connections.
package struct LocalNetworks: Sendable {
    private var machine: Set<IPAddress> = []
    private var networks: [(first: IPAddress, length: Int)] = []

    /// The prefix length that an ISP delegates to a home (RIPE-690); it covers all networks there.
    private static let homePrefixLength = 56

    package init() {}

    package mutating func add(_ address: IPAddress, prefixLength: Int) {
        machine.insert(address)
        switch address {
        case .v4: networks.append((address, min(max(prefixLength, 8), 32)))
        case .v6: networks.append((address, min(prefixLength, Self.homePrefixLength)))
        }
    }

    /// Those of the machine's interfaces at the moment.
    package static func current() -> LocalNetworks {
        var networks = LocalNetworks()
        for device in (try? System.enumerateDevices()) ?? [] {
            guard let address = IPAddress(device.address) else { continue }
            networks.add(address, prefixLength: IPAddress(device.netmask)?.bitCount ?? 0)
        }
        return networks
    }

    func kind(of address: IPAddress) -> AddressRules.Kind? {
        if machine.contains(address) { return .loopback }
        return networks.contains { $0.first.shares($0.length, with: address) } ? .localNetwork : nil
    }
}

extension IPAddress {
    fileprivate init?(_ address: SocketAddress?) {
        guard let address = address?.withSockAddr({ address, _ in IPAddress(address) }) else { return nil }
        self = address
    }

    /// The number of set bits: for a netmask, its prefix length.
    fileprivate var bitCount: Int {
        switch self {
        case .v4(let number): number.nonzeroBitCount
        case .v6(let number): number.nonzeroBitCount
        }
    }

    /// Whether the first `length` bits are equal. `length` must be positive: a missing netmask matches nothing.
    fileprivate func shares(_ length: Int, with other: IPAddress) -> Bool {
        switch (self, other) {
        case (.v4(let own), .v4(let number)): length > 0 && (own ^ number) >> (32 - length) == 0
        case (.v6(let own), .v6(let number)): length > 0 && (own ^ number) >> (128 - length) == 0
        default: false
        }
    }
}
