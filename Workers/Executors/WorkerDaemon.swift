package import Bytes
internal import Domain
internal import Glibc
package import Runtime
internal import Sandbox
internal import Wire

/// A provider's daemon: tests which isolation the machine supports, and runs the server's jobs until it is drained.
package final class WorkerDaemon: Sendable {
    package struct Problem: Error, Sendable {
        /// What is missing, with the remedy; one finding per line.
        package let message: String
        /// Whether the same start may succeed when the machine is less busy.
        package var isTemporary = false
    }

    private let loop: WorkerLoop
    // Kept alive as long as the daemon runs: deinit removes its folder.
    private let state: StateFolder

    /// Creates the state folder, cleans up after earlier daemons, and tests the sandbox.
    /// - Parameter slurm: run jobs on a cluster's partition instead of on this machine.
    /// - Throws: when the folder can't be created, or jobs can't be sandboxed and `allowsUnsandboxed` isn't set.
    package init(
        _ configuration: WorkerConfiguration, slurm: SlurmConfiguration? = nil, world: World = .live
    ) async throws(Problem) {
        let journal: Journal
        do {
            state = try StateFolder(at: configuration.stateFolder, world: world)
            journal = try Journal(
                in: "\(configuration.stateFolder)/journal", workerID: configuration.credentials.workerID, world: world)
        } catch let problem as FileProblem {
            throw Problem(message: "\(configuration.stateFolder): \(problem.message)")
        } catch {
            throw Problem(message: (error as? JournalProblem)?.message ?? "\(error)")
        }
        let executor: any Executor
        let missing: [String]
        if let slurm {
            (executor, missing) = try await Self.cluster(slurm, world)
        } else {
            (executor, missing) = try await Self.machine(configuration, state, world)
        }
        loop = WorkerLoop(configuration, executor: executor, journal: journal, world: world)
        configuration.events(.started(isolation: executor.isolation, missing: missing))
    }

    private static func cluster(
        _ configuration: SlurmConfiguration, _ world: World
    ) async throws(Problem) -> (any Executor, missing: [String]) {
        do {
            let executor = try await SlurmExecutor(configuration, world: world)
            return (executor, executor.missing)
        } catch {
            throw Problem(message: error.message)
        }
    }

    private static func machine(
        _ configuration: WorkerConfiguration, _ state: StateFolder, _ world: World
    ) async throws(Problem) -> (any Executor, missing: [String]) {
        let rules = configuration.rules
        let share = HostShare(
            cpuPercent: Int(rules.maxCPUPercent), memoryPercent: rules.maxMemoryPercent.map { Int($0) },
            diskMegabytes: configuration.maxDiskMegabytes)
        let probe = await Sandbox.probe(in: state, share: share, world: world)
        guard probe.sandbox != nil || configuration.allowsUnsandboxed else {
            throw Problem(message: probe.missing.joined(separator: "\n"), isTemporary: probe.isUndecided)
        }
        let cores = sysconf(CInt(_SC_NPROCESSORS_ONLN))
        let compute = ComputeExecutor(
            sandbox: probe.sandbox ?? .unprotected(world: world), isolation: probe.sandbox == nil ? .none : .sandbox,
            state: state, network: try JobNetwork(configuration, probe.layers), cores: cores,
            gpus: MachineGPUs(configuration))
        let executor = MachineExecutor(
            compute: compute, audit: audit(configuration, probe, state, cores: cores, world))
        let offered = probe.layers.filter { $0.name != SandboxLayer.audits || !configuration.auditSchemes.isEmpty }
        return (executor, offered.compactMap(\.finding))
    }

    /// `nil` when the owner doesn't want audits, or when this machine can't run them: their code is a stranger's, so
    /// never without a sandbox.
    private static func audit(
        _ configuration: WorkerConfiguration, _ probe: SandboxProbe, _ state: StateFolder, cores: Int, _ world: World
    ) -> AuditExecutor? {
        guard let sandbox = probe.sandbox, !configuration.auditSchemes.isEmpty,
            probe.layers.contains(where: { $0.name == SandboxLayer.audits && $0.works })
        else { return nil }
        let network = NetworkCheck(server: configuration.credentials.server)
        return AuditExecutor(
            sandbox: sandbox, isolation: .sandbox, state: state, rules: AuditRules(configuration), cores: cores,
            isOnline: { await network.isOnline }, world: world)
    }

    /// Runs until it has drained, or until the server refuses the machine's token: returns what that says, else `nil`.
    /// Call once. Cancelling the task kills running jobs and releases them.
    @discardableResult
    package func run() async -> String? {
        let refusal = await loop.run()
        state.remove()
        return refusal
    }

    /// For SIGTERM. The first call stops claiming and gives running jobs the grace period; the second kills and
    /// releases them.
    package func drain() async {
        await loop.drain()
    }
}
