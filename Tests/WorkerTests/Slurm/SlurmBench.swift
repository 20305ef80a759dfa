import Bytes
import Domain
@testable import Executors
@testable import Runtime
import Support
import Synchronization
import Testing
import Wire

/// An executor on a throwaway cluster, and what its jobs said and left.
final class SlurmBench: Sendable {
    let slurm: ThrowawaySlurm
    let configuration: SlurmConfiguration
    let executor: SlurmExecutor
    let inputs = Mutex<[String: [UInt8]]>([:])
    private let logs = Mutex<[JobID: String]>([:])
    private let steps = Mutex<[String]>([])
    private let files = Mutex<[String: [UInt8]]>([:])

    /// One for all tests that leave it as it was.
    static let shared = Task { try await SlurmBench(ThrowawaySlurm()) }

    init(_ slurm: ThrowawaySlurm, _ change: (inout SlurmConfiguration) -> Void = { _ in }) async throws {
        var configuration = Self.configuration(slurm)
        change(&configuration)
        self.slurm = slurm
        self.configuration = configuration
        executor = try await SlurmExecutor(configuration)
    }

    static func configuration(_ slurm: ThrowawaySlurm) -> SlurmConfiguration {
        SlurmConfiguration(
            partition: slurm.partition, folder: slurm.shared, workerID: MachineID(Hex.encode(World.live.random(8))),
            pollMilliseconds: 250, configurationFile: slurm.configurationFile)
    }

    func log(_ job: ClaimedJob) -> String { logs.withLock { $0[job.id] ?? "" } }
    var progress: [String] { steps.withLock { $0 } }
    var artifacts: [String: [UInt8]] { files.withLock { $0 } }

    func run(_ job: ClaimedJob, slot: Int = 0) async throws -> ExecutionResult {
        let context = JobContext(
            slot: slot,
            log: { [self] text in logs.withLock { $0[job.id, default: ""] += text.readable } },
            progress: { [self] percent, message in steps.withLock { $0.append("\(percent) \(message ?? "")") } },
            fetch: { [self] input in inputs.withLock { $0[input.path] ?? [] } },
            upload: { [self] path, bytes in files.withLock { $0[path] = bytes } })
        return try await executor.run(job, context)
    }

    /// Runs a job that goes back; the reason.
    func fault(_ job: ClaimedJob) async throws -> String {
        do {
            let result = try await run(job)
            Issue.record("it ended as \(result)")
            return ""
        } catch let fault as MachineFault {
            return fault.message
        }
    }

    /// Waits until the job has said something.
    func hears(_ job: ClaimedJob, _ text: String) async throws {
        try await eventually("\(job.id) says \(text)", within: .seconds(30)) { log(job).contains(text) }
    }
}

extension ClaimedJob {
    static func script(_ id: JobID, _ script: String, isolation: Isolation = .sandbox) -> ClaimedJob {
        var job = ClaimedJob.sample(id, needs: Capacity(cpuCores: 1, memoryGB: 0.2))
        job.command = ["/bin/sh", "-c", script]
        job.isolation = isolation
        return job
    }
}
