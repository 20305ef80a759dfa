/// Formats numbers for people.
enum Text {
    static func size(_ bytes: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return unit == 0 ? "\(bytes) bytes" : "\(fixed(value, 1)) \(units[unit])"
    }

    /// 12345678 → 12,345,678.
    static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    /// With the given number of decimals (0–6).
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1
        for _ in 0..<max(0, min(6, digits)) { scale *= 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard scale > 1 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }

    /// 75 s → 1 min 15 s.
    static func duration(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1_000
        return switch milliseconds {
        case ..<1_000: "\(max(0, milliseconds)) ms"
        case ..<60_000: "\(fixed(Double(milliseconds) / 1_000, 1)) s"
        case ..<3_600_000: "\(seconds / 60) min \(seconds % 60) s"
        case ..<172_800_000: "\(seconds / 3_600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) days"
        }
    }
}

/// Text on a terminal.
extension Text {
    /// Control and bidirectional formatting characters of untrusted text as `\n`, `\e` or `\u{202E}`: shown, so that
    /// nothing seems to be there that isn't, and can neither control the terminal nor imitate our output.
    /// - Parameter keepsTabs: false where a tab would break a column.
    static func escaped(_ text: String, keepsTabs: Bool = true) -> String {
        func isShownAsIs(_ scalar: Unicode.Scalar) -> Bool { isHarmless(scalar) && (keepsTabs || scalar != "\t") }
        guard !text.unicodeScalars.allSatisfy(isShownAsIs) else { return text }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isShownAsIs(scalar) {
                shown.append(scalar)
                continue
            }
            let word =
                switch scalar {
                case "\n": "\\n"
                case "\r": "\\r"
                case "\t": "\\t"
                case "\u{1B}": "\\e"
                default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
                }
            shown.append(contentsOf: word.unicodeScalars)
        }
        return String(shown)
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: scalar == "\t"
        case .lineSeparator, .paragraphSeparator, .surrogate: false
        // Keep the zero-width joiner: some emoji need it.
        case .format: scalar.value == 0x200D
        default: true
        }
    }

    /// Removes control and bidirectional formatting characters from untrusted text, so that it can neither control the
    /// terminal nor imitate our output.
    static func sanitized(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter(isHarmless)))
    }

    /// The number of terminal columns of a text.
    static func columns(_ text: String) -> Int {
        text.reduce(0) { $0 + columns($1) }
    }

    static func columns(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return wide.contains { $0.contains(first.value) } ? 2 : 1
        }
    }

    /// Truncated to at most `limit` columns, with `…` at the end.
    static func truncated(_ text: String, to limit: Int) -> String {
        guard columns(text) > limit else { return text }
        var clipped = ""
        var room = max(0, limit - 1)
        for character in text {
            let width = columns(character)
            guard width <= room else { break }
            room -= width
            clipped.append(character)
        }
        return limit > 0 ? clipped + "…" : ""
    }

    /// Wraps at spaces to at most `limit` columns; a longer word gets its own line.
    static func wrapped(_ text: String, to limit: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, columns(last) + 1 + columns(String(word)) <= limit {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// Truncated, or padded with spaces.
    static func padded(_ text: String, to width: Int) -> String {
        let clipped = truncated(text, to: width)
        return clipped + String(repeating: " ", count: max(0, width - columns(clipped)))
    }

    /// A bar like `█████░░░░░` for a percentage 0–100.
    static func bar(_ percent: Double, columns: Int) -> String {
        let share = percent.isFinite ? min(max(percent, 0), 100) / 100 : 0
        let full = Int((share * Double(columns)).rounded(.down))
        return String(repeating: "█", count: full) + String(repeating: "░", count: max(0, columns - full))
    }

    /// East Asian wide and full-width characters, and emoji (UAX 11).
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
