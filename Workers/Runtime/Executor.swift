package import Bytes
package import Domain
package import Wire

/// What runs the jobs of one worker: a sandbox on this machine, or a cluster's queue.
package protocol Executor: Sendable {
    /// Kinds of jobs that it can run.
    var kinds: [Kind] { get }
    /// The strongest it gives; jobs that need more are never claimed.
    var isolation: Isolation { get }
    /// Runs a job to its end. When its task is cancelled it kills the job and returns or throws, whichever, once
    /// nothing of the job is left; what it throws is the machine's fault, and the job goes back to the server.
    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult
}

/// What an executor has for one job.
package struct JobContext: Sendable {
    /// Counts from 0 among the jobs that run at the same time; no two have the same.
    package let slot: Int
    /// Passes lines on to whoever follows the job. Never waits.
    package let log: @Sendable (String) -> Void
    /// Percent 0–100, and a word about it. Never waits.
    package let progress: @Sendable (Double, String?) -> Void
    /// Fetches an input's bytes, as long as it takes.
    package let fetch: @Sendable (ClaimedJob.Input) async throws -> [UInt8]
    /// Keeps an output's bytes with the server, as long as it takes.
    package let upload: @Sendable (String, [UInt8]) async throws -> Void
}

/// How a job ended, in the words of its result.
package struct ExecutionResult: Sendable {
    package var status: Outcome.Status
    package var exitCode: Int?
    package var output: String?
    package var error: String?
    package var report: JSON?
    /// How long the work itself took; `nil`: as long as the executor did.
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

/// The machine can't run this job now, through no fault of the job.
package struct MachineFault: Error, Sendable {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }
}
