import Foundation

/// One Swift file, split into what is code, what is comment and what is text.
struct Source: Sendable {
    /// From the repository's root, with slashes.
    let path: String
    let text: String
    /// The text line by line.
    let lines: [String]
    /// As long as the text, line for line; comments and the insides of string literals are blanked.
    let code: String
    /// The string literals outside comments, with the line each begins on.
    let literals: [Literal]

    struct Literal: Sendable {
        let line: Int
        let text: String
    }

    init(_ path: String, _ text: String) {
        var lexer = Lexer(text)
        lexer.run()
        self.path = path
        self.text = text
        self.lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        self.code = String(decoding: lexer.code, as: UTF8.self)
        self.literals = lexer.literals.sorted { $0.line < $1.line }
    }

    var codeLines: [Substring] {
        code.split(separator: "\n", omittingEmptySubsequences: false)
    }

    var isTest: Bool { path.hasPrefix("Tests/") }

    /// Whether it is part of the product: rules about data from outside count here.
    var isProduct: Bool {
        ["Scheduler/", "Workers/", "API/", "Ops/"].contains { path.hasPrefix($0) }
    }

    func isIn(_ folders: [String]) -> Bool {
        folders.contains { path.hasPrefix($0) }
    }

    /// Where a regular expression matches the code, with what its first group (or all of it) matched.
    func matches(_ pattern: String) -> [(line: Int, text: String)] {
        guard let expression = try? NSRegularExpression(pattern: pattern, options: [.anchorsMatchLines]) else {
            return [(1, "the rule's own pattern is malformed: \(pattern)")]
        }
        let whole = NSRange(code.startIndex..., in: code)
        return expression.matches(in: code, range: whole).compactMap { match in
            let group = match.numberOfRanges > 1 ? match.range(at: 1) : match.range
            guard let range = Range(group, in: code) else { return nil }
            let line = code.utf8[..<range.lowerBound].count { $0 == UInt8(ascii: "\n") } + 1
            return (line, String(code[range]))
        }
    }

    /// The modules imported, with the line of each.
    var imports: [(line: Int, text: String)] {
        matches(#"^[ \t]*(?:[@\w()]+[ \t]+)*import[ \t]+(?:(?:struct|class|enum|protocol|func|var|let)[ \t]+)?(\w+)"#)
    }
}

/// What breaks a rule, and where.
struct Finding: CustomStringConvertible {
    let path: String
    let line: Int
    let detail: String
    let remedy: String

    var description: String { "\(path):\(line): \(detail). \(remedy)" }
}

/// Something a machine can hold about one file.
struct Rule: Sendable {
    /// What to do instead.
    let remedy: String
    /// Lines and what is wrong there.
    let check: @Sendable (Source) -> [(line: Int, detail: String)]

    func findings(in source: Source) -> [Finding] {
        check(source).map { Finding(path: source.path, line: $0.line, detail: $0.detail, remedy: remedy) }
    }
}
