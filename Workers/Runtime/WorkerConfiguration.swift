package import Domain
package import Wire

/// All that a worker needs to be told.
package struct WorkerConfiguration: Sendable {
    package var credentials: WorkerCredentials
    /// What the machine offers, all jobs together.
    package var capacity: Capacity
    /// What the owner allows; `capacity` is cut to it by whoever knows the machine.
    package var rules: PolicyRules
    /// What jobs may reach where the rules allow network: `example.org`, `*.debian.org`, `*`; nothing when empty.
    package var allowedDomains: [String] = []
    /// Whether that may lead into networks at home (`HATCHFARM_ALLOW_PRIVATE`).
    package var allowsPrivateNetwork = false
    /// 1–256.
    package var jobsAtOnce: Int
    /// `nil`: jobs of any queue.
    package var queues: [String]?
    /// Where jobs' folders are made. A root's must be passable for every user.
    package var stateFolder: String
    /// How long a claim waits on the server, 0–20,000 ms.
    package var claimWaitMilliseconds: Int
    /// The length of a lease, 1,000–43,200,000 ms. A dead worker's jobs are free again after that long.
    package var visibilityTimeoutMilliseconds: Int
    /// How long past its lease a job runs on while the server can't be reached: a server that was away gives leases
    /// that time back, and where it was not, the fence keeps the late result out.
    package var offlineGraceMilliseconds: Int64
    /// How long a drain waits for running jobs before it gives them back.
    package var drainGraceMilliseconds: Int64
    /// Run jobs that ask for no isolation on a machine that can't give any.
    package var allowsUnsandboxed: Bool
    /// Hears what happens, in order for each job. Must not wait.
    package var events: @Sendable (WorkerEvent) -> Void

    package init(
        credentials: WorkerCredentials, capacity: Capacity,
        rules: PolicyRules = PolicyRules(maxCPUPercent: 100), jobsAtOnce: Int = 1, queues: [String]? = nil,
        stateFolder: String = defaultStateFolder, claimWaitMilliseconds: Int = 20_000,
        visibilityTimeoutMilliseconds: Int = 60_000,
        offlineGraceMilliseconds: Int64 = 300_000, drainGraceMilliseconds: Int64 = 30_000,
        allowsUnsandboxed: Bool = false, events: @escaping @Sendable (WorkerEvent) -> Void = { _ in }
    ) {
        self.credentials = credentials
        self.capacity = capacity
        self.rules = rules
        self.jobsAtOnce = min(max(jobsAtOnce, 1), 256)
        self.queues = queues
        self.stateFolder = stateFolder
        self.claimWaitMilliseconds = claimWaitMilliseconds
        self.visibilityTimeoutMilliseconds = visibilityTimeoutMilliseconds
        self.offlineGraceMilliseconds = offlineGraceMilliseconds
        self.drainGraceMilliseconds = drainGraceMilliseconds
        self.allowsUnsandboxed = allowsUnsandboxed
        self.events = events
    }
}

/// What a worker tells its display.
package enum WorkerEvent: Sendable {
    /// `missing`: what keeps the machine from a stronger isolation, with the remedy.
    case started(isolation: Isolation, missing: [String])
    case heartbeat(pendingJobs: Int)
    case claimed(ClaimedJob)
    case progress(job: JobID, percent: Double, message: String?)
    case log(job: JobID, text: String)
    /// The result is with the server.
    case finished(
        job: JobID, status: Outcome.Status, exitCode: Int?, durationMilliseconds: Int64, paidUSDT: String? = nil)
    /// The server has now, and paid for, a result of an earlier life.
    case paid(job: JobID, usdt: String)
    /// Stopped: the job is another's now, or its end was refused.
    case lost(job: JobID, reason: String)
    /// Stopped: its owner doesn't want it any more, or consent is revoked.
    case cancelled(job: JobID)
    /// Given back, its attempt refunded.
    case released(job: JobID, reason: String)
    /// Its result is known and the server hasn't answered; the next start reports it.
    case unreported(job: JobID)
    /// What an earlier life of this worker left: results that the server has now, jobs that died with it.
    case recovered(results: Int, lost: Int)
    /// `call` gave nothing and is tried again.
    case backoff(call: String, error: ServerError, milliseconds: Int64)
    /// Outside the policy's hours: nothing is claimed, and what ran goes back.
    case outsideHours(running: Int)
    /// The policy's hours have come.
    case withinHours
    case draining(running: Int)
    case stopped
}
