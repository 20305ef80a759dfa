package import Bytes
internal import Domain
internal import Glibc
package import Runtime
internal import Sandbox
internal import Wire

/// A provider's daemon: finds out what the machine can wall in, and works for the server until it is drained.
package final class WorkerDaemon: Sendable {
    package struct Problem: Error, Sendable {
        /// What is missing, with the remedy; one finding a line.
        package let message: String
    }

    private let loop: WorkerLoop
    // Held as long as the daemon works: its folder is removed then.
    private let state: StateFolder

    /// Makes the state folder, removes what earlier daemons left there, and tries the sandbox.
    /// - Parameter slurm: runs the jobs on a cluster's partition instead of this machine.
    /// - Throws: when the folder can't be made, or jobs can't be sandboxed in and `allowsUnsandboxed` isn't set.
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
            cpuPercent: Int(rules.maxCPUPercent), memoryPercent: rules.maxMemoryPercent.map { Int($0) })
        let probe = await Sandbox.probe(in: state, share: share, world: world)
        guard probe.sandbox != nil || configuration.allowsUnsandboxed else {
            throw Problem(message: probe.missing.joined(separator: "\n"))
        }
        let executor = ComputeExecutor(
            sandbox: probe.sandbox ?? .unprotected(world: world), isolation: probe.sandbox == nil ? .none : .sandbox,
            state: state, network: try JobNetwork(configuration, probe.layers),
            cores: sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        return (executor, probe.layers.compactMap(\.finding))
    }

    /// Works until it has drained, once. Cancelling the task kills what runs and gives it back.
    package func run() async {
        await loop.run()
        state.remove()
    }

    /// For SIGTERM. First: no more claims, running jobs get the grace to end. Second: they are killed and given back.
    package func drain() async {
        await loop.drain()
    }
}
