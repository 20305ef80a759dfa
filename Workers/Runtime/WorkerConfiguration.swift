package import Domain
package import Wire

/// A worker's settings.
package struct WorkerConfiguration: Sendable {
    package var credentials: WorkerCredentials
    /// What the machine offers to all jobs together.
    package var capacity: Capacity
    /// What the owner allows; the caller has already reduced `capacity` accordingly.
    package var rules: PolicyRules
    /// The hosts that jobs may reach if the rules allow network access: `example.org`, `*.debian.org`, `*`.
    package var allowedDomains: [String] = []
    /// Whether they may resolve to private addresses (`HATCHFARM_ALLOW_PRIVATE`).
    package var allowsPrivateNetwork = false
    /// How it may fetch the repositories of audits; empty: it runs no audits.
    package var auditSchemes: Set<AuditScheme> = [.https]
    /// The machine's GPUs, each by its device files: absolute paths without commas. Jobs get as many of them as
    /// `capacity` has, the first ones.
    package var gpus: [[String]] = []
    /// The device files that every job with a GPU gets.
    package var sharedGPUDevices: [String] = []
    /// Millions of bytes a second that all jobs together may read on the state folder's disk, and as many that they
    /// may write, 1–100,000; `nil`: unlimited. Not for clusters.
    package var maxDiskMegabytes: Int?
    /// As `slots` allows.
    package var jobsAtOnce: Int
    /// How many jobs may run at once.
    package static let slots = 1...256
    /// `nil`: jobs of any queue.
    package var queues: [String]?
    /// Where jobs' folders are created. If the daemon runs as root, every user must be able to traverse it.
    package var stateFolder: String
    /// The long-poll time of a claim, 0–20,000 ms.
    package var claimWaitMilliseconds: Int
    /// The duration of a lease, 1,000–43,200,000 ms. A dead worker's jobs are free again after that.
    package var visibilityTimeoutMilliseconds: Int
    /// How long a job keeps running past its lease while the server is unreachable: a server that was down credits the
    /// outage to leases, and if it wasn't, the fence rejects the late result.
    package var offlineGraceMilliseconds: Int64
    /// How long a drain waits for running jobs before it releases them.
    package var drainGraceMilliseconds: Int64
    /// Run jobs that need no isolation on a machine that can't provide any.
    package var allowsUnsandboxed: Bool
    /// Called once, when it drains and has told the server: from then on another daemon may work as this machine.
    package var hasStoppedClaiming: @Sendable () -> Void = {}
    /// Receives events, in order for each job. Must not block.
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
        self.jobsAtOnce = min(max(jobsAtOnce, Self.slots.lowerBound), Self.slots.upperBound)
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

/// What happens in a worker, for logs and displays.
package enum WorkerEvent: Sendable {
    /// `missing`: what keeps the machine from providing stronger isolation, with the remedy.
    case started(isolation: Isolation, missing: [String])
    case heartbeat(pendingJobs: Int)
    case claimed(ClaimedJob)
    case progress(job: JobID, percent: Double, message: String?)
    case log(job: JobID, text: String)
    /// The server has accepted the result.
    case finished(
        job: JobID, status: Outcome.Status, exitCode: Int?, durationMilliseconds: Int64, paidUSDT: String? = nil)
    /// The server has accepted and paid for a result of an earlier run.
    case paid(job: JobID, usdt: String)
    /// Stopped: the lease was lost, or the result was refused.
    case lost(job: JobID, reason: String)
    /// Stopped: its owner cancelled it, or consent was revoked.
    case cancelled(job: JobID)
    /// Released, its attempt refunded.
    case released(job: JobID, reason: String)
    /// Finished, but the server hasn't accepted the result yet; the next start reports it.
    case unreported(job: JobID)
    /// Reported what an earlier run of this worker left: its results, and the jobs that were lost with it.
    case recovered(results: Int, lost: Int)
    /// `call` failed and will be retried.
    case backoff(call: String, error: ServerError, milliseconds: Int64)
    /// Outside the policy's hours: nothing is claimed, and running jobs are released.
    case outsideHours(running: Int)
    /// Within the policy's hours again.
    case withinHours
    /// A trial run has failed: no job of this kind is claimed until one passes.
    case unfit(kind: Kind, reason: String)
    /// A trial run has passed.
    case fit(kind: Kind)
    case draining(running: Int)
    case stopped
}
