/// `swift test`: XCTest's `Executed 5 tests, with 1 failure (0 unexpected) in …`, whose last line is the total, and
/// Swift Testing's `Test run with 5 tests … passed after …`, whose failed tests have lines of their own. Both are
/// added.
struct SwiftSummary: TestSummary {
    private var xctest: TestCounts?
    private var run: (tests: Int, isPassed: Bool, failed: Int)?
    private var failed = 0

    mutating func take(_ line: String) {
        let words = line.split(separator: " ")
        if words.first == "Executed", words.count >= 5 { return takeXCTest(words) }
        // After the symbol.
        guard words.count >= 4, words[0].unicodeScalars.count <= 2, words[1] == "Test" else { return }
        if words[2] == "run", words[3] == "with", words.count >= 6 {
            guard let tests = TestCounts.number(words[4]) else { return }
            let isPassed = words.contains("passed") && !words.contains("failed")
            run = (tests, isPassed, failed)
            failed = 0
        } else if words.contains("failed"), words.contains("after"), words[2] != "case" {
            failed = min(TestCounts.limit, failed + 1)
        } else if words[2] == "run", words[3] == "started." {
            failed = 0
        }
    }

    private mutating func takeXCTest(_ words: [Substring]) {
        guard let tests = TestCounts.number(words[1]), words[2].hasPrefix("test") else { return }
        func number(before names: Set<Substring>) -> Int? {
            guard let index = words.firstIndex(where: { names.contains($0) }), index > 0 else { return nil }
            return words[..<index].reversed().lazy.compactMap { TestCounts.number($0) }.first
        }
        guard let failures = number(before: ["failure", "failures"]) else { return }
        let skipped = words.contains("skipped") ? number(before: ["skipped"]) ?? 0 : 0
        // Assertions, not tests: at most all have failed.
        let failed = min(tests, failures)
        let notRun = min(tests - failed, skipped)
        xctest = TestCounts(passed: tests - failed - notRun, failed: failed, skipped: notRun)
    }

    var counts: TestCounts? {
        guard xctest != nil || run != nil else { return nil }
        var sum = xctest ?? TestCounts()
        if let run {
            let failed = run.isPassed ? run.failed : max(1, run.failed)
            sum = sum + TestCounts(passed: max(0, run.tests - failed), failed: min(max(1, run.tests), failed))
        }
        return sum
    }
}
