internal import Bytes
internal import Runtime
internal import Sandbox
internal import Wire

/// Runs a command in the sandbox: inputs in, command, outputs out (CONTRACT 4).
struct ComputeExecutor: Executor {
    let sandbox: Sandbox
    let isolation: Isolation
    let state: StateFolder
    /// `nil`: jobs have no network.
    let network: JobNetwork?
    /// Cores of the machine: no process can use more processor time than all of them give.
    let cores: Int

    var kinds: [String] { ["compute"] }

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        if job.isolation > isolation {
            throw MachineFault("this machine gives \(isolation.rawValue), not \(job.isolation.rawValue)")
        }
        let folder: JobFolder
        do {
            folder = try state.makeJobFolder(for: HostUser(slot: context.slot))
        } catch {
            throw MachineFault("the state folder: \(error.message)")
        }
        defer { try? folder.remove() }
        if let refusal = try await placeInputs(of: job, in: folder.work, context) { return refusal }
        let end: Sandbox.End
        do {
            end =
                if job.network, let network {
                    try await network.open(in: folder, context) { try await execute(job, in: folder, $0, context) }
                } else {
                    try await execute(job, in: folder, nil, context)
                }
        } catch let failure as Sandbox.Failure {
            throw MachineFault(failure.message)
        }
        if end.cause == .stopped { throw CancellationError() }
        return try await result(end, of: job, in: folder.work, context)
    }

    private func execute(
        _ job: ClaimedJob, in folder: JobFolder, _ proxySocket: String?, _ context: JobContext
    ) async throws(Sandbox.Failure) -> Sandbox.End {
        try await sandbox.run(program(job), in: folder, limits: limits(for: job), proxySocket: proxySocket) { event in
            switch event {
            case .log(let text): context.log(text)
            case .progress(let percent, let message): context.progress(percent, message)
            }
        }
    }

    private func program(_ job: ClaimedJob) -> Program {
        Program(
            job.command, environment: job.environment.map { (name: $0.name, value: $0.value) }, stdin: job.stdin)
    }

    func limits(for job: ClaimedJob) -> SandboxLimits {
        let seconds = Int64(min(max(job.durationMinutes, 1), 1_440)) * 60
        var limits = SandboxLimits(
            wallMilliseconds: seconds * 1_000, cpuSeconds: seconds * Int64(min(max(cores, 1), 4_096)))
        let memory = job.resources.memoryGB
        // What wasn't asked for has the sandbox's own default.
        if memory > 0, memory <= 65_536 { limits.memoryBytes = max(64 << 20, Int64(memory * 1e9)) }
        return limits
    }

    /// The result when an input can't be placed through the job's own fault.
    private func placeInputs(
        of job: ClaimedJob, in work: WorkFolder, _ context: JobContext
    ) async throws -> ExecutionResult? {
        for input in job.inputs {
            do {
                try work.place(await context.fetch(input), at: RelativePath(input.path))
            } catch let problem as FileProblem {
                if case .system = problem { throw MachineFault("the input \(input.path): \(problem.message)") }
                return ExecutionResult(.failure, error: "the input \(input.path) \(problem.message)")
            } catch LeaseError.refused(_, let message) {
                return ExecutionResult(.failure, error: "the input \(input.path): \(message)")
            }
        }
        return nil
    }

    private func result(
        _ end: Sandbox.End, of job: ClaimedJob, in work: WorkFolder, _ context: JobContext
    ) async throws -> ExecutionResult {
        let problem = try await keepOutputs(of: job, from: work, context)
        switch end.cause {
        case .exited(0):
            return ExecutionResult(
                problem == nil ? .success : .failure, exitCode: 0, output: end.output, error: problem)
        case .exited(let code):
            let error = code > 128 ? "ended by signal \(code - 128)" : "exited with code \(code)"
            return ExecutionResult(.failure, exitCode: code, output: end.output, error: error)
        case .timedOut:
            return ExecutionResult(
                .timeout, output: end.output, error: "ran longer than its \(job.durationMinutes) minutes")
        case .overLimit(let excess):
            return ExecutionResult(.failure, output: end.output, error: excess)
        case .stopped:
            throw CancellationError()
        }
    }

    /// Keeps what is there, however the job ended; says what is wrong with the first that can't be kept.
    private func keepOutputs(
        of job: ClaimedJob, from work: WorkFolder, _ context: JobContext
    ) async throws -> String? {
        var first: String?
        for output in job.outputs {
            do {
                let path = try RelativePath(output)
                try await context.keep(path.text, work.collect(path, limit: WireLimits.artifactBytes))
            } catch let problem as FileProblem {
                first = first ?? "output \(output) \(problem.message)"
            } catch LeaseError.refused(_, let message) {
                first = first ?? "output \(output): \(message)"
            }
        }
        return first
    }
}
