package import Bytes
package import Domain
package import Wire

/// Runs the jobs of one worker: in a sandbox on this machine, or through a cluster's queue.
package protocol Executor: Sendable {
    /// The kinds of jobs that it can run.
    var kinds: [Kind] { get }
    /// The strongest isolation that it provides; jobs that need more are never claimed.
    var isolation: Isolation { get }
    /// Runs a job to its end. When its task is cancelled it kills the job, and returns or throws once no process of the
    /// job is left. An error means that the job couldn't be run; `fault` tells whether any could.
    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult
    /// Makes a trial run of this kind. Returns what keeps this machine from running any job of it; `nil`: nothing does.
    func fault(of kind: Kind) async -> String?
}

/// What an executor gets along with a job.
package struct JobContext: Sendable {
    /// Unique among the jobs that run at the same time, counting from 0.
    package let slot: Int
    /// Appends to the job's log. Never blocks.
    package let log: @Sendable (RawText) -> Void
    /// Reports progress: percent 0–100, and a message. Never blocks.
    package let progress: @Sendable (Double, String?) -> Void
    /// Downloads an input, retrying as long as it takes.
    package let fetch: @Sendable (ClaimedJob.Input) async throws -> [UInt8]
    /// Uploads an output, retrying as long as it takes.
    package let upload: @Sendable (String, [UInt8]) async throws -> Void
}

extension JobContext {
    /// Of a trial run, which nobody follows and which has no files; its slot is no job's.
    package static let silent = JobContext(
        slot: WorkerConfiguration.slots.upperBound, log: { _ in }, progress: { _, _ in },
        fetch: { _ in throw MachineFault("a trial run has no inputs") },
        upload: { _, _ in throw MachineFault("a trial run has no outputs") })
}

/// How a job ended, as reported to the server.
package struct ExecutionResult: Sendable {
    package var status: Outcome.Status
    package var exitCode: Int?
    package var output: String?
    package var error: String?
    package var report: JSON?
    /// The duration of the work itself; `nil`: that of the executor's call.
    package var durationMilliseconds: Int64?

    package init(
        _ status: Outcome.Status, exitCode: Int? = nil, output: String? = nil, error: String? = nil,
        report: JSON? = nil
    ) {
        self.status = status
        self.exitCode = exitCode
        self.output = output
        self.error = error
        self.report = report
    }
}

/// The machine couldn't run a job. Whose fault that is, a trial run tells: a machine that passes it is not to blame.
package struct MachineFault: Error, Sendable {
    package enum Cause: Sendable {
        case unknown
        /// The machine had too little of something, which may be over when it is tried: the first such fault of a job
        /// is not counted against it.
        case shortage
        /// There was no room, and nobody is to blame: never counted.
        case noRoom
    }

    package let message: String
    package let cause: Cause

    package init(_ message: String, _ cause: Cause = .unknown) {
        self.message = message
        self.cause = cause
    }
}
