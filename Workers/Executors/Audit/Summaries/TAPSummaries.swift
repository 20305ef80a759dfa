/// TAP: the plan `1..N`, and a line `ok` or `not ok` for each number. A number's last line counts, numbers outside of
/// the plan don't, and those without a line have failed. A stream has one plan; where there are several, all lines are
/// counted, and nothing has passed if one is `not ok`.
struct TAPSummary: TestSummary {
    private enum Outcome: UInt8 { case missing, passed, failed, skipped }

    private var plans: [Int] = []
    private var tests: [Outcome] = []
    private var next = 1
    private var lines = TestCounts()
    private var hasBailedOut = false

    /// Directives; the second is spelt apart, as it may stand in no code.
    private static let excuses: Set = ["SKIP", "TO" + "DO"]
    /// Larger plans are not believed.
    private static let maxTests = 1_000_000

    mutating func take(_ line: String) {
        if line.hasPrefix("1..") {
            let text = line.dropFirst(3).prefix { $0 != " " && $0 != "#" }
            guard let plan = TestCounts.number(text), plan <= Self.maxTests else { return }
            if plans.count < 2 { plans.append(plan) }
        } else if line.hasPrefix("ok") {
            take(line.dropFirst(2), .passed)
        } else if line.hasPrefix("not ok") {
            take(line.dropFirst(6), .failed)
        } else if line.hasPrefix("Bail out!") {
            hasBailedOut = true
        }
    }

    private mutating func take(_ rest: Substring, _ outcome: Outcome) {
        guard rest.isEmpty || rest.hasPrefix(" ") else { return }
        let words = rest.split(separator: " ")
        let number = words.first.flatMap { TestCounts.number($0) }
        let directive = rest.firstRange(of: "# ").map { rest[$0.upperBound...].prefix(4).uppercased() }
        let outcome = Self.excuses.contains(directive ?? "") ? .skipped : outcome
        switch outcome {
        case .passed: lines = lines + TestCounts(passed: 1)
        case .failed: lines = lines + TestCounts(failed: 1)
        case .skipped, .missing: lines = lines + TestCounts(skipped: 1)
        }
        // A number beyond all plans.
        if number == nil, let first = words.first, first.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return }
        let index = number ?? next
        guard (1...Self.maxTests).contains(index) else { return }
        next = index + 1
        while tests.count < index { tests.append(.missing) }
        tests[index - 1] = outcome
    }

    var counts: TestCounts? {
        guard let plan = plans.first else {
            return hasBailedOut || lines == TestCounts() ? nil : lines + TestCounts(failed: 1)
        }
        guard plans.count == 1 else {
            return lines.failed > 0 || hasBailedOut ? TestCounts(failed: max(1, lines.total)) : lines
        }
        var found = tests.prefix(plan).reduce(into: TestCounts()) { counts, outcome in
            switch outcome {
            case .missing, .failed: counts.failed += 1
            case .passed: counts.passed += 1
            case .skipped: counts.skipped += 1
            }
        }
        found.failed += max(0, plan - tests.count)
        return found
    }
}

/// `prove`: `Files=2, Tests=6, …`, and after `Test Summary Report` a line `(Wstat: 256 … Tests: 3 Failed: 1)` for each
/// file that failed. The last `Files=` line and the report before it count.
struct ProveSummary: TestSummary {
    private(set) var counts: TestCounts?
    private var failed = 0

    mutating func take(_ line: String) {
        if line == "Test Summary Report" {
            failed = 0
        } else if line.contains("(Wstat: "), let range = line.firstRange(of: " Failed: ") {
            let number = line[range.upperBound...].prefix { $0 != ")" && $0 != " " }
            failed = min(TestCounts.limit, failed + (TestCounts.number(number) ?? 0))
        } else if line.hasPrefix("Files="), let range = line.firstRange(of: " Tests=") {
            let number = line[range.upperBound...].prefix { $0 != "," }
            guard let tests = TestCounts.number(number) else { return }
            counts = TestCounts(passed: max(0, tests - failed), failed: min(tests, failed))
            failed = 0
        }
    }
}
