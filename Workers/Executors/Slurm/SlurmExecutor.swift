package import Bytes
package import Domain
package import Runtime
internal import Sandbox
package import Wire

/// Runs commands on a cluster, as jobs of a Slurm partition. Slurm places, limits and kills them; the walls around them
/// are the sandbox's own, put up on the node.
package struct SlurmExecutor: Executor {
    package let kinds = [Kind.compute]
    /// As a trial job on the partition showed.
    package let isolation: Isolation
    /// What keeps the nodes from a stronger isolation, with the remedy.
    package let missing: [String]

    private let configuration: SlurmConfiguration
    private let features: Set<String>
    private let sandbox: Sandbox
    let queue: SlurmQueue
    // Held as long as the executor: its folder is removed with it.
    private let state: StateFolder
    private let world: World

    /// Looks at the cluster, ends what an earlier life of the same worker left there, and tries the walls on a node:
    /// takes as long as the trial job waits in Slurm's queue.
    /// - Throws: when the partition can't run jobs, or can't wall them in and `allowsUnsandboxed` isn't set.
    package init(_ configuration: SlurmConfiguration, world: World = .live) async throws(SlurmProblem) {
        let probe = await SlurmProbe(configuration, world: world)
        guard probe.findings.isEmpty else { throw SlurmProblem(message: probe.findings.joined(separator: "\n")) }
        self.configuration = configuration
        self.world = world
        features = probe.features
        queue = SlurmQueue(configuration, world: world)
        // Before the folders: those of a dead life are removed next, and nobody may write there any more.
        try await queue.endLeftovers()
        let sandboxed: Sandbox
        do {
            state = try StateFolder(at: configuration.stateFolder, world: world)
            sandboxed = try Sandbox.elsewhere(in: state, world: world)
        } catch {
            throw SlurmProblem(message: "\(configuration.stateFolder): \(error.message)")
        }
        guard let complaint = await Self.trial(sandboxed, in: state, configuration, queue, world) else {
            (sandbox, isolation, missing) = (sandboxed, .sandbox, [])
            return
        }
        let finding =
            "a trial job on partition \(configuration.partition) failed: \(complaint); its nodes need "
            + "bubblewrap 0.8 or newer, user namespaces, and the folder \(configuration.folder) under the same name"
        guard configuration.allowsUnsandboxed else { throw SlurmProblem(message: finding) }
        let open = Sandbox.unprotected(world: world)
        if let complaint = await Self.trial(open, in: state, configuration, queue, world) {
            throw SlurmProblem(message: "\(finding)\na trial job without walls failed too: \(complaint)")
        }
        (sandbox, isolation, missing) = (open, .none, [finding])
    }

    /// Runs `true` as a job would run; what went wrong, if anything did.
    private static func trial(
        _ sandbox: Sandbox, in state: StateFolder, _ configuration: SlurmConfiguration, _ queue: SlurmQueue,
        _ world: World
    ) async -> String? {
        do {
            let folder = try state.makeJobFolder(for: HostUser(slot: 0))
            let batch = try sandbox.prepareBatch(Program(["true"]), in: folder, limits: SandboxLimits())
            let run = SlurmRun(
                batch: batch, needs: SlurmNeeds(), configuration: configuration, queue: queue, world: world,
                discard: { try? folder.remove() })
            guard case .ended(let end) = try await run.run(emit: { _ in }) else { return "no memory for it" }
            try? folder.remove()
            return end.cause == .exited(0) ? nil : "it ended as \(end.cause)"
        } catch let fault as MachineFault {
            return fault.message
        } catch let failure as Sandbox.Failure {
            return failure.message
        } catch {
            return "\(error)"
        }
    }

    package func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        let command = CommandJob(job: job, context: context)
        try command.check(isolation: isolation)
        let needs = SlurmNeeds(job, features: features)
        let folder = try command.makeFolder(in: state)
        let batch: BatchRun
        do {
            if let refusal = try await prepare(command, in: folder) {
                try? folder.remove()
                return refusal
            }
            batch = try sandbox.prepareBatch(command.program, in: folder, limits: command.limits(cores: needs.cores))
        } catch {
            try? folder.remove()
            throw (error as? Sandbox.Failure).map { MachineFault($0.message) } ?? error
        }
        let run = SlurmRun(
            batch: batch, needs: needs, configuration: configuration, queue: queue, world: world,
            discard: { try? folder.remove() })
        let ending = try await run.run(emit: command.emit)
        defer { try? folder.remove() }
        switch ending {
        case .ended(let end):
            var result = try await command.result(end, in: folder.work)
            result.durationMilliseconds = end.durationMilliseconds
            return result
        case .outOfMemory(let end):
            var result = try await command.result(end, in: folder.work)
            result.durationMilliseconds = end.durationMilliseconds
            result.error = "used more memory than it asked for: Slurm ended it"
            return result
        }
    }

    /// The result when the job can't be run through its own fault.
    private func prepare(_ command: CommandJob, in folder: JobFolder) async throws -> ExecutionResult? {
        if let refusal = try await command.placeInputs(in: folder.work) { return refusal }
        guard let end = sandbox.refusal(of: command.program) else { return nil }
        return try await command.result(end, in: folder.work)
    }
}
