/// A host as a job or a provider writes it, brought to one spelling.
package enum EgressHost: Sendable, Hashable {
    /// In lower case, ASCII, without the dot at its end.
    case name(String)
    case address(IPAddress)

    /// Why a text is no host.
    package struct Problem: Error, Sendable, Equatable {
        package let message: String
    }

    /// A name, an IPv4 address in any spelling, or an IPv6 address in brackets; no port.
    package init(_ text: some StringProtocol) throws(Problem) {
        var text = String(text)
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard !text.contains("%") else { throw Problem(message: "\(Self.shown(text)) has a zone") }
            guard text.contains(":"), let address = IPAddress(String(text.dropFirst().dropLast())) else {
                throw Problem(message: "\(Self.shown(text)) is no IPv6 address")
            }
            self = .address(address)
            return
        }
        if text.hasSuffix(".") { text.removeLast() }
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw Problem(message: "\(Self.shown(text)) is not ASCII: write it as punycode (xn--…)")
        }
        text = text.lowercased()
        guard Self.isName(text) else { throw Problem(message: "\(Self.shown(text)) is no host name") }
        guard Self.endsInNumber(text) else {
            self = .name(text)
            return
        }
        guard let address = IPAddress(text) else { throw Problem(message: "\(Self.shown(text)) is no IPv4 address") }
        self = .address(address)
    }

    /// RFC 1123 with underscores, as the DNS carries them.
    private static func isName(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
                    && label.utf8.last != UInt8(ascii: "-") && label.utf8.allSatisfy { letters.contains($0) }
            }
    }

    private static let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Such a host is an IPv4 address or nothing (WHATWG URL, "ends in a number"): no resolver gets to guess.
    private static func endsInNumber(_ text: String) -> Bool {
        guard let last = text.split(separator: ".").last else { return false }
        return last.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            || last.hasPrefix("0x") && last.dropFirst(2).utf8.allSatisfy { hexDigits.contains($0) }
    }

    private static let hexDigits = Set("0123456789abcdef".utf8)

    /// For messages: short, in quotes, and nothing that a terminal would obey.
    static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(80).map {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0
        }
        return "\"\(String(String.UnicodeScalarView(clean)))\""
    }
}

extension EgressHost: CustomStringConvertible {
    /// As it stands in a URL.
    package var description: String {
        switch self {
        case .name(let name): name
        case .address(let address): if case .v6 = address { "[\(address)]" } else { "\(address)" }
        }
    }
}
