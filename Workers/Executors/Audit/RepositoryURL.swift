internal import Bytes
internal import Egress
internal import Runtime

/// The URL of an audit's repository. Its text reaches `git` unchanged, so all that could mean more than a scheme, a
/// host and a path is refused: credentials, other transports (`ext::`), control characters, `..`.
struct RepositoryURL: Sendable, Equatable {
    struct Problem: Error, Sendable, Equatable {
        let message: String
    }

    let scheme: AuditScheme
    /// As given.
    let text: String
    /// The allowlist's entry for its server, with the port; `nil` for a folder of this machine.
    let server: String?
    /// The folder of this machine, absolute; `nil` unless the scheme is `file`.
    let folder: String?

    /// - Parameter schemes: those that the worker allows.
    init(_ text: String, schemes: Set<AuditScheme>) throws(Problem) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(message: "the URL contains spaces, control characters or characters outside of ASCII")
        }
        guard !text.utf8.contains(where: { Self.forbidden.contains($0) }) else {
            throw Problem(message: "the URL contains characters that no repository's URL needs")
        }
        guard let mark = text.firstRange(of: "://"),
            let scheme = AuditScheme(rawValue: text[..<mark.lowerBound].lowercased())
        else { throw Problem(message: "the URL must begin with \(Self.names(schemes))") }
        guard schemes.contains(scheme) else {
            throw Problem(message: Self.unfetched(scheme, by: schemes))
        }
        let rest = text[mark.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let path = try Self.path(rest[slash...])
        self.scheme = scheme
        if scheme == .file {
            guard slash == rest.startIndex else { throw Problem(message: "a file:// URL must name no host") }
            (self.text, server, folder) = (text, nil, path)
        } else {
            let server = try Self.server(rest[..<slash], scheme)
            (self.text, self.server, folder) = (text, server, nil)
        }
    }

    /// Query, fragment, and what shells or parsers of URLs read in more than one way.
    private static let forbidden = Set("?#\\\"'`<>{}|^$*;".utf8)

    static func unfetched(_ scheme: AuditScheme, by schemes: Set<AuditScheme>) -> String {
        "this worker does not fetch by \(scheme.rawValue)://, only by \(names(schemes))"
    }

    private static func names(_ schemes: Set<AuditScheme>) -> String {
        schemes.map { "\($0.rawValue)://" }.sorted().joined(separator: " or ")
    }

    private static func server(_ authority: Substring, _ scheme: AuditScheme) throws(Problem) -> String {
        let target: EgressTarget
        do {
            let port = scheme == .https ? 443 : 80
            let isBare = authority.hasSuffix("]") || !authority.contains(":")
            target = try EgressTarget(authority: isBare ? "\(authority):\(port)" : String(authority))
        } catch {
            throw Problem(message: error.message)
        }
        return "\(target.host):\(target.port)"
    }

    /// Decodes the path, which must be absolute, without `.`, `..`, empty parts or control characters.
    private static func path(_ text: Substring) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else {
                throw Problem(message: "the URL has an incomplete % escape")
            }
            bytes.append(high << 4 | low)
        }
        while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }), let path = String(validating: bytes, as: UTF8.self)
        else { throw Problem(message: "the URL's path contains control characters or invalid UTF-8") }
        guard path.hasPrefix("/"), String(path.dropFirst()).pathParts != nil else {
            throw Problem(message: "the URL's path must name a repository, without \".\", \"..\" or empty parts")
        }
        return path
    }

    private static func hex(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// For logs: at most 200 characters, control characters replaced.
    static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(200).map {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0
        }
        return String(String.UnicodeScalarView(clean))
    }
}
