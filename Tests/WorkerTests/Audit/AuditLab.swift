import Bytes
import Domain
import Egress
@testable import Executors
import Foundation
@testable import Runtime
@testable import Sandbox
import Support
import Synchronization
import Testing
import Wire

/// A repository on this machine, made by a script.
struct Repository: Sendable {
    let path: String

    var url: String { "file://\(path)" }

    /// - Parameters:
    ///   - script: runs in the new repository, whose branch is `main`; all that it leaves there is committed.
    ///   - late: runs after that.
    init(_ script: String, late: String = "true") async throws {
        let commit = "git add --all; git diff --cached --quiet || git commit --quiet --message=work"
        try await self.init(steps: "(\(script)\n)\n\(commit)\n\(late)")
    }

    /// One whose commit has a tree of those entries, as bytes: `git` itself would not make it.
    /// - Parameter entries: mode, name, and the kind of its object: a blob or a tree with one file.
    init(entries: [(mode: String, name: String, isTree: Bool)]) async throws {
        let lines = entries.map { entry in
            "printf '%s %s\\0' \(entry.mode) '\(entry.name)'; echo \(entry.isTree ? "$tree" : "$blob") | xxd -r -p"
        }
        try await self.init(
            steps: """
                blob=$(echo '#!/bin/sh' | git hash-object -w --stdin)
                tree=$(printf '100755 blob %s\\tpost-checkout\\n' $blob | git mktree)
                root=$({ \(lines.joined(separator: "; ")); } | git hash-object -w -t tree --literally --stdin)
                git update-ref refs/heads/main $(git commit-tree -m bad $root)
                """)
    }

    private init(steps: String) async throws {
        path = Scratch.path("repository")
        let user = ["AUTHOR", "COMMITTER"].map { "GIT_\($0)_NAME=a GIT_\($0)_EMAIL=a@example.org" }
        try await Tool.run(
            "/bin/sh",
            [
                "-c",
                """
                set -e; umask 022; export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1
                export GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null \(user.joined(separator: " "))
                git init --quiet --initial-branch=main \(path); cd \(path)
                \(steps)
                """,
            ])
    }
}

/// Runs audits in a real sandbox.
struct AuditLab {
    let state: StateFolder
    let sandbox: Sandbox
    var rules: AuditRules
    var isOnline = true

    init() async throws {
        state = try StateFolder(at: Scratch.path("state"))
        sandbox = try await Sandbox.open(in: state)
        rules = AuditRules(schemes: [.https, .http, .file])
        rules.pauseMilliseconds = 50
        rules.milliseconds = 30_000
    }

    struct Said {
        let status: Outcome.Status
        let exitCode: Int?
        let passed: Int64
        let total: Int64
        /// Of the report.
        let log: String
        /// As it was streamed.
        let stream: String
    }

    func executor() -> AuditExecutor {
        let isOnline = isOnline
        return AuditExecutor(
            sandbox: sandbox, isolation: .sandbox, state: state, rules: rules, cores: 2, isOnline: { isOnline },
            world: .live)
    }

    func run(_ url: String, branch: String? = "main", tests: String, memoryMiB: Int64? = nil) async throws -> Said {
        let (result, stream) = try await execute(url, branch, tests, memoryMiB)
        let report = try #require(result.report)
        let passed = try #require(report["passed"]?.int), failed = try #require(report["failed"]?.int)
        let total = try #require(report["total"]?.int), log = try #require(report["log"]?.string)
        #expect(passed >= 0 && failed >= 0 && total >= 1 && passed + failed == total)
        #expect(log.utf8.count <= 65_536 && !log.utf8.contains(0))
        return Said(
            status: result.status, exitCode: result.exitCode, passed: passed, total: total, log: log, stream: stream)
    }

    /// Why an audit has no verdict; nil when it has one.
    func refusal(of url: String) async throws -> String? {
        let (result, _) = try await execute(url, "main", "true", nil)
        return result.status == .failure && result.report == nil ? result.error : nil
    }

    private func execute(
        _ url: String, _ branch: String?, _ tests: String, _ memoryMiB: Int64?
    ) async throws -> (result: ExecutionResult, stream: String) {
        var job = ClaimedJob.sample("audit")
        job.kind = Kind.audit.rawValue
        job.command = []
        job.resources.memoryMiB = memoryMiB
        job.audit = ClaimedJob.Audit(repoURL: url, branch: branch, tests: tests)
        let stream = Mutex("")
        let result = try await executor().run(
            job,
            JobContext(
                slot: 0, log: { text in stream.withLock { $0 += text.readable } }, progress: { _, _ in },
                fetch: { _ in [] },
                upload: { _, _ in }))
        return (result, stream.withLock { $0 })
    }

    /// Whether the sandbox still runs programs, and nothing of earlier runs is left.
    func isWell() async throws -> Bool {
        guard leftovers.isEmpty else { return false }
        let folder = try state.makeJobFolder(for: HostUser(slot: 0))
        defer { try? folder.remove() }
        let end = try await sandbox.run(Program(["true"]), in: folder, limits: SandboxLimits()) { _ in }
        return end.cause == .exited(0)
    }

    /// What is left in the state folder of earlier runs.
    var leftovers: [String] {
        let jobs = "\(state.path)/jobs/\(state.instance)"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: jobs)) ?? []
        return names.filter { $0 != "alive" && !$0.hasPrefix("seccomp-") }
    }
}
