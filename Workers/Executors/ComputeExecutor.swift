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

    var kinds: [Kind] { [.compute] }

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        let command = CommandJob(job: job, context: context)
        try command.check(isolation: isolation)
        let folder = try command.makeFolder(in: state)
        defer { try? folder.remove() }
        if let refusal = try await command.placeInputs(in: folder.work) { return refusal }
        let end: Sandbox.End
        do {
            end =
                if job.network, let network {
                    try await network.open(in: folder, context) { try await execute(command, in: folder, $0) }
                } else {
                    try await execute(command, in: folder, nil)
                }
        } catch let failure as Sandbox.Failure {
            throw MachineFault(failure.message)
        }
        return try await command.result(end, in: folder.work)
    }

    private func execute(
        _ command: CommandJob, in folder: JobFolder, _ proxySocket: String?
    ) async throws(Sandbox.Failure) -> Sandbox.End {
        try await sandbox.run(
            command.program, in: folder, limits: command.limits(cores: cores), proxySocket: proxySocket,
            emit: command.emit)
    }
}
