internal import Bytes

/// `go test` without `-v`: a package is a test, by its line `ok`, `FAIL` or none. Of a package that passes nothing is
/// printed; one that fails may print such lines itself, but counts as failed in any case.
struct GoPackageSummary: TestSummary {
    private var packages = TestCounts()
    private var hasLine = false

    mutating func take(_ line: String) {
        if line.hasPrefix("ok  \t") {
            packages = packages + TestCounts(passed: 1)
            hasLine = true
        } else if line.hasPrefix("FAIL\t") {
            packages = packages + TestCounts(failed: 1)
            hasLine = true
        }
    }

    var counts: TestCounts? { hasLine ? packages : nil }
}

/// `go test -v` or `-json`: each test by its own line, `--- PASS: TestName`. The last line of a name in a package counts,
/// so that a test can't speak for another that ends after it; but it can invent others.
struct GoTestSummary: TestSummary {
    private enum Outcome { case passed, failed, skipped }

    private var ended = TestCounts()
    private var tests: [String: Outcome] = [:]
    private var hasLine = false

    /// More are counted each time they are named.
    private static let maxNames = 20_000

    mutating func take(_ line: String) {
        if line.hasPrefix("{") { return takeJSON(line) }
        if line.hasPrefix("ok  \t") { return endPackage(isFailed: false) }
        if line.hasPrefix("FAIL\t") { return endPackage(isFailed: true) }
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count >= 3, words[0] == "---" else { return }
        switch words[1] {
        case "PASS:": note(String(words[2]), .passed)
        case "FAIL:": note(String(words[2]), .failed)
        case "SKIP:": note(String(words[2]), .skipped)
        default: break
        }
    }

    private mutating func takeJSON(_ line: String) {
        guard let event = try? JSON(parsing: Array(line.utf8)), let package = event["Package"]?.string else { return }
        let outcome: Outcome? =
            switch event["Action"]?.string {
            case "pass": .passed
            case "fail": .failed
            case "skip": .skipped
            default: nil
            }
        guard let outcome else { return }
        if let test = event["Test"]?.string { return note("\(package) \(test)", outcome) }
        // A package without tests is skipped; one that fails without a failed test wasn't built, or crashed.
        let mine = tests.filter { $0.key.hasPrefix("\(package) ") }
        if outcome == .failed, !mine.values.contains(.failed) { note("\(package) ", .failed) }
    }

    private mutating func note(_ name: String, _ outcome: Outcome) {
        hasLine = true
        if tests[name] == nil, tests.count >= Self.maxNames { endPackage(isFailed: false) }
        tests[name] = outcome
    }

    private mutating func endPackage(isFailed: Bool) {
        hasLine = true
        if isFailed, !tests.values.contains(.failed) { ended = ended + TestCounts(failed: 1) }
        ended = ended + current
        tests = [:]
    }

    private var current: TestCounts {
        tests.values.reduce(into: TestCounts()) { counts, outcome in
            switch outcome {
            case .passed: counts.passed += 1
            case .failed: counts.failed += 1
            case .skipped: counts.skipped += 1
            }
        }
    }

    var counts: TestCounts? { hasLine ? ended + current : nil }
}
