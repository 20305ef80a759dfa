extension Rule {
    static let fileLength = Rule(remedy: "One noun a file: move a part that has a name of its own out.") { source in
        let limit = source.isTest ? 400 : 300
        let count = source.text.utf8.count { $0 == UInt8(ascii: "\n") }
        return count > limit ? [(limit + 1, "\(count) lines, at most \(limit)")] : []
    }

    static let lineLength = Rule(remedy: "Break the line, or name a part of the expression.") { source in
        source.lines.enumerated().compactMap { index, line in
            line.count > 120 ? (index + 1, "\(line.count) columns, at most 120") : nil
        }
    }

    static let functionLength = Rule(remedy: "Take a step out and give it its name.") { source in
        FunctionScanner(source).bodies.compactMap { body in
            let count = body.last - body.first + 1
            return count > 70 ? (body.first, "a function of \(count) lines, at most 70") : nil
        }
    }
}

/// Finds functions and the lines they take by counting braces.
private struct FunctionScanner {
    private let lines: [[UInt8]]
    private let starts: [Int]

    init(_ source: Source) {
        lines = source.codeLines.map { Array($0.utf8) }
        starts = source.matches(#"(?<![.\w`])(?:func\b|init\b[?!]?[ \t]*[<(]|deinit\b|subscript\b)"#).map(\.line)
    }

    var bodies: [(first: Int, last: Int)] {
        starts.compactMap { first in end(from: first).map { (first, $0) } }
    }

    /// The line of the brace that closes what opens after a declaration; `nil` when nothing opens.
    private func end(from first: Int) -> Int? {
        var braces = 0
        var parentheses = 0
        for number in first...lines.count {
            if number > first, braces == 0, parentheses == 0, starts.contains(number) { return nil }
            for byte in lines[number - 1] {
                switch byte {
                case UInt8(ascii: "("), UInt8(ascii: "["): parentheses += 1
                case UInt8(ascii: ")"), UInt8(ascii: "]"): parentheses -= 1
                case UInt8(ascii: "{") where parentheses == 0 || braces > 0: braces += 1
                case UInt8(ascii: "}") where parentheses == 0 || braces > 0:
                    braces -= 1
                    if braces == 0 { return number }
                    if braces < 0 { return nil }
                default: break
                }
            }
        }
        return nil
    }
}
