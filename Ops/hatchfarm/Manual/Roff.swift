/// Builds a manual page with the man(7) macros.
struct Roff {
    private(set) var text = ""

    mutating func title(_ name: String, version: String) {
        put(".TH \"\(Self.escaped(name.uppercased()))\" \"1\" \"\" \"hatchfarm \(Self.escaped(version))\" \"\"")
    }

    mutating func section(_ name: String) { put(".SH \"\(Self.escaped(name))\"") }

    /// A line of roff; plain text must be escaped.
    mutating func line(_ roff: String) { put(roff) }

    /// A tagged paragraph: the tag as roff, the description as plain text.
    mutating func item(_ roff: String, _ about: String) {
        put(".TP")
        put(roff)
        put(about.isEmpty ? "\\&" : Self.escaped(about))
    }

    /// Plain-text paragraphs: a line in capitals is a section heading, indented lines are verbatim.
    mutating func discussion(_ discussion: String) {
        guard !discussion.isEmpty else { return }
        var isVerbatim = false
        var hasSection = false
        func isHeading(_ line: Substring) -> Bool {
            line.first?.isUppercase == true && line.allSatisfy { $0.isUppercase || $0 == " " }
        }
        for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            if isVerbatim, !isIndented {
                put(".EE")
                isVerbatim = false
            }
            if isHeading(line) {
                section(String(line))
                hasSection = true
                continue
            }
            if !hasSection, !line.isEmpty {
                section("DESCRIPTION")
                hasSection = true
            }
            if isIndented, !isVerbatim {
                put(".EX")
                isVerbatim = true
            }
            if isVerbatim {
                put(Self.escaped(String(line.dropFirst(2))))
            } else if line.isEmpty {
                if text.hasSuffix(".EE\n") || !text.hasSuffix("\"\n") { paragraph() }
            } else {
                put(Self.escaped(String(line)))
            }
        }
        if isVerbatim { put(".EE") }
        dropEmptyParagraphs()
    }

    /// Escapes plain text for roff.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\e"
            case "-": escaped += "\\-"
            case "'": escaped += "\\(aq"
            case "`": escaped += "\\(ga"
            case "~": escaped += "\\(ti"
            case "^": escaped += "\\(ha"
            case "\"": escaped += "\\(dq"
            case "…": escaped += "..."
            default:
                // Independent of the encoding.
                for scalar in character.unicodeScalars {
                    escaped += scalar.isASCII ? String(scalar) : "\\[u\(Self.hex(scalar.value))]"
                }
            }
        }
        return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
    }

    /// At least four digits.
    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    private mutating func paragraph() { put(".PP") }

    /// Linters warn about empty paragraphs.
    private mutating func dropEmptyParagraphs() {
        var kept: [Substring] = []
        for line in text.split(separator: "\n") {
            if kept.last == ".PP", line == ".PP" || line.hasPrefix(".SH") { kept.removeLast() }
            kept.append(line)
        }
        if kept.last == ".PP" { kept.removeLast() }
        text = kept.joined(separator: "\n") + "\n"
    }

    private mutating func put(_ line: String) { text += line + "\n" }
}
