internal import Bytes

/// A report in JUnit's XML, written by the tests' run: as untrusted as what it prints. Only the counts of the outermost
/// `<testsuite>` elements are read. Declarations are refused, so there are no entities to expand or fetch.
enum JUnitReport {
    static let maxBytes = 8 << 20
    private static let maxDepth = 64

    /// The files that a simple command names as its report.
    static func paths(named words: [String]) -> [String] {
        let pairs = zip(words, words.dropFirst().map { Optional($0) } + [nil])
        return pairs.flatMap { word, next in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
            guard let name = parts.first else { return [String]() }
            let value = parts.count > 1 ? parts.last : next
            switch name {
            case "--junitxml", "--junit-xml", "--junitfile", "--xunit-output", "--test-reporter-destination":
                return value.map { [$0] } ?? []
            // Of jest it is a report only with a reporter that writes one.
            case "--outputFile", "--output-file":
                return value.map { $0.hasSuffix(".xml") ? [$0] : [] } ?? []
            case "--reporter-options", "--reporter-option", "-O":
                let options = word.hasPrefix(name + "=") ? String(word.dropFirst(name.utf8.count + 1)) : next ?? ""
                return options.split(separator: ",").compactMap { option in
                    option.hasPrefix("mochaFile=") ? String(option.dropFirst(10)) : nil
                }
            case "MOCHA_FILE", "JEST_JUNIT_OUTPUT_FILE": return parts.count > 1 ? [parts[1]] : []
            default: return []
            }
        }.filter { $0 != "stdout" && $0 != "stderr" }
    }

    /// `nil` if it is no such report.
    static func counts(in bytes: [UInt8]) -> TestCounts? {
        guard bytes.count <= maxBytes else { return nil }
        var rest = bytes[...]
        var open: [[UInt8]] = []
        var counts: TestCounts?
        while let start = rest.firstIndex(of: UInt8(ascii: "<")) {
            rest = rest[start...]
            if rest.starts(with: "<!--".utf8) {
                guard skip(past: "-->", &rest) else { return nil }
            } else if rest.starts(with: "<![CDATA[".utf8) {
                guard skip(past: "]]>", &rest) else { return nil }
            } else if rest.starts(with: "<?".utf8) {
                guard skip(past: "?>", &rest) else { return nil }
            } else if rest.starts(with: "<!".utf8) {
                return nil
            } else {
                guard let tag = Tag(&rest) else { return nil }
                if tag.isEnd {
                    guard open.popLast() == tag.name else { return nil }
                    continue
                }
                if tag.name == Array("testsuite".utf8), !open.contains(tag.name) {
                    guard let suite = tag.counts else { return nil }
                    counts = (counts ?? TestCounts()) + suite
                }
                if !tag.isEmpty { open.append(tag.name) }
                guard open.count <= maxDepth else { return nil }
            }
        }
        return open.isEmpty ? counts : nil
    }

    private static func skip(past end: String, _ rest: inout ArraySlice<UInt8>) -> Bool {
        let end = Array(end.utf8)
        var index = rest.startIndex
        while index < rest.endIndex {
            if rest[index...].starts(with: end) {
                rest = rest[(index + end.count)...]
                return true
            }
            index += 1
        }
        return false
    }

    /// `<name attribute="value">`, `</name>` or `<name/>`.
    private struct Tag {
        var name: [UInt8] = []
        var isEnd = false
        var isEmpty = false
        private var attributes: [String: String] = [:]

        /// Reads one from the beginning of `rest`; `nil` if there is none.
        init?(_ rest: inout ArraySlice<UInt8>) {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "/") {
                isEnd = true
                rest.removeFirst()
            }
            name = Self.word(&rest)
            guard !name.isEmpty else { return nil }
            while true {
                Self.skipSpace(&rest)
                guard let byte = rest.first else { return nil }
                if byte == UInt8(ascii: ">") {
                    rest.removeFirst()
                    return
                }
                if byte == UInt8(ascii: "/") {
                    rest.removeFirst()
                    isEmpty = true
                    continue
                }
                guard readAttribute(&rest) else { return nil }
            }
        }

        private mutating func readAttribute(_ rest: inout ArraySlice<UInt8>) -> Bool {
            let name = Self.word(&rest)
            Self.skipSpace(&rest)
            guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return false }
            Self.skipSpace(&rest)
            guard let quote = rest.popFirst(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
                let end = rest.firstIndex(of: quote)
            else { return false }
            // Numbers are short.
            attributes[String(decoding: name, as: UTF8.self)] = String(decoding: rest[..<end].prefix(32), as: UTF8.self)
            rest = rest[(end + 1)...]
            return attributes.count <= 64
        }

        var counts: TestCounts? {
            guard let tests = attributes["tests"].flatMap({ TestCounts.number($0) }) else { return nil }
            func number(_ name: String) -> Int? { attributes[name].map { TestCounts.number($0) } ?? 0 }
            guard let failures = number("failures"), let errors = number("errors"),
                let skipped = number("skipped"), let disabled = number("disabled")
            else { return nil }
            let failed = min(tests, failures + errors)
            let notRun = min(tests - failed, skipped + disabled)
            return TestCounts(passed: tests - failed - notRun, failed: failed, skipped: notRun)
        }

        private static func word(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
            let word = rest.prefix { byte in
                (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
                    || byte >= 0x80
            }
            rest = rest.dropFirst(word.count)
            return Array(word)
        }

        private static func skipSpace(_ rest: inout ArraySlice<UInt8>) {
            rest = rest.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        }
    }
}
