internal import NIOCore

/// The machine's own addresses and the networks it stands in: a stranger's job has no business with either, also
/// where they are public. At home every device has a public IPv6 address, and the router guards only the way in.
package struct LocalNetworks: Sendable {
    private var machine: Set<IPAddress> = []
    private var networks: [(first: IPAddress, length: Int)] = []

    /// What an ISP gives one home (RIPE-690): its devices' networks are side by side in it.
    private static let homePrefix = 56

    package init() {}

    package mutating func add(_ address: IPAddress, prefixLength: Int) {
        machine.insert(address)
        switch address {
        case .v4: networks.append((address, min(max(prefixLength, 8), 32)))
        case .v6: networks.append((address, min(prefixLength, Self.homePrefix)))
        }
    }

    /// As the machine's interfaces have them now.
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
        return networks.contains { $0.first.shares($0.length, with: address) } ? .neighbour : nil
    }
}

extension IPAddress {
    fileprivate init?(_ address: SocketAddress?) {
        guard let address = address?.withSockAddr({ address, _ in IPAddress(address) }) else { return nil }
        self = address
    }

    /// How many bits are set: of a netmask, its length.
    fileprivate var bitCount: Int {
        switch self {
        case .v4(let number): number.nonzeroBitCount
        case .v6(let number): number.nonzeroBitCount
        }
    }

    /// Whether the first `length` bits are the same. At least one must be, for an unset netmask is none.
    fileprivate func shares(_ length: Int, with other: IPAddress) -> Bool {
        switch (self, other) {
        case (.v4(let own), .v4(let number)): length > 0 && (own ^ number) >> (32 - length) == 0
        case (.v6(let own), .v6(let number)): length > 0 && (own ^ number) >> (128 - length) == 0
        default: false
        }
    }
}
