/// `# tests 3`, `# pass 2`, `# fail 1` … of `node --test`, with `#` or `ℹ`. The last block counts.
struct NodeSummary: TestSummary {
    private var block: [String: Int]?

    mutating func take(_ line: String) {
        guard line.hasPrefix("# ") || line.hasPrefix("ℹ ") else { return }
        let words = line.split(separator: " ")
        guard words.count == 3, let number = TestCounts.number(words[2]) else { return }
        let name = String(words[1])
        if name == "tests" { block = [:] }
        if ["tests", "pass", "fail", "cancelled", "skipped", "todo"].contains(name) { block?[name] = number }
    }

    var counts: TestCounts? {
        guard let block, let passed = block["pass"], let failed = block["fail"] else { return nil }
        return TestCounts(
            passed: passed, failed: failed + (block["cancelled"] ?? 0),
            skipped: (block["skipped"] ?? 0) + (block["todo"] ?? 0))
    }
}

/// `Tests:       1 failed, 2 skipped, 3 passed, 6 total`. The last line counts: jest prints the failures before it.
struct JestSummary: TestSummary {
    private(set) var counts: TestCounts?

    mutating func take(_ line: String) {
        guard line.hasPrefix("Tests:") else { return }
        var found = TestCounts()
        var total: Int?
        for part in line.dropFirst(6).split(separator: ",") {
            let words = part.split(separator: " ")
            guard words.count == 2, let number = TestCounts.number(words[0]) else { return }
            switch words[1] {
            case "passed": found.passed = number
            case "failed": found.failed = number
            case "skipped", "todo", "pending": found = found + TestCounts(skipped: number)
            case "total": total = number
            default: return
            }
        }
        if total != nil { counts = found }
    }
}

/// `  5 passing (10ms)`, `  1 pending`, `  2 failing`. The last block counts; but mocha prints the failures' own words
/// after it, so when there were failures, the worst block does.
struct MochaSummary: TestSummary {
    private var blocks: (last: TestCounts, worst: TestCounts)?
    private var block: TestCounts?
    private var hasFailures = false

    mutating func take(_ line: String) {
        guard line.hasPrefix("  "), line.utf8.dropFirst(2).first.map({ (0x30...0x39).contains($0) }) == true else {
            return
        }
        let words = line.split(separator: " ")
        guard words.count >= 2, let number = TestCounts.number(words[0]) else { return }
        switch words[1] {
        case "passing" where words.count > 2 && words[2].hasPrefix("("):
            endBlock()
            block = TestCounts(passed: number)
        case "failing" where words.count == 2:
            block?.failed = number
            hasFailures = hasFailures || number > 0
        case "pending" where words.count == 2: block?.skipped = number
        default: break
        }
    }

    private mutating func endBlock() {
        guard let block else { return }
        let worst = blocks?.worst ?? block
        blocks = (block, block.isWorse(than: worst) ? block : worst)
    }

    var counts: TestCounts? {
        var ended = self
        ended.endBlock()
        return hasFailures ? ended.blocks?.worst : ended.blocks?.last
    }
}
