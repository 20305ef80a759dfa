import Foundation

/// A place of the store's source at which a statement, or a part that is one by itself, is written.
struct StatementSite: Sendable {
    let file: String
    let line: Int
    /// What stands between the interpolated values.
    let fragments: [String]
    /// Whether it ends with an interpolated value.
    let endsOpen: Bool

    var text: String { fragments.joined(separator: " … ") }

    /// Whether a text, a statement with its values' numbers, may have been written here.
    func matches(_ text: String) -> Bool {
        var rest = text[...]
        for fragment in fragments {
            guard let place = rest.range(of: fragment, options: .literal) else { return false }
            rest = rest[place.upperBound...]
        }
        return true
    }

    /// Whether a text is the whole statement that is written here.
    func makes(_ text: String) -> Bool {
        guard let first = fragments.first, let last = fragments.last, fragments.joined().count > 15 else {
            return false
        }
        return text.hasPrefix(first) && (endsOpen || text.hasSuffix(last)) && matches(text)
    }

    /// Text as it is compared: each run of white space is one blank.
    static func normal(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    static func isStatement(_ text: String) -> Bool {
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains {
            text.hasPrefix($0) && text.dropFirst($0.count).first.map { $0.isWhitespace } ?? true
        }
    }

    /// Where the program's statements are written.
    static func program() throws -> [StatementSite] {
        try ["Tables", "Queries", "Operations"].flatMap { try all(in: "Scheduler/Store/\($0)") }
    }

    /// Where those are written with which helpers of tests look into the database.
    static func helpers() throws -> [StatementSite] { try all(in: "Tests/Support") }

    private static func all(in folder: String) throws -> [StatementSite] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let place = root.appending(path: folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: place.path()).filter { $0.hasSuffix(".swift") }
        return try names.sorted().flatMap { name -> [StatementSite] in
            var reader = LiteralReader(try String(contentsOf: place.appending(path: name), encoding: .utf8))
            return reader.literals().compactMap { literal -> StatementSite? in
                let fragments = literal.fragments.map { normal($0) }
                guard let first = fragments.first, isStatement(first) else { return nil }
                return StatementSite(
                    file: "\(folder)/\(name)", line: literal.line, fragments: fragments.filter { !$0.isEmpty },
                    endsOpen: fragments.last?.isEmpty ?? true)
            }
        }
    }
}

/// Reads the string literals of a source; of those inside an interpolated value, each by itself.
struct LiteralReader {
    struct Literal {
        let line: Int
        var fragments: [String] = [""]
    }

    private let text: [Character]
    private var place = 0
    private var line = 1
    private var found: [Literal] = []

    init(_ source: String) { text = Array(source) }

    mutating func literals() -> [Literal] {
        readCode(until: nil)
        return found
    }

    private func sees(_ word: String) -> Bool { text[place...].starts(with: word) }

    private mutating func step(_ count: Int = 1) {
        for _ in 0..<count where place < text.count {
            if text[place].isNewline { line += 1 }
            place += 1
        }
    }

    /// Reads to the bracket that ends an interpolated value, or to the end.
    private mutating func readCode(until end: Character?) {
        var depth = 0
        while place < text.count {
            if sees("//") {
                while place < text.count, !text[place].isNewline { step() }
            } else if text[place] == "\"" {
                readLiteral()
            } else {
                let character = text[place]
                if character == end, depth == 0 { return step() }
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                step()
            }
        }
    }

    private mutating func readLiteral() {
        let quote = sees("\"\"\"") ? "\"\"\"" : "\""
        var literal = Literal(line: line)
        step(quote.count)
        while place < text.count, !sees(quote) {
            if sees("\\(") {
                step(2)
                readCode(until: ")")
                literal.fragments.append("")
            } else if text[place] == "\\" {
                step()
                // The end of a line that goes on, or a character that is meant as it is.
                if place < text.count, !text[place].isNewline {
                    literal.fragments[literal.fragments.count - 1].append(text[place])
                }
                step()
            } else {
                literal.fragments[literal.fragments.count - 1].append(text[place])
                step()
            }
        }
        step(quote.count)
        found.append(literal)
    }
}
