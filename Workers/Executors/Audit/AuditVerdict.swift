internal import Bytes
internal import Domain
internal import Runtime
internal import Wire

/// What an audit reports: how many tests passed, of how many.
struct AuditVerdict: Sendable, Equatable {
    let passed: Int
    let failed: Int

    var total: Int { passed + failed }

    /// One criterion that wasn't met: nothing was shown.
    static let nothing = AuditVerdict(passed: 0, failed: 1)

    private init(passed: Int, failed: Int) {
        (self.passed, self.failed) = (passed, failed)
    }

    /// The verdict on tests whose runner isn't known: the exit code, as 1 of 1.
    init(exitCode: Int) {
        self.init(passed: exitCode == 0 ? 1 : 0, failed: exitCode == 0 ? 0 : 1)
    }

    /// The verdict by a runner's summary, or 0 of 1 without one. Skipped tests count only when there are no others, as
    /// failed. With an exit code other than 0 at least one test has failed, whatever the summary says.
    init(_ counts: TestCounts?, exitCode: Int) {
        guard let counts, counts.total + counts.skipped > 0 else {
            self = .nothing
            return
        }
        guard counts.total > 0 else {
            self.init(passed: 0, failed: counts.skipped)
            return
        }
        let isContradicted = exitCode != 0 && counts.failed == 0
        self.init(
            passed: isContradicted ? counts.passed - 1 : counts.passed, failed: isContradicted ? 1 : counts.failed)
    }

    /// - Parameters:
    ///   - exitCode: `nil` if the tests didn't run to their end.
    ///   - output: the end of what was printed.
    ///   - remark: how the verdict came about, in one line.
    func result(exitCode: Int?, output: String, remark: String) -> ExecutionResult {
        let end = output.isEmpty || output.hasSuffix("\n") ? "" : "\n"
        let log = Self.suffix("\(output)\(end)[audit] \(remark)\n", bytes: WireLimits.reportLogBytes.upperBound)
        return ExecutionResult(
            .success, exitCode: exitCode,
            report: [
                "passed": JSON(passed), "failed": JSON(failed), "total": JSON(total), "log": .string(log),
            ])
    }

    /// The end of a text within that many bytes, in whole characters, without NUL.
    static func suffix(_ text: String, bytes limit: Int) -> String {
        let bytes = text.utf8.map { $0 == 0 ? UInt8(ascii: "?") : $0 }
        guard bytes.count > limit else { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: bytes[(bytes.count - limit)...].drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }
}
