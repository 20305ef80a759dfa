internal import Bytes
internal import Domain
internal import Runtime
internal import Sandbox
internal import Wire

/// A job that runs a command, on whichever executor: stages its inputs, runs it, uploads its outputs (CONTRACT 4).
struct CommandJob: Sendable {
    let job: ClaimedJob
    let context: JobContext

    var program: Program {
        var program = Program(
            job.command, environment: job.environment.map { (name: $0.name, value: $0.value) })
        program.stdin = job.standardInput
        return program
    }

    /// `cores`: the most that the job could use at once.
    func limits(cores: Int) -> SandboxLimits {
        let seconds = Int64(min(max(job.durationMinutes, 1), WireLimits.jobMinutes.upperBound)) * 60
        var limits = SandboxLimits(
            wallMilliseconds: seconds * 1_000, cpuSeconds: seconds * Int64(min(max(cores, 1), 4_096)))
        // What the job doesn't request keeps the sandbox's default.
        if let memory = job.resources.memoryMiB, memory > 0 { limits.memoryBytes = max(64, min(memory, 1 << 26)) << 20 }
        if let cores = job.resources.milliCores, cores > 0 { limits.milliCores = cores }
        return limits
    }

    /// - Throws: when the job needs stronger isolation than this.
    func check(isolation: Isolation) throws(MachineFault) {
        guard job.isolation > isolation else { return }
        throw MachineFault(
            "this machine provides isolation \(isolation.rawValue), the job needs \(job.isolation.rawValue)")
    }

    func makeFolder(in state: StateFolder) throws(MachineFault) -> JobFolder {
        do {
            return try state.makeJobFolder(for: HostUser(slot: context.slot))
        } catch {
            throw MachineFault("state folder: \(error.message)", error.isShortage ? .shortage : .unknown)
        }
    }

    func emit(_ event: OutputEvent) {
        switch event {
        case .log(let text): context.log(text)
        case .progress(let percent, let message): context.progress(percent, message)
        }
    }

    /// Returns a failure result if an input can't be staged through the job's own fault: by its path, as the server
    /// checks it too, or by its size.
    func placeInputs(in work: WorkFolder) async throws -> ExecutionResult? {
        var layout = FileLayout()
        var bytes = 0
        for input in job.inputs {
            do {
                try layout.add(input.path)
            } catch {
                return ExecutionResult(.failure, error: "input \(input.path) \(error.rule)")
            }
            bytes = bytes.addingReportingOverflow(input.size).partialValue
        }
        let limit = limits(cores: 1).workBytes
        guard (0...limit).contains(Int64(bytes)) else {
            return ExecutionResult(.failure, error: "the inputs exceed the work folder limit of \(limit >> 20) MiB")
        }
        for input in job.inputs {
            do {
                try work.place(await context.fetch(input), at: RelativePath(input.path))
            } catch let problem as FileProblem {
                throw MachineFault("input \(input.path): \(problem.message)", problem.isShortage ? .shortage : .unknown)
            } catch ServerError.refused(_, let message) {
                return ExecutionResult(.failure, error: "input \(input.path): \(message)")
            }
        }
        return nil
    }

    /// Uploads the outputs and builds the result. Call only once no process of the job is running.
    func result(_ end: Sandbox.End, in work: WorkFolder) async throws -> ExecutionResult {
        if end.cause == .stopped { throw CancellationError() }
        let problem = try await uploadOutputs(from: work)
        switch end.cause {
        case .exited(0):
            return ExecutionResult(
                problem == nil ? .success : .failure, exitCode: 0, output: end.output, error: problem)
        case .exited(let code):
            let error = code > 128 ? "killed by signal \(code - 128)" : "exited with code \(code)"
            return ExecutionResult(.failure, exitCode: code, output: end.output, error: error)
        case .timedOut:
            return ExecutionResult(
                .timeout, output: end.output, error: "exceeded its time limit of \(job.durationMinutes) minutes")
        case .overLimit(let excess):
            return ExecutionResult(.failure, output: end.output, error: excess)
        case .stopped:
            throw CancellationError()
        }
    }

    /// Uploads the outputs that exist, however the job ended. Returns the first error.
    private func uploadOutputs(from work: WorkFolder) async throws -> String? {
        var first: String?
        for output in job.outputs {
            do {
                let path = try RelativePath(output)
                try await context.upload(path.text, work.collect(path, limit: WireLimits.artifactBytes))
            } catch let problem as FileProblem {
                if problem.isShortage { throw MachineFault("output \(output): \(problem.message)", .shortage) }
                first = first ?? "output \(output) \(problem.message)"
            } catch ServerError.refused(_, let message) {
                first = first ?? "output \(output): \(message)"
            }
        }
        return first
    }
}
