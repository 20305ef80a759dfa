package import Bytes
package import Domain
package import Runtime
internal import Sandbox
package import Wire

/// Runs commands on a cluster, as jobs of a Slurm partition. Slurm schedules, limits and kills them; on the node they
/// run in the same sandbox as elsewhere.
package struct SlurmExecutor: Executor {
    package let kinds = [Kind.compute]
    /// As determined by a test job on the partition.
    package let isolation: Isolation
    /// What keeps the nodes from providing stronger isolation, with the remedy.
    package let missing: [String]

    private let configuration: SlurmConfiguration
    private let features: Set<String>
    private let sandbox: Sandbox
    let queue: SlurmQueue
    // Kept alive as long as the executor: deinit removes its folder.
    private let state: StateFolder
    private let world: World

    /// Probes the cluster, kills leftover jobs of an earlier run of the same worker, and tests the sandbox on a node:
    /// takes as long as the test job waits in Slurm's queue.
    /// - Throws: when the partition can't run jobs, or can't sandbox them and `allowsUnsandboxed` isn't set.
    package init(_ configuration: SlurmConfiguration, world: World = .live) async throws(SlurmProblem) {
        let probe = await SlurmProbe(configuration, world: world)
        guard probe.findings.isEmpty else { throw SlurmProblem(message: probe.findings.joined(separator: "\n")) }
        self.configuration = configuration
        self.world = world
        features = probe.features
        queue = SlurmQueue(configuration, world: world)
        // Before the folders: those of an earlier run are removed next, and no job may still write there.
        try await queue.endLeftovers()
        let sandboxed: Sandbox
        do {
            state = try StateFolder(at: configuration.stateFolder, world: world)
            sandboxed = try Sandbox.remote(in: state, world: world)
        } catch {
            throw SlurmProblem(message: "\(configuration.stateFolder): \(error.message)")
        }
        guard let error = await Self.runTestJob(sandboxed, in: state, configuration, queue, world) else {
            (sandbox, isolation, missing) = (sandboxed, .sandbox, [])
            return
        }
        let finding =
            "a test job on partition \(configuration.partition) failed: \(error); its nodes need "
            + "bubblewrap 0.8 or newer, user namespaces, and the folder \(configuration.folder) at the same path"
        guard configuration.allowsUnsandboxed else { throw SlurmProblem(message: finding) }
        let unprotected = Sandbox.unprotected(world: world)
        if let error = await Self.runTestJob(unprotected, in: state, configuration, queue, world) {
            throw SlurmProblem(message: "\(finding)\na test job without a sandbox failed too: \(error)")
        }
        (sandbox, isolation, missing) = (unprotected, .none, [finding])
    }

    /// Runs `true` as a job would run. Returns the error, if any.
    private static func runTestJob(
        _ sandbox: Sandbox, in state: StateFolder, _ configuration: SlurmConfiguration, _ queue: SlurmQueue,
        _ world: World
    ) async -> String? {
        do {
            let folder = try state.makeJobFolder(for: HostUser(slot: 0))
            let batch = try sandbox.prepareBatch(Program(["true"]), in: folder, limits: SandboxLimits())
            let run = SlurmRun(
                batch: batch, needs: SlurmResources(), configuration: configuration, queue: queue, world: world,
                discard: { try? folder.remove() })
            guard case .ended(let end) = try await run.run(emit: { _ in }) else { return "out of memory" }
            try? folder.remove()
            return end.cause == .exited(0) ? nil : "ended with \(end.cause)"
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
        let needs = SlurmResources(job, features: features)
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
            throw (error as? Sandbox.Failure).map { MachineFault($0.message, $0.isShortage ? .shortage : .unknown) }
                ?? error
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
            result.error = "out of memory: killed by Slurm for using more than it requested"
            return result
        }
    }

    /// Looks at the cluster alone: a test job could wait in Slurm's queue for long.
    package func fault(of kind: Kind) async -> String? {
        let findings = await SlurmProbe(configuration, world: world).findings
        guard findings.isEmpty else { return findings.joined(separator: "; ") }
        do {
            let folder = try state.makeJobFolder(for: HostUser(slot: 0))
            defer { try? folder.remove() }
            try folder.work.place([UInt8](repeating: 1, count: 64 << 10), at: RelativePath("trial"))
            return nil
        } catch {
            return "\(configuration.folder): \(error.message)"
        }
    }

    /// Returns a failure result if the job can't be run through its own fault.
    private func prepare(_ command: CommandJob, in folder: JobFolder) async throws -> ExecutionResult? {
        if let refusal = try await command.placeInputs(in: folder.work) { return refusal }
        guard let end = sandbox.refusal(of: command.program) else { return nil }
        return try await command.result(end, in: folder.work)
    }
}
