internal import Bytes
internal import Domain
internal import Runtime
internal import Sandbox
internal import Synchronization
internal import Wire

/// Runs the tests of bounties: fetches a branch, runs its tests without network, and reports what their runner says.
///
/// Tests that fail, hang or can't be fetched are a verdict and not a failure of the job, so they aren't tried again.
///
/// What can't be prevented: tests of most runners share a process with the code that they test. That code can make the
/// runner's own words and exit code say what it wants. A summary that it prints *before* the runner's is of no use to
/// it; ``TestSummary`` says what each runner's reader withstands beyond that. Where that isn't enough, the tests must
/// run the code as a program of its own.
struct AuditExecutor: Sendable {
    let sandbox: Sandbox
    let isolation: Isolation
    let state: StateFolder
    let rules: AuditRules
    let cores: Int
    let isOnline: @Sendable () async -> Bool
    let world: World

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        let command = CommandJob(job: job, context: context)
        try command.check(isolation: isolation)
        guard let audit = job.audit else { return ExecutionResult(.failure, error: "the audit names no repository") }
        let deadline = world.monotonic() + min(command.limits(cores: cores).wallMilliseconds, rules.milliseconds)
        let shown = RepositoryURL.shown(audit.repoURL)
        let branch = audit.branch.map { "branch \(RepositoryURL.shown($0))" } ?? "the default branch"
        context.log("[audit] fetching \(branch) of \(shown)\n")
        let fetch = GitFetch(sandbox: sandbox, state: state, rules: rules, isOnline: isOnline, world: world)
        let folder: JobFolder
        do {
            try rules.check(audit.repoURL)
            folder = try await fetch.files(audit, for: command, deadline: deadline)
        } catch let refusal as AuditRules.Refusal {
            // Nobody's code is at fault: another machine may have it, and the queenbee decides when none does.
            context.log("[audit] \(refusal.reason)\n")
            return ExecutionResult(.failure, error: refusal.reason)
        } catch let refusal as GitFetch.Refusal {
            let remark = "could not fetch \(branch) of \(shown): \(refusal.reason)"
            context.log("[audit] \(remark)\n")
            return AuditVerdict.nothing.result(exitCode: nil, output: "", remark: remark)
        }
        defer { try? folder.remove() }
        return try await test(audit, in: folder, command, deadline)
    }

    /// What keeps it from fetching any repository, beside what keeps jobs from running.
    var fault: String? {
        get async {
            if let free = state.freeBytes, free < rules.reservedBytes { return "the disk of the state folder is full" }
            return await isOnline() ? nil : "the network of this machine is down"
        }
    }

    private func test(
        _ audit: ClaimedJob.Audit, in folder: JobFolder, _ command: CommandJob, _ deadline: Int64
    ) async throws -> ExecutionResult {
        let plan = TestPlan(audit.tests) { path in
            try? folder.work.collect(path, limit: TestPlan.packageBytes)
        }
        // What is there afterwards was written by the tests' run.
        if let report = plan.report { try? folder.work.remove(report) }
        let output = AuditOutput(plan.runner, log: command.context.log, limit: SandboxLimits().logBytes)
        var limits = command.limits(cores: cores)
        limits.wallMilliseconds = max(1, deadline - world.monotonic())
        // Forwarded up to a limit by `AuditOutput`; the summary's reader sees all of it.
        limits.logBytes = .max >> 1
        var program = Program(
            ["/bin/sh", "-c", audit.tests],
            environment: command.job.environment.map { (name: $0.name, value: $0.value) })
        program.stdin = command.job.standardInput
        command.context.log("[audit] running the tests\n")
        let end: Sandbox.End
        do {
            end = try await sandbox.run(program, in: folder, limits: limits) { event in
                switch event {
                case .log(let text): output.take(text)
                case .progress(let percent, let message): command.context.progress(percent, message)
                }
            }
        } catch {
            throw MachineFault(error.message, error.isShortage ? .shortage : .unknown)
        }
        switch end.cause {
        case .exited(let code):
            let (verdict, source) = plan.verdict(exitCode: code, printed: output.counts()) { path in
                try? folder.work.collect(path, limit: JUnitReport.maxBytes)
            }
            let remark = "\(verdict.passed) of \(verdict.total) passed, by \(source); exit code \(code)"
            command.context.log("[audit] \(remark)\n")
            return verdict.result(exitCode: code, output: end.output, remark: remark)
        case .timedOut:
            let minutes = command.job.durationMinutes
            return AuditVerdict.nothing.result(
                exitCode: nil, output: end.output, remark: "exceeded the time limit of \(minutes) minutes")
        case .overLimit(let excess):
            return AuditVerdict.nothing.result(exitCode: nil, output: end.output, remark: "the tests \(excess)")
        case .stopped: throw CancellationError()
        }
    }
}
