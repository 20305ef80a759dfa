/// Which addresses jobs may reach: public ones, and those that the provider allows in addition.
///
/// Based on IANA's special-purpose address registries (RFC 6890 and updates), and the metadata services of clouds,
/// which can never be allowed.
package struct AddressRules: Sendable, Equatable {
    /// Private networks: RFC 1918, 100.64/10, fc00::/7, fec0::/10, and the machine's local networks
    /// (`HATCHFARM_ALLOW_PRIVATE`).
    package var allowsPrivate: Bool
    /// This machine itself: 127/8, ::1, and every address of its interfaces. Only for tests.
    package var allowsLoopback: Bool

    package init(allowsPrivate: Bool = false, allowsLoopback: Bool = false) {
        self.allowsPrivate = allowsPrivate
        self.allowsLoopback = allowsLoopback
    }

    /// The kind of a non-public address.
    package enum Kind: String, Sendable {
        case metadata = "a metadata service"
        case loopback = "this machine itself"
        case privateUse = "private"
        case localNetwork = "in the provider's local network"
        case linkLocal = "link-local"
        case multicast = "multicast"
        case documentation = "reserved for documentation"
        case translation = "reserved for address translation"
        case reserved = "reserved"
    }

    package func allows(_ kind: Kind) -> Bool {
        switch kind {
        case .privateUse, .localNetwork: allowsPrivate
        case .loopback: allowsLoopback
        default: false
        }
    }

    /// The kind of an address that is not allowed; `nil` if it is allowed.
    package func blockedKind(of address: IPAddress, from local: LocalNetworks) -> Kind? {
        let address = Self.unwrapped(address)
        let isMachine = local.kind(of: address) == .loopback
        guard let kind = isMachine ? .loopback : Self.kind(of: address) ?? local.kind(of: address) else { return nil }
        return allows(kind) ? nil : kind
    }

    /// `nil` if it is public.
    package static func kind(of address: IPAddress) -> Kind? {
        switch unwrapped(address) {
        case .v4(let number): return ranges4.first { $0.contains(UInt128(number)) }?.kind
        case .v6(let number):
            if let range = ranges6.first(where: { $0.contains(number) }) { return range.kind }
            return globalUnicast.contains(number) ? nil : .reserved
        }
    }

    /// On IPv6-only networks with NAT64, the resolver embeds IPv4 addresses in IPv6 ones (RFC 6052).
    private static func unwrapped(_ address: IPAddress) -> IPAddress {
        guard case .v6(let number) = address, nat64.contains(number) else { return address }
        return .v4(UInt32(truncatingIfNeeded: number))
    }
}

/// A CIDR block: the addresses that share the first `length` bits with `first`.
private struct AddressRange {
    let first: UInt128
    let width: Int
    let length: Int
    let kind: AddressRules.Kind

    func contains(_ number: UInt128) -> Bool {
        (first ^ number) >> (width - length) == 0
    }

    static func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ length: Int, _ kind: AddressRules.Kind) -> Self {
        let first = [a, b, c, d].reduce(0 as UInt128) { $0 << 8 | UInt128($1) }
        return AddressRange(first: first, width: 32, length: length, kind: kind)
    }

    static func v6(_ high: UInt64, low: UInt64 = 0, _ length: Int, _ kind: AddressRules.Kind) -> Self {
        AddressRange(first: UInt128(high) << 64 | UInt128(low), width: 128, length: length, kind: kind)
    }
}

extension AddressRules {
    private static let globalUnicast = AddressRange.v6(0x2000_0000_0000_0000, 3, .reserved)
    private static let nat64 = AddressRange.v6(0x0064_ff9b_0000_0000, 96, .translation)

    /// The first range that contains an address determines its kind.
    private static let ranges4: [AddressRange] = [
        .v4(169, 254, 169, 254, 32, .metadata), .v4(100, 100, 100, 200, 32, .metadata),
        .v4(192, 0, 0, 192, 32, .metadata), .v4(168, 63, 129, 16, 32, .metadata),
        .v4(0, 0, 0, 0, 8, .reserved), .v4(10, 0, 0, 0, 8, .privateUse), .v4(100, 64, 0, 0, 10, .privateUse),
        .v4(127, 0, 0, 0, 8, .loopback), .v4(169, 254, 0, 0, 16, .linkLocal), .v4(172, 16, 0, 0, 12, .privateUse),
        .v4(192, 0, 0, 0, 24, .reserved), .v4(192, 0, 2, 0, 24, .documentation),
        .v4(192, 88, 99, 0, 24, .translation), .v4(192, 168, 0, 0, 16, .privateUse),
        .v4(198, 18, 0, 0, 15, .reserved), .v4(198, 51, 100, 0, 24, .documentation),
        .v4(203, 0, 113, 0, 24, .documentation), .v4(224, 0, 0, 0, 4, .multicast), .v4(240, 0, 0, 0, 4, .reserved),
    ]

    /// IPv4 embedded in IPv6 is refused except for NAT64: it isn't needed, and some forms reach the IPv4 host.
    private static let ranges6: [AddressRange] = [
        .v6(0xfd00_0ec2_0000_0000, low: 0x254, 128, .metadata), .v6(0xfd20_00ce_0000_0000, low: 0x254, 128, .metadata),
        .v6(0, low: 1, 128, .loopback), .v6(0, low: 0xffff_0000_0000, 96, .translation),
        .v6(0x0064_ff9b_0001_0000, 48, .translation), .v6(0x0100_0000_0000_0000, 64, .reserved),
        .v6(0x2001_0000_0000_0000, 32, .translation), .v6(0x2001_0000_0000_0000, 23, .reserved),
        .v6(0x2001_0db8_0000_0000, 32, .documentation), .v6(0x2002_0000_0000_0000, 16, .translation),
        .v6(0x3fff_0000_0000_0000, 20, .documentation), .v6(0xfc00_0000_0000_0000, 7, .privateUse),
        .v6(0xfe80_0000_0000_0000, 10, .linkLocal), .v6(0xfec0_0000_0000_0000, 10, .privateUse),
        .v6(0xff00_0000_0000_0000, 8, .multicast),
    ]
}
