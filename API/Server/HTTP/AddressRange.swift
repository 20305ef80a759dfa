internal import Glibc

/// An address, or all that begin with the same bits: `10.0.0.0/8`, `::1`.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private let bytes: [UInt8]
    private let bits: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let first = parts.first, let bytes = Self.bytes(String(first)) else {
            return nil
        }
        description = text
        self.bytes = bytes
        guard parts.count == 2, let last = parts.last else {
            bits = bytes.count * 8
            return
        }
        // An IPv4 address in the clothes of IPv6 has no prefix that could be meant.
        guard first.contains(":") == (bytes.count == 16), (1...3).contains(last.utf8.count), let bits = Int(last),
            last.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            (0...bytes.count * 8).contains(bits)
        else { return nil }
        self.bits = bits
    }

    /// - Parameter address: as `bytes` gives it.
    package func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        let whole = bits / 8
        guard address.prefix(whole).elementsEqual(bytes.prefix(whole)) else { return false }
        let rest = bits % 8
        guard rest > 0, whole < bytes.count else { return true }
        return address[whole] >> UInt8(8 - rest) == bytes[whole] >> UInt8(8 - rest)
    }

    /// Four bytes or sixteen; of an IPv4 client on a socket for both its four. Nil for text that is no address.
    package static func bytes(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
        let isMapped = bytes.prefix(12).elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255])
        return isMapped ? Array(bytes.suffix(4)) : bytes
    }
}

extension [AddressRange] {
    /// This machine.
    package static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

    /// Whether one of them has the address, which may be any text.
    package func contain(_ address: String) -> Bool {
        AddressRange.bytes(address).map { bytes in contains { $0.contains(bytes) } } ?? false
    }
}
