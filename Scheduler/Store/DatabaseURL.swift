/// The URL of a database, which may hold a password.
package enum DatabaseURL {
    /// Whether it is plain where a PostgreSQL URL's name and password end: else libpq may take a part of the password
    /// for a host and name it in an error. In them, and anywhere behind, `@` is written `%40`.
    package static func isClear(_ url: String) -> Bool {
        guard let rest = behindScheme(url) else { return true }
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard let first = parts.first, let last = parts.last, parts.count <= 2 else { return false }
        let reserved = Set("/?#[]".utf8)
        guard parts.count == 1 || !first.utf8.contains(where: reserved.contains) else { return false }
        // A password that lost its host stands where a port should.
        return last.prefix { !"/?#".contains($0) }.split(separator: ",").allSatisfy(hasPort)
    }

    /// Whether what follows a host's colon can be a port; one of IPv6 stands in brackets.
    private static func hasPort(_ host: Substring) -> Bool {
        let name = host.hasPrefix("[") ? host.drop { $0 != "]" } : host
        guard let colon = name.firstIndex(of: ":") else { return true }
        let port = name[name.index(after: colon)...]
        return port.utf8.count <= 5 && port.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Without the password and without what follows the path, whether it is clear or not.
    package static func shown(_ url: String) -> String {
        guard let rest = behindScheme(url) else { return url }
        let scheme = url[..<rest.startIndex]
        guard isClear(url) else { return "\(scheme)…" }
        let plain = rest.prefix { $0 != "?" && $0 != "#" }
        guard let at = plain.firstIndex(of: "@") else { return "\(scheme)\(plain)" }
        guard let colon = plain[..<at].firstIndex(of: ":") else { return "\(scheme)\(plain)" }
        return "\(scheme)\(plain[..<colon]):…\(plain[at...])"
    }

    /// What a library says of a URL that it can't read, without what it quotes of it.
    static func withoutQuotes(_ message: String) -> String {
        message.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .map { $0.isMultiple(of: 2) ? String($1) : "…" }.joined(separator: "\"")
    }

    private static func behindScheme(_ url: String) -> Substring? {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), let scheme = url.firstRange(of: "://")
        else { return nil }
        return url[scheme.upperBound...]
    }
}
