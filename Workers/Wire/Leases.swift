package import Bytes
package import Domain

/// Extends a lease to `extensionMilliseconds` from now.
package struct ExtendRequest: Sendable, Equatable {
    /// Only in a batch; otherwise the path names the job.
    package var jobID: JobID?
    package var claimToken: String
    package var extensionMilliseconds: Int

    package init(jobID: JobID? = nil, claimToken: String, extensionMilliseconds: Int) {
        self.jobID = jobID
        self.claimToken = claimToken
        self.extensionMilliseconds = extensionMilliseconds
    }

    /// `POST jobs/{job}/extend`.
    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json), inBatch: false)
    }

    init(_ fields: Fields, inBatch: Bool) throws(FieldError) {
        var fields = fields
        self.jobID = inBatch ? try fields.identifier("job_id") : nil
        self.claimToken = try fields.text("claim_token", bytes: WireLimits.tokenBytes)
        self.extensionMilliseconds = try fields.int("extension_ms", in: WireLimits.visibilityMilliseconds)
        try fields.end()
    }

    package var json: JSON {
        object([
            ("job_id", jobID.map { .string($0.text) }), ("claim_token", .string(claimToken)),
            ("extension_ms", JSON(extensionMilliseconds)),
        ])
    }
}

/// `POST jobs/extend`: each lease gets its own status.
package struct ExtendBatch: Sendable, Equatable {
    /// 1–1,000.
    package var leases: [ExtendRequest]

    package init(leases: [ExtendRequest]) {
        self.leases = leases
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.leases = []
        for lease in try fields.objects("leases", counts: WireLimits.leasesInBatch) {
            leases.append(try ExtendRequest(lease, inBatch: true))
        }
        try fields.end()
    }

    package var json: JSON {
        ["leases": .array(leases.map(\.json))]
    }
}

/// The result of one extension.
package struct LeaseStatus: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// For the time requested.
        case extended
        /// Expired or claimed by another worker: stop the job.
        case lost
        /// The job was cancelled, or consent revoked: stop the job.
        case cancelled
    }

    package var jobID: JobID
    package var state: State
    /// Milliseconds since 1970 by the server's clock; only for an extended lease.
    package var visibleUntil: Int64?

    package init(jobID: JobID, state: State, visibleUntil: Int64? = nil) {
        self.jobID = jobID
        self.state = state
        self.visibleUntil = visibleUntil
    }

    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json))
    }

    init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        self.jobID = try fields.identifier("job_id")
        self.state = try fields.choice("status", as: State.self)
        self.visibleUntil = try fields.optionalInstant("visible_until")
    }

    package var json: JSON {
        object([
            ("job_id", .string(jobID.text)), ("status", .string(state.rawValue)),
            ("visible_until", visibleUntil.map { .string(RFC3339.format($0)) }),
        ])
    }
}

package struct ExtendReply: Sendable, Equatable {
    package var leases: [LeaseStatus]

    package init(leases: [LeaseStatus]) {
        self.leases = leases
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.leases = []
        for lease in try fields.objects("leases") { leases.append(try LeaseStatus(lease)) }
    }

    package var json: JSON {
        ["leases": .array(leases.map(\.json))]
    }
}

/// `POST jobs/{job}/release`: returns the job to its queue. Its attempt is refunded unless its work was lost.
package struct ReleaseRequest: Sendable, Equatable {
    package var claimToken: String
    /// Why, for people.
    package var reason: String?
    /// The daemon was killed while it ran the job, and reports it after its restart. Counts as an expired lease.
    package var isLost: Bool

    package init(claimToken: String, reason: String? = nil, isLost: Bool = false) {
        self.claimToken = claimToken
        self.reason = reason
        self.isLost = isLost
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.claimToken = try fields.text("claim_token", bytes: WireLimits.tokenBytes)
        self.reason = try fields.optionalText("reason", bytes: WireLimits.messageBytes)
        self.isLost = try fields.bool("lost", default: false)
        try fields.end()
    }

    package var json: JSON {
        object([
            ("claim_token", .string(claimToken)), ("reason", reason.map(JSON.string)), ("lost", isLost ? true : nil),
        ])
    }
}
