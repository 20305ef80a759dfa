/// What sort of worker a job is for. All kinds are held by the same lease (CONTRACT 4).
package enum Kind: String, Sendable, CaseIterable {
    /// A command on a stranger's machine.
    case compute
    /// Work that a person does and reports; it needs no command.
    case manual
    /// A command for one device.
    case device
    /// The tests of a bounty.
    case audit

    /// How long a claim holds when it names no time, in milliseconds.
    package var visibilityTimeout: Int64 { self == .device ? 300_000 : 60_000 }
}

/// Where a job stands. `scheduled` is shown to callers as `pending`: it waits for its `run_at`.
package enum JobState: String, Sendable, CaseIterable {
    case blocked, scheduled, pending, running, completed, failed, cancelled

    package var isEnded: Bool { self == .completed || self == .failed || self == .cancelled }

    /// As callers see it (CONTRACT 4).
    package var shownState: JobState { self == .scheduled ? .pending : self }
    package static let shownStates = allCases.filter { $0 != .scheduled }

    /// The word of the API.
    package var shown: String { shownState.rawValue }
}

/// How strongly the machine must be shielded from the job, weakest first.
package enum Isolation: String, Sendable, CaseIterable, Comparable {
    case none, sandbox, vm

    package var rank: Int64 {
        switch self {
        case .none: 0
        case .sandbox: 1
        case .vm: 2
        }
    }

    package init?(rank: Int64) {
        guard let match = Self.allCases.first(where: { $0.rank == rank }) else { return nil }
        self = match
    }

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// A job as it is asked for. The `spec` is opaque here: the edge that made it also reads it.
package struct NewJob: Sendable {
    package var owner: OwnerID
    package var title: String
    package let requirement: Requirement
    /// The class of the requirement; made with it, as hashing costs.
    package let classID: ClassID
    /// The rest of the request as compact JSON: command, environment, inputs, outputs …
    package var spec: String
    /// Attempts before the job has failed, 1–100.
    package var maxAttempts: Int64 = 3
    package var backoff = Backoff.standard
    /// Milliseconds since 1970; nil is now.
    package var runAt: Int64?
    package var dependsOn: [JobID] = []
    /// Held for the job, minor units of USDT (10⁻⁶).
    package var maxPrice: Int64?
    /// The task whose tests it runs, of an audit.
    package var bounty: Int64?
    /// Of a device's command.
    package var device: DevicePlace?
    /// What it is given.
    package var sources = JobSources()

    package init(owner: OwnerID, title: String, requirement: Requirement, classID: ClassID, spec: String) {
        self.owner = owner
        self.title = title
        self.requirement = requirement
        self.classID = classID
        self.spec = spec
    }
}

/// What a job is given, which stays as long as the job may need it.
package struct JobSources: Sendable {
    /// SHA-256 hex of content that comes with it.
    package var contents: [String] = []
    /// SHA-256 hex of what its owner has uploaded.
    package var uploads: [String] = []
    /// Ids of jobs of its owner whose files it is given.
    package var jobs: [String] = []

    package init() {}

    package var all: [String] { contents + uploads + jobs }
    package var isEmpty: Bool { contents.isEmpty && uploads.isEmpty && jobs.isEmpty }
}

/// A job as its owner sees it, live or ended.
package struct Job: Sendable {
    package var id: JobID
    package var owner: OwnerID
    package var title: String
    package var kind: Kind
    package var queue: String
    package var priority: Int64
    package var state: JobState
    package var createdAt: Int64
    package var spec: String
    package var classID: ClassID
    package var attempt: Int64
    package var maxAttempts: Int64
    /// Leases lost to the infrastructure, counted apart from `attempt` (CONTRACT 4).
    package var losses: Int64
    package var fence: Int64
    package var maxPrice: Int64?
    /// What the attempt that runs costs, minor units of USDT per hour; nil while none does.
    package var hourlyPrice: Int64?
    /// What its attempts have paid so far, minor units of USDT.
    package var paid: Int64 = 0
    package var runAt: Int64?
    package var worker: MachineID?
    package var claimedAt: Int64?
    package var visibleUntil: Int64?
    package var percent: Int64?
    package var message: String?
    package var ending: Ending?

    /// How a job ended.
    package struct Ending: Sendable {
        package var reason: String?
        package var exitCode: Int64?
        package var output: String?
        package var error: String?
        package var durationMilliseconds: Int64?
        package var endedAt: Int64

        package init(
            reason: String?, exitCode: Int64?, output: String?, error: String?, durationMilliseconds: Int64?,
            endedAt: Int64
        ) {
            self.reason = reason
            self.exitCode = exitCode
            self.output = output
            self.error = error
            self.durationMilliseconds = durationMilliseconds
            self.endedAt = endedAt
        }
    }

    package init(
        id: JobID, owner: OwnerID, title: String, kind: Kind, queue: String, priority: Int64, state: JobState,
        createdAt: Int64, spec: String, classID: ClassID, attempt: Int64, maxAttempts: Int64, losses: Int64,
        fence: Int64
    ) {
        self.id = id
        self.owner = owner
        self.title = title
        self.kind = kind
        self.queue = queue
        self.priority = priority
        self.state = state
        self.createdAt = createdAt
        self.spec = spec
        self.classID = classID
        self.attempt = attempt
        self.maxAttempts = maxAttempts
        self.losses = losses
        self.fence = fence
    }
}

/// One grant of a job to a worker and how it went.
package struct Attempt: Sendable {
    package var fence: Int64
    package var attempt: Int64
    package var worker: MachineID?
    /// `success`, `failure`, `timeout`, `lost`, `released` or `cancelled`; nil while it runs.
    package var outcome: String?
    package var startedAt: Int64?
    package var endedAt: Int64?
    package var exitCode: Int64?
    package var error: String?

    package init(
        fence: Int64, attempt: Int64, worker: MachineID?, outcome: String?, startedAt: Int64?, endedAt: Int64?,
        exitCode: Int64?, error: String?
    ) {
        self.fence = fence
        self.attempt = attempt
        self.worker = worker
        self.outcome = outcome
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.exitCode = exitCode
        self.error = error
    }
}
