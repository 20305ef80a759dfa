import Bytes
@testable import Executors
import Runtime
import Testing

@Suite("Summaries of test runners")
struct TestSummaryTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let runner: TestRunner
        var isVerbose = false
        let text: String
        /// Passed, failed, skipped; `nil`: no summary.
        let counts: [Int]?

        init(_ runner: TestRunner, verbose: Bool = false, _ text: String, _ counts: [Int]?) {
            (self.runner, isVerbose, self.text, self.counts) = (runner, verbose, text, counts)
        }

        var testDescription: String { "\(runner.rawValue): \(text.suffix(60))" }
    }

    static let python: [Case] = [
        Case(.pytest, "=== 3 passed in 0.12s ===", [3, 0, 0]), Case(.pytest, "3 passed in 0.01s", [3, 0, 0]),
        Case(.pytest, "= 1 failed, 2 passed, 1 skipped, 1 error, 3 warnings in 61.00s (0:01:01) =", [2, 2, 1]),
        Case(.pytest, "\u{1B}[32m\u{1B}[1m2 passed\u{1B}[0m, 1 xfailed\u{1B}[32m in 0.01s\u{1B}[0m", [2, 0, 1]),
        Case(.pytest, "no tests ran in 0.00s", [0, 0, 0]), Case(.pytest, "3 passed in the house", nil),
        Case(.pytest, "collected 3 items\nI passed 3 tests in 0.1s", nil), Case(.pytest, "3 elephants in 0.1s", nil),
        Case(.pytest, "= 9 passed in 0.1s =\n= 1 failed, 1 passed in 0.2s =", [1, 1, 0]),
        Case(.pytest, "99999999999 passed in 0.1s", nil), Case(.pytest, "9999999999999999999999 passed in 1s", nil),
        Case(
            .pytest, (1...9).map { _ in "999999999 passed" }.joined(separator: ", ") + " in 0.1s",
            [1_000_000_000, 0, 0]),
        Case(.unittest, "Ran 3 tests in 0.001s\n\nOK", [3, 0, 0]),
        Case(.unittest, "Ran 1 test in 0.001s\r\n\r\nOK (skipped=1)", [0, 0, 1]),
        Case(
            .unittest, "Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, unexpected successes=1, skipped=1)",
            [4, 4, 1]),
        Case(.unittest, "Ran 0 tests in 0.000s\n\nNO TESTS RAN", [0, 0, 0]), Case(.unittest, "OK", nil),
        Case(.unittest, "Ran 0 tests in 0.0s\n\nFAILED (errors=1)", [0, 1, 0]),
        Case(.unittest, "Ran 9 tests in 0.1s\n\nOK\nRan 2 tests in 0.1s\n\nFAILED (failures=2)", [0, 2, 0]),
    ]

    static let javaScript: [Case] = [
        Case(.node, "# tests 3\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0", [2, 1, 0]),
        Case(.node, "ℹ tests 4\nℹ suites 1\nℹ pass 1\nℹ fail 0\nℹ cancelled 1\nℹ skipped 1\nℹ todo 1", [1, 1, 2]),
        Case(.node, "# tests 9\n# pass 9\n# fail 0\n# tests 1\n# pass 0\n# fail 1", [0, 1, 0]),
        Case(.node, "# pass 9\n# fail 0", nil), Case(.node, "# tests 3", nil),
        Case(.jest, "Tests:       1 failed, 2 skipped, 3 passed, 6 total\nSnapshots:   0 total", [3, 1, 2]),
        Case(.jest, "Tests:       0 total", [0, 0, 0]), Case(.jest, "Tests: 3 passed", nil),
        Case(.jest, "Tests: 9 passed, 9 total\nTests: 1 failed, 1 total", [0, 1, 0]),
        Case(.jest, "  Tests: 9 passed, 9 total", nil), Case(.jest, "Tests: 9 passed, 9 total, and more", nil),
        Case(.mocha, "  5 passing (10ms)\n  1 pending\n  2 failing", [5, 2, 1]),
        Case(.mocha, "  0 passing (1ms)", [0, 0, 0]), Case(.mocha, "5 passing (10ms)", nil),
        Case(.mocha, "  9 passing (1ms)\n  1 passing (1ms)\n  1 failing", [1, 1, 0]),
        Case(.mocha, "  1 passing (1ms)\n  1 failing\n\n  Error: \n  9 passing (1ms)", [1, 1, 0]),
        Case(.mocha, "  3 passing (1ms)\n  2 passing (1ms)", [2, 0, 0]),
    ]

    static let compiled: [Case] = [
        Case(.go, "ok  \texample/a\t0.1s\nFAIL\texample/b\t0.2s\n?   \texample/c\t[no test files]\nFAIL", [1, 1, 0]),
        Case(.go, "PASS\nok  \texample/a\t(cached)", [1, 0, 0]), Case(.go, "--- PASS: TestA (0.00s)\nPASS", nil),
        Case(
            .go, verbose: true,
            "=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n    --- SKIP: TestB/x (0.00s)\nFAIL\nFAIL\ta\t0.1s",
            [1, 1, 1]),
        Case(.go, verbose: true, "--- PASS: TestA (0.00s)\n--- FAIL: TestA (0.00s)\nFAIL\ta\t0.1s", [0, 1, 0]),
        Case(.go, verbose: true, "FAIL\ta [build failed]\n--- PASS: TestA (0.0s)\nok  \tb\t0.1s", [1, 1, 0]),
        Case(.go, verbose: true, "--- PASS: TestA (0.0s)\npanic: x\nFAIL\ta\t0.1s", [1, 1, 0]),
        Case(
            .go, verbose: true,
            """
            {"Action":"run","Package":"a","Test":"TestA"}
            {"Action":"output","Package":"a","Test":"TestA","Output":"--- PASS: TestFake (0.00s)\\n"}
            {"Action":"pass","Package":"a","Test":"TestA","Elapsed":0}
            {"Action":"fail","Package":"a","Test":"TestB","Elapsed":0}
            {"Action":"fail","Package":"a","Elapsed":0}
            {"Action":"fail","Package":"b","Elapsed":0}
            {"Action":"pass"
            """, [1, 2, 0]),
        Case(
            .cargo,
            "running 2 tests\ntest result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; "
                + "finished in 0.00s\n\nrunning 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured",
            [1, 0, 1]),
        Case(
            .cargo,
            "running 2 tests\n---- a stdout ----\nrunning 9 tests\ntest result: ok. 9 passed; 0 failed\n"
                + "test result: FAILED. 1 passed; 1 failed; 0 ignored", [1, 1, 0]),
        Case(
            .cargo,
            "running 2 tests\ntest result: FAILED. 0 passed; 2 failed\nrunning 9 tests\n"
                + "test result: ok. 9 passed; 0 failed\ntest result: FAILED. 1 passed; 1 failed", [1, 1, 0]),
        Case(.cargo, "running 1 test\nSIGSEGV", nil),
        Case(.cargo, "running 1 test\ntest result: ok. 1 passed; 0 failed\nrunning 1 test\nSIGSEGV", [1, 1, 0]),
        Case(
            .swift,
            "\t Executed 2 tests, with 1 failure (0 unexpected) in 0.1 (0.1) seconds\n"
                + "\t Executed 5 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.1 (0.1) seconds", nil),
        Case(
            .swift, "Executed 5 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.1 (0.1) seconds",
            [2, 2, 1]),
        Case(
            .swift,
            "Executed 0 tests, with 0 failures (0 unexpected) in 0.0 (0.0) seconds\n◇ Test run started.\n"
                + "✘ Test a() failed after 0.001 seconds with 2 issues.\n✔ Test b() passed after 0.001 seconds.\n"
                + "✘ Test run with 2 tests in 1 suite failed after 0.001 seconds with 2 issues.", [1, 1, 0]),
        Case(.swift, "✔ Test run with 7 tests in 2 suites passed after 0.001 seconds.", [7, 0, 0]),
        Case(.swift, "✘ Test run with 0 tests failed after 0.001 seconds with 1 issue.", [0, 1, 0]),
    ]

    static let streams: [Case] = [
        Case(.tap, "TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP c", [1, 1, 1]),
        Case(.tap, "ok\nok\nnot ok\n1..3", [2, 1, 0]), Case(.tap, "1..2\nok 1", [1, 1, 0]),
        Case(.tap, "1..2\nok 1\nok 2\nok 3\nnot ok 2", [1, 1, 0]), Case(.tap, "ok 1\nok 2", [2, 1, 0]),
        Case(.tap, "1..0 # SKIP all", [0, 0, 0]), Case(.tap, "okay\nnothing", nil),
        Case(.tap, "1..1\nok 1\n1..1\nok 1", [2, 0, 0]), Case(.tap, "1..9\n1..1\nok 1\nnot ok 2", [0, 2, 0]),
        Case(.tap, "    1..9\n    ok 1\n1..1\nok 1", [1, 0, 0]), Case(.tap, "1..1\nok 9223372036854775807", [0, 1, 0]),
        Case(.tap, "1..1\nok 0\nok -1\nok 1", [1, 0, 0]), Case(.tap, "Bail out!", nil),
        Case(.prove, "a.t .. ok\nAll tests successful.\nFiles=1, Tests=3,  0 wallclock secs\nResult: PASS", [3, 0, 0]),
        Case(
            .prove,
            "Test Summary Report\n-------------------\na.t (Wstat: 256 (exited 1) Tests: 3 Failed: 1)\n"
                + "b.t (Wstat: 0 Tests: 2 Failed: 2)\nFiles=3, Tests=9,  0 wallclock secs\nResult: FAIL", [6, 3, 0]),
        Case(.prove, "Files=0, Tests=0,  0 wallclock secs", [0, 0, 0]),
    ]

    @Test("are read as their runners write them", arguments: python + javaScript + compiled + streams)
    func summary(_ each: Case) {
        for piece in [1, 7, 100_000] {
            var reader = SummaryReader(each.runner.makeSummary(isVerbose: each.isVerbose))
            var rest = each.text[...]
            while !rest.isEmpty {
                reader.take(String(rest.prefix(piece)))
                rest = rest.dropFirst(piece)
            }
            reader.finish()
            let expected = each.counts.map { TestCounts(passed: $0[0], failed: $0[1], skipped: $0[2]) }
            #expect(reader.counts == expected, "in pieces of \(piece)")
        }
    }

    @Test("ignore lines without an end, and read on after them")
    func longLines() {
        var reader = SummaryReader(PytestSummary())
        for _ in 0..<100 { reader.take(String(repeating: "=", count: 10_000)) }
        reader.take(" 9 passed in 0.1s\n= 1 passed in 0.1s =\n")
        #expect(reader.counts == TestCounts(passed: 1))
    }

    @Test("of any runner survive any bytes", arguments: TestRunner.allCases, [false, true])
    func noise(runner: TestRunner, isVerbose: Bool) {
        var reader = SummaryReader(runner.makeSummary(isVerbose: isVerbose))
        let pieces = [
            "ok", "not ok", " ", "1..", "999999999", "-1", "\n", "passed", ",", "in 0.1s", "=", "(", ")", "\u{1B}[",
            "ℹ ",
            "# tests ", "Tests:", "  ", "test result: ", "running ", " tests", ".", ";", "{\"Action\":", "--- FAIL: ",
            "FAIL\t",
            "Executed ", "✘ Test run with ", "Files=", " Tests=", "Ran ", "\u{301}", "\0", "(Wstat: ", " Failed: ",
        ]
        var seed: UInt64 = 4_711
        for _ in 0..<20_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            reader.take(pieces[Int(seed >> 33) % pieces.count])
        }
        reader.finish()
        if let counts = reader.counts { #expect(counts.passed >= 0 && counts.failed >= 0 && counts.skipped >= 0) }
    }

    @Test("and the exit code make a verdict")
    func verdicts() {
        func verdict(_ counts: [Int]?, _ code: Int) -> [Int] {
            let given = counts.map { TestCounts(passed: $0[0], failed: $0[1], skipped: $0[2]) }
            let verdict = AuditVerdict(given, exitCode: code)
            return [verdict.passed, verdict.failed, verdict.total]
        }
        #expect(verdict([3, 0, 0], 0) == [3, 0, 3] && verdict([3, 0, 0], 1) == [2, 1, 3])
        #expect(verdict([1, 2, 9], 0) == [1, 2, 3] && verdict([1, 2, 0], 5) == [1, 2, 3])
        #expect(verdict([0, 0, 0], 0) == [0, 1, 1] && verdict(nil, 0) == [0, 1, 1])
        #expect(verdict([0, 0, 4], 0) == [0, 4, 4] && verdict([1, 0, 0], 9) == [0, 1, 1])
        #expect(AuditVerdict(exitCode: 0).passed == 1 && AuditVerdict(exitCode: 137).passed == 0)
        #expect(verdict([1_000_000_000, 1_000_000_000, 0], 0)[2] == 2_000_000_000)
    }

    @Test("a report's log is the end of the output, in whole characters")
    func log() throws {
        let output = String(repeating: "äöü€😀\0", count: 30_000)
        let result = AuditVerdict(exitCode: 0).result(exitCode: 0, output: output, remark: "done")
        let log = try #require(result.report?["log"]?.string)
        #expect(log.utf8.count <= 65_536 && log.utf8.count > 65_530 && log.hasSuffix("[audit] done\n"))
        #expect(!log.contains("\0") && !log.contains("\u{FFFD}"))
        #expect(AuditVerdict.suffix("abc", bytes: 2) == "bc" && AuditVerdict.suffix("aä", bytes: 1) == "")
    }
}
