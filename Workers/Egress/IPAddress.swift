internal import Glibc
internal import NIOCore

/// An IP address, without port and zone.
package enum IPAddress: Sendable, Hashable {
    case v4(UInt32)
    case v6(UInt128)

    /// Parses IPv4 in every notation that C libraries accept (`inet_aton`): `127.1`, `0x7f.0.0.1`, `017700000001`,
    /// `2130706433`; or IPv6 without brackets and zone.
    package init?(_ text: String) {
        guard text.utf8.allSatisfy({ Self.validCharacters.contains($0) }) else { return nil }
        if text.contains(":") {
            var address = in6_addr()
            guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
            self.init(address)
        } else {
            var address = in_addr()
            guard inet_aton(text, &address) != 0 else { return nil }
            self.init(address)
        }
    }

    /// `inet_aton` would ignore anything after a space.
    private static let validCharacters = Set("0123456789abcdefABCDEFxX.:".utf8)

    init(_ address: in_addr) {
        self = .v4(UInt32(bigEndian: address.s_addr))
    }

    init(_ address: in6_addr) {
        self = withUnsafeBytes(of: address) { .v6($0.reduce(0) { $0 << 8 | UInt128($1) }) }
    }

    /// `nil` for another address family.
    init?(_ address: UnsafePointer<sockaddr>) {
        switch CInt(address.pointee.sa_family) {
        case AF_INET: self = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Self($0.pointee.sin_addr) }
        case AF_INET6:
            self = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { Self($0.pointee.sin6_addr) }
        default: return nil
        }
    }

    func socketAddress(port: UInt16) throws -> SocketAddress {
        var bytes = ByteBuffer()
        switch self {
        case .v4(let number): bytes.writeInteger(number)
        case .v6(let number):
            bytes.writeInteger(UInt64(truncatingIfNeeded: number >> 64))
            bytes.writeInteger(UInt64(truncatingIfNeeded: number))
        }
        return try SocketAddress(packedIPAddress: bytes, port: Int(port))
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .v4(let number):
            [24, 16, 8, 0].map { String(UInt8(truncatingIfNeeded: number >> $0)) }.joined(separator: ".")
        case .v6: (try? socketAddress(port: 0))?.ipAddress ?? ""
        }
    }
}
