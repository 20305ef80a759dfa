/// A normalised host name or address.
package enum EgressHost: Sendable, Hashable {
    /// Lowercase ASCII, without a trailing dot.
    case name(String)
    case address(IPAddress)

    /// Why a text is not a valid host.
    package struct Problem: Error, Sendable, Equatable {
        package let message: String
    }

    /// Parses a name, an IPv4 address in any notation, or an IPv6 address in brackets; without a port.
    package init(_ text: some StringProtocol) throws(Problem) {
        var text = String(text)
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard !text.contains("%") else { throw Problem(message: "\(Self.shown(text)) has a zone identifier") }
            guard text.contains(":"), let address = IPAddress(String(text.dropFirst().dropLast())) else {
                throw Problem(message: "\(Self.shown(text)) is not an IPv6 address")
            }
            self = .address(address)
            return
        }
        if text.hasSuffix(".") { text.removeLast() }
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw Problem(message: "\(Self.shown(text)) is not ASCII: use punycode (xn--…)")
        }
        text = text.lowercased()
        guard Self.isName(text) else { throw Problem(message: "\(Self.shown(text)) is not a valid host name") }
        guard Self.endsInNumber(text) else {
            self = .name(text)
            return
        }
        guard let address = IPAddress(text) else {
            throw Problem(message: "\(Self.shown(text)) is not an IPv4 address")
        }
        self = .address(address)
    }

    /// RFC 1123, plus underscores as allowed in the DNS.
    private static func isName(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
                    && label.utf8.last != UInt8(ascii: "-") && label.utf8.allSatisfy { letters.contains($0) }
            }
    }

    private static let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Such a host is an IPv4 address or invalid (WHATWG URL, "ends in a number"): resolvers must not guess.
    private static func endsInNumber(_ text: String) -> Bool {
        guard let last = text.split(separator: ".").last else { return false }
        return last.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            || last.hasPrefix("0x") && last.dropFirst(2).utf8.allSatisfy { hexDigits.contains($0) }
    }

    private static let hexDigits = Set("0123456789abcdef".utf8)

    /// For messages: truncated, quoted, and without control characters.
    static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(80).map {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0
        }
        return "\"\(String(String.UnicodeScalarView(clean)))\""
    }
}

extension EgressHost: CustomStringConvertible {
    /// As written in a URL.
    package var description: String {
        switch self {
        case .name(let name): name
        case .address(let address): if case .v6 = address { "[\(address)]" } else { "\(address)" }
        }
    }
}
