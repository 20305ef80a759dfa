internal import Domain
internal import Runtime
internal import Sandbox
internal import Wire

/// Runs commands in the sandbox on this machine.
struct ComputeExecutor: Executor {
    let sandbox: Sandbox
    let isolation: Isolation
    let state: StateFolder
    /// `nil`: jobs have no network access.
    let network: JobNetwork?
    /// The machine's cores: the bound for a job's CPU time.
    let cores: Int
    var gpus = MachineGPUs()

    var kinds: [Kind] { [.compute] }

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        let command = CommandJob(job: job, context: context)
        try command.check(isolation: isolation)
        let given = try gpus.take(job.resources.gpus)
        defer { gpus.release(given) }
        let folder = try command.makeFolder(in: state)
        defer { try? folder.remove() }
        if let refusal = try await command.placeInputs(in: folder.work) { return refusal }
        let end: Sandbox.End
        do {
            end =
                if job.network, let network {
                    try await network.open(in: folder, context) { try await execute(command, in: folder, $0, given) }
                } else {
                    try await execute(command, in: folder, nil, given)
                }
        } catch let failure as Sandbox.Failure {
            throw MachineFault(failure.message, failure.isShortage ? .shortage : .unknown)
        }
        return try await command.result(end, in: folder.work)
    }

    /// Free bytes of the state folder's disk below which no job can be run.
    private static let reservedBytes: Int64 = 16 << 20
    /// The time limit of a trial run: generous, as the machine may be busy.
    private static let trialMilliseconds: Int64 = 60_000

    /// Runs `true` as a job of the last slot, with a file in its folder, and with the proxy if jobs may have one. Only
    /// looks at the GPUs, which jobs may have.
    func fault(of kind: Kind) async -> String? {
        if kind == .compute, let fault = gpus.fault { return fault }
        if let free = state.freeBytes, free < Self.reservedBytes {
            return "the disk of the state folder is full: \(state.path) has \(free >> 20) MiB left"
        }
        do {
            let folder = try state.makeJobFolder(for: HostUser(slot: HostUser.trialSlot))
            defer { try? folder.remove() }
            try folder.work.place([UInt8](repeating: 1, count: 64 << 10), at: RelativePath("trial"))
            let end = try await trial(in: folder)
            guard end.cause != .exited(0) else { return nil }
            return "a trial run in the sandbox ended with \(end.cause): \(end.output)"
        } catch let problem as FileProblem {
            return "state folder: \(problem.message)"
        } catch let failure as Sandbox.Failure {
            return "sandbox: \(failure.message)"
        } catch {
            return (error as? MachineFault)?.message ?? "\(error)"
        }
    }

    private func trial(in folder: JobFolder) async throws -> Sandbox.End {
        let limits = SandboxLimits(wallMilliseconds: Self.trialMilliseconds, memoryBytes: 64 << 20)
        guard let network else {
            return try await sandbox.run(Program(["true"]), in: folder, limits: limits) { _ in }
        }
        return try await network.open(in: folder, .silent) { socket in
            try await sandbox.run(Program(["true"]), in: folder, limits: limits, proxySocket: socket) { _ in }
        }
    }

    private func execute(
        _ command: CommandJob, in folder: JobFolder, _ proxySocket: String?, _ given: JobGPUs
    ) async throws(Sandbox.Failure) -> Sandbox.End {
        var program = command.program
        // The last of a name is the one that counts.
        program.environment += given.environment
        return try await sandbox.run(
            program, in: folder, limits: command.limits(cores: cores), proxySocket: proxySocket,
            devices: given.devices, emit: command.emit)
    }
}
