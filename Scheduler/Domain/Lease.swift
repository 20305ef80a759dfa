/// What a worker asks for when it claims (CONTRACT 4).
package struct Claim: Sendable {
    package var offer: Offer
    /// Whether the offer's capacity is the worker's own word for this claim.
    package var statesCapacity = false
    /// 1–100.
    package var limit: Int
    /// Milliseconds; nil is the kind's own.
    package var visibilityTimeout: Int64?
    /// The same text returns the same grants, when the worker chose it; else it is chance.
    package var requestID: String
    package var isRepeatable: Bool
    /// What the tokens are derived from: the worker's own secret, never stored.
    package var secret: [UInt8]
    /// The device that claims its own commands.
    package var device: DeviceID?
    /// How many leases the device may hold with what it is granted; nil for no such limit.
    package var mostHeld: Int?

    package init(
        offer: Offer, limit: Int, visibilityTimeout: Int64?, requestID: String, isRepeatable: Bool, secret: [UInt8]
    ) {
        self.offer = offer
        self.limit = limit
        self.visibilityTimeout = visibilityTimeout
        self.requestID = requestID
        self.isRepeatable = isRepeatable
        self.secret = secret
    }
}

/// A job in the hands of a worker.
package struct Grant: Sendable {
    package var id: JobID
    package var owner: OwnerID
    package var title: String
    package var requirement: Requirement
    package var spec: String
    package var token: String
    package var fence: Int64
    package var attempt: Int64
    package var visibleUntil: Int64
    package var visibilityTimeout: Int64
    package var leaseEnds: Int64
    /// Whether the job may use a network: the worker's policy says so.
    package var network: Bool
    /// Its place in its queue; of a device's command `DevicePlace.tag`.
    package var tag: Int64 = 0

    package init(
        id: JobID, owner: OwnerID, title: String, requirement: Requirement, spec: String, token: String,
        fence: Int64, attempt: Int64, visibleUntil: Int64, visibilityTimeout: Int64, leaseEnds: Int64,
        network: Bool = false
    ) {
        self.id = id
        self.owner = owner
        self.title = title
        self.requirement = requirement
        self.spec = spec
        self.token = token
        self.fence = fence
        self.attempt = attempt
        self.visibleUntil = visibleUntil
        self.visibilityTimeout = visibilityTimeout
        self.leaseEnds = leaseEnds
        self.network = network
    }
}

/// The rules of a lease in numbers, all in milliseconds.
package enum LeaseRules {
    /// However often it is extended, one lease lasts no longer (CONTRACT 4).
    package static let longest: Int64 = 43_200_000
    /// Workers that may be lost in a row before the job is quarantined.
    package static let lossesToPoison: Int64 = 3
    /// How long a lost job rests: infrastructure is not the job's fault, so this doesn't grow far.
    package static let lossBackoff = Backoff(initial: 250, factor: 2_000, max: 2_000)
}

/// How an attempt ended, by its worker's word.
package struct Outcome: Sendable {
    package enum Status: String, Sendable, CaseIterable { case success, failure, timeout }

    package var status: Status
    package var exitCode: Int64?
    package var output: String?
    package var error: String?
    /// What the worker says; it only informs (CONTRACT 5).
    package var durationMilliseconds: Int64?
    /// Of an audit; what a job of another kind reports is not kept.
    package var audit: AuditReport?

    package init(
        status: Status, exitCode: Int64? = nil, output: String? = nil, error: String? = nil,
        durationMilliseconds: Int64? = nil, audit: AuditReport? = nil
    ) {
        self.status = status
        self.exitCode = exitCode
        self.output = output
        self.error = error
        self.durationMilliseconds = durationMilliseconds
        self.audit = audit
    }
}

/// What becomes of a job when an attempt is over.
package enum NextStep: Sendable, Hashable {
    case complete
    /// Wait, then be claimed again.
    case retry
    case fail(reason: String)

    /// After a reported result. Attempts count; `attempt` is the one that just ended.
    package static func after(_ status: Outcome.Status, attempt: Int64, of most: Int64) -> NextStep {
        switch status {
        case .success: .complete
        case .failure, .timeout: attempt < most ? .retry : .fail(reason: status.rawValue)
        }
    }

    /// After a lost lease. `lossesInRow` includes this one.
    package static func afterLoss(lossesInRow: Int64) -> NextStep {
        lossesInRow < LeaseRules.lossesToPoison ? .retry : .fail(reason: "poison")
    }
}
