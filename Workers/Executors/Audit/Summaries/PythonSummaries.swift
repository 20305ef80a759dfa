/// `==== 3 passed, 1 failed, 2 skipped in 0.12s ====`, without the signs with `-q`. The last one counts: pytest prints
/// nothing after it, but code that runs when the process ends could. Tests that are expected to fail count as skipped.
struct PytestSummary: TestSummary {
    private(set) var counts: TestCounts?

    mutating func take(_ line: String) {
        guard
            line.hasPrefix("=") || line.utf8.first.map({ (0x30...0x39).contains($0) }) == true
                || line.hasPrefix("no tests ran in ")
        else { return }
        let body = line.drop { $0 == "=" || $0 == " " }
        guard let time = body.firstRange(of: " in "),
            body[time.upperBound...].utf8.first.map({ (0x30...0x39).contains($0) }) == true
        else { return }
        let list = body[..<time.lowerBound]
        if list == "no tests ran" {
            counts = TestCounts()
            return
        }
        var found = TestCounts()
        for part in list.split(separator: ",") {
            let words = part.split(separator: " ")
            guard words.count >= 2, let number = TestCounts.number(words[0]) else { return }
            switch words.dropFirst().joined(separator: " ") {
            case "passed": found = found + TestCounts(passed: number)
            case "failed", "error", "errors": found = found + TestCounts(failed: number)
            case "skipped", "xfailed", "xpassed": found = found + TestCounts(skipped: number)
            case "deselected", "warning", "warnings", "rerun", "subtests passed", "subtests failed": break
            default: return
            }
        }
        counts = found
    }
}

/// `Ran 12 tests in 0.001s`, then `OK (skipped=1)` or `FAILED (failures=1, errors=2)`. The last pair counts.
struct UnittestSummary: TestSummary {
    private(set) var counts: TestCounts?
    private var total: Int?

    mutating func take(_ line: String) {
        let words = line.split(separator: " ")
        if words.count >= 5, words[0] == "Ran", words[2] == "test" || words[2] == "tests", words[3] == "in",
            let number = TestCounts.number(words[1])
        {
            total = number
            return
        }
        guard let total, let status = words.first, ["OK", "FAILED", "NO"].contains(status) else { return }
        self.total = nil
        var (failed, skipped) = (0, 0)
        if let start = line.firstIndex(of: "("), let end = line.lastIndex(of: ")"), start < end {
            for part in line[start..<end].dropFirst().split(separator: ",") {
                let pair = part.split(separator: "=")
                guard pair.count == 2, let number = TestCounts.number(pair[1]) else { continue }
                switch pair[0].drop(while: { $0 == " " }) {
                case "failures", "errors": failed = min(TestCounts.limit, failed + number)
                case "unexpected successes": failed = min(TestCounts.limit, failed + number)
                case "skipped", "expected failures": skipped = min(TestCounts.limit, skipped + number)
                default: break
                }
            }
        }
        if status == "FAILED" { failed = max(1, failed) }
        // An error in a fixture belongs to no test.
        let passed = max(0, total - failed - skipped)
        counts = TestCounts(passed: passed, failed: failed, skipped: skipped)
    }
}
