/// `running 2 tests` … `test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`, once for each of a
/// crate's test programs, which are added up.
///
/// A result belongs to the last `running` with as many tests, and what was printed in between is no summary: `cargo`
/// shows what a failed test printed between the two. Where the lines don't fit each other, only the last result counts.
struct CargoSummary: TestSummary {
    private var open: [(tests: Int, before: TestCounts)] = []
    private var sum = TestCounts()
    private var last: TestCounts?
    private var isConsistent = true

    private static let maxOpen = 1_000

    mutating func take(_ line: String) {
        if line.hasPrefix("running "), line.hasSuffix(" tests") || line.hasSuffix(" test") {
            let words = line.split(separator: " ")
            guard words.count == 3, let tests = TestCounts.number(words[1]) else { return }
            if open.count < Self.maxOpen { open.append((tests, sum)) } else { isConsistent = false }
        } else if line.hasPrefix("test result: "), let result = Self.result(line) {
            last = result
            let tests = result.total + result.skipped
            guard let index = open.lastIndex(where: { $0.tests == tests }) else {
                isConsistent = false
                return
            }
            sum = open[index].before + result
            open.removeSubrange(index...)
        }
    }

    private static func result(_ line: String) -> TestCounts? {
        guard let dot = line.firstIndex(of: ".") else { return nil }
        var found = TestCounts()
        for part in line[dot...].dropFirst().split(separator: ";") {
            let words = part.split(separator: " ")
            guard words.count >= 2, let number = TestCounts.number(words[0]) else { continue }
            switch words[1] {
            case "passed": found.passed = number
            case "failed": found.failed = number
            case "ignored": found.skipped = number
            case "measured": found.passed = min(TestCounts.limit, found.passed + number)
            default: break
            }
        }
        return found
    }

    var counts: TestCounts? {
        guard let last else { return nil }
        guard isConsistent else { return last }
        // A program that never told its result has crashed.
        return sum + TestCounts(failed: open.isEmpty ? 0 : 1)
    }
}
