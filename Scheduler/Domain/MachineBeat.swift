/// A heartbeat of a machine that was signed by it at about this time.
package struct MachineBeat: Sendable {
    package let worker: MachineID
    package let owner: OwnerID
    package let policy: PolicyID
    package let nonce: String
    /// A JSON object.
    package let metrics: String?

    package init(worker: MachineID, owner: OwnerID, policy: PolicyID, nonce: String, metrics: String?) {
        self.worker = worker
        self.owner = owner
        self.policy = policy
        self.nonce = nonce
        self.metrics = metrics
    }

    package var terms: WorkerPolicy { WorkerPolicy(worker: worker, policy: policy) }
}

/// A machine, and a policy that it may have consented to.
package struct WorkerPolicy: Hashable, Sendable {
    package let worker: MachineID
    package let policy: PolicyID

    package init(worker: MachineID, policy: PolicyID) {
        self.worker = worker
        self.policy = policy
    }
}

/// What is remembered of a machine's heartbeats. Times are milliseconds since 1970.
package struct BeatTrail: Sendable {
    /// How often one of many is an event, in milliseconds.
    private static let recordEvery: Int64 = 3_600_000

    /// When the last one came; nil: there was none.
    package private(set) var lastAt: Int64?
    /// Under which policy.
    package private(set) var policy: PolicyID?
    /// When one was last recorded as an event.
    package private(set) var recordedAt: Int64?

    package init(lastAt: Int64?, policy: PolicyID?, recordedAt: Int64?) {
        self.lastAt = lastAt
        self.policy = policy
        self.recordedAt = recordedAt
    }

    /// Notes a heartbeat; returns whether it is an event of the audit log: the first of a machine, after a silence or a
    /// change of policy, and otherwise one an hour (CONTRACT 5).
    /// - Parameter silence: how long a machine says nothing before it counts as away, in milliseconds.
    package mutating func note(policy: PolicyID, at now: Int64, silence: Int64) -> Bool {
        let isEvent: Bool
        if let lastAt, let recordedAt {
            isEvent = policy != self.policy || now - lastAt >= silence || now - recordedAt >= Self.recordEvery
        } else {
            isEvent = true
        }
        lastAt = now
        self.policy = policy
        if isEvent { recordedAt = now }
        return isEvent
    }
}
