internal import Domain
internal import Runtime
internal import Sandbox
internal import Wire

/// A job that is a command with files, wherever it runs: inputs in, command, outputs out (CONTRACT 4).
struct CommandJob: Sendable {
    let job: ClaimedJob
    let context: JobContext

    var program: Program {
        Program(
            job.command, environment: job.environment.map { (name: $0.name, value: $0.value) }, stdin: job.stdin)
    }

    /// `cores`: all that the job could use at a time.
    func limits(cores: Int) -> SandboxLimits {
        let seconds = Int64(min(max(job.durationMinutes, 1), WireLimits.jobMinutes.upperBound)) * 60
        var limits = SandboxLimits(
            wallMilliseconds: seconds * 1_000, cpuSeconds: seconds * Int64(min(max(cores, 1), 4_096)))
        // What the job doesn't ask for keeps the sandbox's default.
        if let memory = job.resources.memoryMiB, memory > 0 { limits.memoryBytes = max(64, min(memory, 1 << 26)) << 20 }
        if let cores = job.resources.milliCores, cores > 0 { limits.milliCores = cores }
        return limits
    }

    /// - Throws: for a job that needs more than this.
    func check(isolation: Isolation) throws(MachineFault) {
        guard job.isolation > isolation else { return }
        throw MachineFault("this machine gives \(isolation.rawValue), not \(job.isolation.rawValue)")
    }

    func makeFolder(in state: StateFolder) throws(MachineFault) -> JobFolder {
        do {
            return try state.makeJobFolder(for: HostUser(slot: context.slot))
        } catch {
            throw MachineFault("the state folder: \(error.message)")
        }
    }

    func emit(_ event: OutputEvent) {
        switch event {
        case .log(let text): context.log(text)
        case .progress(let percent, let message): context.progress(percent, message)
        }
    }

    /// The result when an input can't be placed through the job's own fault.
    func placeInputs(in work: WorkFolder) async throws -> ExecutionResult? {
        for input in job.inputs {
            do {
                try work.place(await context.fetch(input), at: RelativePath(input.path))
            } catch let problem as FileProblem {
                if case .system = problem { throw MachineFault("the input \(input.path): \(problem.message)") }
                return ExecutionResult(.failure, error: "the input \(input.path) \(problem.message)")
            } catch ServerError.refused(_, let message) {
                return ExecutionResult(.failure, error: "the input \(input.path): \(message)")
            }
        }
        return nil
    }

    /// Keeps the outputs and says how it went. Only when nothing of the job runs any more.
    func result(_ end: Sandbox.End, in work: WorkFolder) async throws -> ExecutionResult {
        if end.cause == .stopped { throw CancellationError() }
        let problem = try await uploadOutputs(from: work)
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
    private func uploadOutputs(from work: WorkFolder) async throws -> String? {
        var first: String?
        for output in job.outputs {
            do {
                let path = try RelativePath(output)
                try await context.upload(path.text, work.collect(path, limit: WireLimits.artifactBytes))
            } catch let problem as FileProblem {
                first = first ?? "output \(output) \(problem.message)"
            } catch ServerError.refused(_, let message) {
                first = first ?? "output \(output): \(message)"
            }
        }
        return first
    }
}
