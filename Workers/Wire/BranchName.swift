/// The name of a branch, by the rules of `git check-ref-format --branch`, so that it can be neither an option nor an
/// expression.
package struct BranchName: Sendable, Equatable {
    package let text: String

    /// `nil` if it is no valid name.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...255).contains(bytes.count), bytes.first != UInt8(ascii: "-"), text != "@", text != "HEAD",
            bytes.last != UInt8(ascii: "."),
            !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F || Self.forbidden.contains($0) }),
            !Self.contains("..", bytes), !Self.contains("@{", bytes)
        else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let arePlain = parts.allSatisfy { part in
            !part.isEmpty && part.first != UInt8(ascii: ".") && !part.reversed().starts(with: ".lock".utf8.reversed())
        }
        guard arePlain else { return nil }
        self.text = text
    }

    private static let forbidden = Set("~^:?*[\\".utf8)

    private static func contains(_ pair: String, _ bytes: [UInt8]) -> Bool {
        zip(bytes, bytes.dropFirst()).contains { [$0, $1].elementsEqual(pair.utf8) }
    }
}
