internal import Bytes
internal import Runtime
internal import Sandbox

/// One job in Slurm's queue, from `sbatch` to its end.
struct SlurmRun: Sendable {
    enum Ending: Sendable {
        case ended(Sandbox.End)
        case outOfMemory(Sandbox.End)
    }

    let batch: BatchRun
    let needs: SlurmResources
    let configuration: SlurmConfiguration
    let queue: SlurmQueue
    let world: World
    /// Removes the folder once nothing can write to it any more. After `run` has returned, the caller does that.
    let discard: @Sendable () -> Void

    /// - Throws: `CancellationError` when its task was cancelled, else `MachineFault`. The job is no longer running
    ///   then, unless the controller doesn't respond: in that case the queue keeps trying to kill it.
    func run(emit: @escaping @Sendable (OutputEvent) -> Void) async throws -> Ending {
        let name = queue.newName()
        let submittedAt = world.monotonic()
        let id: String
        do {
            try Task.checkCancellation()
            id = try await queue.submit(needs.arguments(for: batch, name: name, configuration))
        } catch let problem as SlurmProblem {
            await queue.end(name, id: nil, onEnd: discard)
            throw MachineFault("Slurm rejected the job: \(problem.message)")
        } catch {
            discard()
            throw error
        }
        do {
            return try await follow(name, submittedAt: submittedAt, emit: emit)
        } catch {
            await queue.end(name, id: id, onEnd: discard)
            throw error
        }
    }

    private func follow(
        _ name: String, submittedAt: Int64, emit: @escaping @Sendable (OutputEvent) -> Void
    ) async throws -> Ending {
        var output = batch.follow()
        var absences = 0
        while true {
            try await world.sleep(.milliseconds(configuration.pollMilliseconds))
            for event in output.read() { emit(event) }
            let snapshot = await queue.snapshot(age: configuration.pollMilliseconds)
            // Without an answer the job keeps running: Slurm needs neither its controller nor us for that.
            guard let snapshot, snapshot.takenAt >= submittedAt else { continue }
            guard let status = snapshot.jobs[name] else {
                absences += 1
                guard absences >= 3 else { continue }
                return try unknownToSlurm(&output, emit)
            }
            switch status.phase {
            case .running: continue
            case .waiting:
                guard world.monotonic() - submittedAt <= configuration.waitLimitMilliseconds else {
                    throw MachineFault("waited too long in Slurm's queue: \(status.reason)", .noRoom)
                }
            case .exited(let code): return try end(.exited(code), status, &output, emit)
            case .timedOut: return try end(.timedOut, status, &output, emit)
            case .outOfMemory: return try end(.exited(137), status, &output, emit, ranOutOfMemory: true)
            // A node that failed, or a job that had to make way.
            case .failed(let state): throw MachineFault("Slurm ended the job: \(state) \(status.reason)", .shortage)
            }
        }
    }

    private func end(
        _ cause: Sandbox.End.Cause, _ status: SlurmStatus, _ output: inout OutputFile,
        _ emit: @Sendable (OutputEvent) -> Void, ranOutOfMemory: Bool = false
    ) throws(MachineFault) -> Ending {
        for event in output.finish() { emit(event) }
        let errors = batch.errors
        guard output.hasStarted else {
            let message = (output.sandboxErrors + errors).split(separator: "\n").joined(separator: "; ")
            throw MachineFault(message.isEmpty ? "the node didn't start the job: \(status.reason)" : message)
        }
        // Nodes that limit memory without cgroups kill the job and report it only in its output file.
        let isOutOfMemory = ranOutOfMemory || errors.contains("Exceeded job memory limit")
        let end = output.end(isOutOfMemory ? .exited(137) : cause, durationMilliseconds: status.runMilliseconds)
        return isOutOfMemory ? .outOfMemory(end) : .ended(end)
    }

    /// Slurm purges ended jobs after a while, and its controller may have been down for longer.
    private func unknownToSlurm(
        _ output: inout OutputFile, _ emit: @Sendable (OutputEvent) -> Void
    ) throws(MachineFault) -> Ending {
        guard let code = batch.exitCode else { throw MachineFault("Slurm no longer knows the job", .shortage) }
        for event in output.finish() { emit(event) }
        guard output.hasStarted else { throw MachineFault("the node didn't start the job: \(output.sandboxErrors)") }
        return .ended(output.end(.exited(code), durationMilliseconds: 0))
    }
}
