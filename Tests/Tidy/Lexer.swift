/// Enough of Swift's grammar to tell code from comments and strings: nested comments, raw and multi-line strings,
/// interpolations inside them, regular expression literals.
struct Lexer {
    private enum Mode {
        /// Inside an interpolation, `parentheses` are open besides its own; at the top it is never closed.
        case code(parentheses: Int)
        /// `quotes` are those that close it, with their `#`.
        case string(quotes: [UInt8], escape: [UInt8], isMultiline: Bool)
    }

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var modes: [Mode] = [.code(parentheses: 0)]
    /// The literals that are open, the innermost last.
    private var open: [(line: Int, text: [UInt8])] = []
    private(set) var code: [UInt8] = []
    private(set) var literals: [Source.Literal] = []

    init(_ text: String) {
        bytes = Array(text.utf8)
        code.reserveCapacity(bytes.count)
    }

    mutating func run() {
        while at < bytes.count {
            switch modes.last {
            case .string(let quotes, let escape, let isMultiline)?: stringByte(quotes, escape, isMultiline)
            case .code(let parentheses)?: codeByte(parentheses)
            case nil: return
            }
        }
    }

    private mutating func codeByte(_ parentheses: Int) {
        switch bytes[at] {
        case UInt8(ascii: "/"):
            if starts([0x2F, 0x2F]) { return comment() }
            if starts([0x2F, 0x2A]) { return nestedComment() }
            if startsRegex { return regex() }
        case UInt8(ascii: "\""), UInt8(ascii: "#"):
            if openString() { return }
        case UInt8(ascii: "("):
            modes[modes.count - 1] = .code(parentheses: parentheses + 1)
        case UInt8(ascii: ")"):
            if parentheses == 0, modes.count > 1 {
                modes.removeLast()
            } else {
                modes[modes.count - 1] = .code(parentheses: max(0, parentheses - 1))
            }
        default: break
        }
        keep()
    }

    private mutating func openString() -> Bool {
        var hashes = 0
        while at + hashes < bytes.count, bytes[at + hashes] == UInt8(ascii: "#") { hashes += 1 }
        guard starts([0x22], after: hashes) else { return false }
        let isMultiline = starts([0x22, 0x22, 0x22], after: hashes)
        let quotes = [UInt8](repeating: UInt8(ascii: "\""), count: isMultiline ? 3 : 1)
        let pounds = [UInt8](repeating: UInt8(ascii: "#"), count: hashes)
        open.append((line, []))
        modes.append(
            .string(quotes: quotes + pounds, escape: [UInt8(ascii: "\\")] + pounds, isMultiline: isMultiline))
        blank(quotes.count + hashes, with: UInt8(ascii: "\""))
        return true
    }

    private mutating func stringByte(_ quotes: [UInt8], _ escape: [UInt8], _ isMultiline: Bool) {
        // A string that its line does not close is torn: the line closes it.
        let isTorn = !isMultiline && bytes[at] == UInt8(ascii: "\n")
        if isTorn || starts(quotes) {
            modes.removeLast()
            if let literal = open.popLast() {
                literals.append(Source.Literal(line: literal.line, text: String(decoding: literal.text, as: UTF8.self)))
            }
            return isTorn ? () : blank(quotes.count, with: UInt8(ascii: "\""))
        }
        guard starts(escape) else { return take(1) }
        guard starts([UInt8(ascii: "(")], after: escape.count) else { return take(escape.count + 1) }
        take(escape.count)
        modes.append(.code(parentheses: 0))
        keep()
    }

    /// Moves bytes of the innermost literal.
    private mutating func take(_ count: Int) {
        open[open.count - 1].text.append(contentsOf: bytes[at..<min(at + count, bytes.count)])
        blank(count, with: UInt8(ascii: " "))
    }

    private mutating func comment() {
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { blank(1, with: UInt8(ascii: " ")) }
    }

    private mutating func nestedComment() {
        var depth = 0
        repeat {
            let step = starts([0x2F, 0x2A]) ? 1 : starts([0x2A, 0x2F]) ? -1 : 0
            depth += step
            blank(step == 0 ? 1 : 2, with: UInt8(ascii: " "))
        } while depth > 0 && at < bytes.count
    }

    /// A slash after a `#`, or after an opening or a comma and before no space: an operator never stands there.
    private var startsRegex: Bool {
        guard at + 1 < bytes.count, at > 0 else { return false }
        if bytes[at - 1] == UInt8(ascii: "#") { return true }
        guard bytes[at + 1] > 0x20 else { return false }
        var before = at - 1
        while before > 0, bytes[before] == UInt8(ascii: " ") { before -= 1 }
        return "(=,:[{".utf8.contains(bytes[before])
    }

    private mutating func regex() {
        let isExtended = bytes[at - 1] == UInt8(ascii: "#")
        let closing = Array((isExtended ? "/#" : "/").utf8)
        blank(1, with: UInt8(ascii: " "))
        while at < bytes.count, isExtended || bytes[at] != UInt8(ascii: "\n") {
            if starts(closing) { return blank(closing.count, with: UInt8(ascii: " ")) }
            blank(bytes[at] == UInt8(ascii: "\\") ? 2 : 1, with: UInt8(ascii: " "))
        }
    }

    private func starts(_ prefix: [UInt8], after skipped: Int = 0) -> Bool {
        let start = at + skipped
        guard start + prefix.count <= bytes.count else { return false }
        return prefix.indices.allSatisfy { bytes[start + $0] == prefix[$0] }
    }

    private mutating func keep() {
        if bytes[at] == UInt8(ascii: "\n") { line += 1 }
        code.append(bytes[at])
        at += 1
    }

    /// Line ends stay, everything else becomes the filler.
    private mutating func blank(_ count: Int, with filler: UInt8) {
        for _ in 0..<min(count, bytes.count - at) {
            let isEnd = bytes[at] == UInt8(ascii: "\n")
            if isEnd { line += 1 }
            code.append(isEnd ? bytes[at] : filler)
            at += 1
        }
    }
}
