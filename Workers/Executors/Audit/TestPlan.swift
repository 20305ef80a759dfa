internal import Bytes
internal import Sandbox

/// How the verdict of a test command is read: from the summary of the runner that it names, from the JUnit file that it
/// names, or else from its exit code. Nothing that the tests print has a part in that decision.
///
/// - Several different runners in one command: only the exit code counts, as one could print the other's summary.
/// - A runner and a JUnit file: both must be there or only the runner's summary, and the worse counts.
/// - `npm test` is what `package.json` says, which is part of the tested branch: whoever writes it trusts that file.
struct TestPlan: Sendable {
    struct Runner: Sendable, Equatable {
        let kind: TestRunner
        /// For `go test`: whether it prints a line for each test.
        var isVerbose = false

        func makeSummary() -> any TestSummary { kind.makeSummary(isVerbose: isVerbose) }
    }

    private(set) var runner: Runner?
    /// The JUnit file, relative to the work folder.
    private(set) var report: RelativePath?

    static let packageBytes = 1 << 20

    /// - Parameter read: returns a file of the work folder.
    init(_ text: String, read: (RelativePath) -> [UInt8]?) {
        var found = Findings()
        Self.collect(text, in: "", depth: 0, read, &found)
        if let first = found.runners.first, found.runners.allSatisfy({ $0.kind == first.kind }) {
            runner = Runner(kind: first.kind, isVerbose: found.runners.allSatisfy(\.isVerbose))
        }
        if let path = found.reports.last { report = try? RelativePath(path) }
    }

    private struct Findings {
        var runners: [Runner] = []
        var reports: [String] = []
    }

    private static func collect(
        _ text: String, in folder: String, depth: Int, _ read: (RelativePath) -> [UInt8]?, _ found: inout Findings
    ) {
        guard depth < 4 else { return }
        var folder = folder
        for words in ShellWords(text).commands.prefix(100) {
            if words.first == "cd", words.count == 2, let target = words.last {
                folder = joined(folder, target)
                continue
            }
            found.reports += JUnitReport.paths(named: words).map { joined(folder, $0) }
            switch TestRunner.named(by: words) {
            case .runner(let runner): found.runners.append(runner)
            case .shell(let inner): collect(inner, in: folder, depth: depth + 1, read, &found)
            case .script(let name, let fallback):
                if let script = script(name, in: folder, read) {
                    collect(script, in: folder, depth: depth + 1, read, &found)
                } else if let fallback {
                    found.runners.append(fallback)
                }
            case nil: break
            }
        }
    }

    private static func joined(_ folder: String, _ path: String) -> String {
        if path.hasPrefix("/work/") { return String(path.dropFirst(6)) }
        let parts = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return path.hasPrefix("/") ? path : folder.isEmpty ? parts : parts.isEmpty ? folder : "\(folder)/\(parts)"
    }

    /// A script of `package.json`.
    private static func script(_ name: String, in folder: String, _ read: (RelativePath) -> [UInt8]?) -> String? {
        guard let path = try? RelativePath(joined(folder, "package.json")), let bytes = read(path) else { return nil }
        return (try? JSON(parsing: bytes))?["scripts"]?[name]?.string
    }

    /// - Parameters:
    ///   - printed: by the runner's summary.
    ///   - read: returns a file of the work folder.
    /// - Returns: the verdict, and what it is from, for people.
    func verdict(
        exitCode: Int, printed: TestCounts?, read: (RelativePath) -> [UInt8]?
    ) -> (AuditVerdict, source: String) {
        guard let report else {
            guard let runner else { return (AuditVerdict(exitCode: exitCode), "the exit code") }
            let source = printed == nil ? "the missing summary of \(runner.kind.rawValue)" : runner.kind.rawValue
            return (AuditVerdict(printed, exitCode: exitCode), source)
        }
        let counts = read(report).flatMap { JUnitReport.counts(in: $0) }
        let name = RepositoryURL.shown(report.text)
        guard let counts else {
            guard let runner, let printed else { return (.nothing, "the missing or invalid report \(name)") }
            return (AuditVerdict(printed, exitCode: exitCode), runner.kind.rawValue)
        }
        guard let printed, printed.isWorse(than: counts) else {
            return (AuditVerdict(counts, exitCode: exitCode), "the report \(name)")
        }
        return (AuditVerdict(printed, exitCode: exitCode), runner?.kind.rawValue ?? "the summary")
    }
}
