package import Bytes
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

    private let configuration: WorkerConfiguration
    private let loop: WorkerLoop
    // Held as long as the daemon works: its folder is removed then.
    private let state: StateFolder

    /// Makes the state folder, removes what earlier daemons left there, and tries the sandbox.
    /// - Throws: when the folder can't be made, or jobs can't be walled in and `allowsUnsandboxed` isn't set.
    package init(_ configuration: WorkerConfiguration, world: World = .live) async throws(Problem) {
        do {
            state = try StateFolder(at: configuration.stateFolder, world: world)
        } catch {
            throw Problem(message: "\(configuration.stateFolder): \(error.message)")
        }
        let journal: Journal
        do {
            journal = try Journal(
                in: "\(configuration.stateFolder)/journal", workerID: configuration.credentials.workerID, world: world)
        } catch {
            throw Problem(message: error.message)
        }
        let rules = configuration.rules
        let share = HostShare(cpuPercent: rules.maxCPUPercent, memoryPercent: rules.maxMemoryPercent)
        let probe = await Sandbox.probe(in: state, share: share, world: world)
        guard probe.sandbox != nil || configuration.allowsUnsandboxed else {
            throw Problem(message: probe.missing.joined(separator: "\n"))
        }
        let isolation: Isolation = probe.sandbox == nil ? .none : .sandbox
        let compute = ComputeExecutor(
            sandbox: probe.sandbox ?? .unprotected(world: world), isolation: isolation, state: state,
            network: try JobNetwork(configuration, probe.layers), cores: sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        self.configuration = configuration
        loop = WorkerLoop(configuration, executor: compute, journal: journal, world: world)
        configuration.events(.started(isolation: isolation, missing: probe.missing))
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
