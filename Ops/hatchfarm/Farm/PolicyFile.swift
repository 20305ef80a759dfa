internal import Bytes
internal import Wire

/// Rules that an owner has written down for a machine: `--accept-policy FILE` (CONTRACT 5).
struct PolicyFile: Sendable {
    /// As they will be signed.
    let json: JSON
    let allowsNetwork: Bool

    /// Held against the server's own rules for them before anything is sent; the message names the field.
    init(_ path: String) throws(Failure) {
        let bytes = try Files.read(path, limit: 64 << 10)
        do {
            json = try JSON(parsing: bytes)
        } catch {
            throw .invalid("\(path) is no JSON: \(error)")
        }
        do {
            allowsNetwork = try PolicyRules(json).network ?? false
        } catch {
            throw .invalid("\(path): \(error.message); for example {\"max_cpu_percent\": 80, \"network\": false}")
        }
    }
}

/// A name that jobs may reach where the policy allows network: `example.org`, or `*.example.org` for those below it.
struct AllowedDomain: Sendable, Equatable {
    /// In lower case.
    let name: String

    init?(_ text: String) {
        let lower = text.lowercased()
        let name = lower.hasPrefix("*.") ? String(lower.dropFirst(2)) : lower
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            let bytes = label.utf8
            return (1...63).contains(bytes.count) && bytes.first != UInt8(ascii: "-")
                && bytes.last != UInt8(ascii: "-")
                && bytes.allSatisfy { byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                }
        }
        // An address is no name: its last label has digits only.
        let isAddress = labels.last?.utf8.allSatisfy { $0 < UInt8(ascii: "a") } ?? true
        guard isName, !isAddress, labels.count >= 2, name.utf8.count <= 253 else { return nil }
        self.name = lower
    }
}
