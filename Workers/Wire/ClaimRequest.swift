package import Bytes
package import Domain

/// `POST jobs/claim` (CONTRACT 4). Repeating a `requestID` returns the same jobs.
package struct ClaimRequest: Sendable, Equatable {
    /// 1–100 jobs.
    package var limit: Int
    /// 1,000–43,200,000; the kind's default when `nil`.
    package var visibilityTimeoutMilliseconds: Int?
    /// 0–20,000: how long to wait for the first job.
    package var waitMilliseconds: Int
    /// `nil`: all that the worker may run.
    package var kinds: [Kind]?
    package var queues: [String]?
    /// The free capacity, by default one core and one GB; `nil`: the registered capacity.
    package var capacity: Capacity?
    package var requestID: String?

    package init(
        limit: Int, visibilityTimeoutMilliseconds: Int? = nil, waitMilliseconds: Int = 0, kinds: [Kind]? = nil,
        queues: [String]? = nil, capacity: Capacity? = nil, requestID: String? = nil
    ) {
        self.limit = limit
        self.visibilityTimeoutMilliseconds = visibilityTimeoutMilliseconds
        self.waitMilliseconds = waitMilliseconds
        self.kinds = kinds
        self.queues = queues
        self.capacity = capacity
        self.requestID = requestID
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.limit = try fields.int("limit", in: WireLimits.claimed)
        self.visibilityTimeoutMilliseconds = try fields.optionalInt(
            "visibility_timeout_ms", in: WireLimits.visibilityMilliseconds)
        self.waitMilliseconds = try fields.int("wait_ms", in: WireLimits.waitMilliseconds, default: 0)
        self.kinds = try Self.kinds(&fields)
        self.queues = try fields.optionalNames("queues")
        if let capacity = try fields.optionalObject("capacity") { self.capacity = try Self.free(capacity) }
        self.requestID = try fields.optionalText("request_id", bytes: WireLimits.identifierBytes)
        try fields.end()
    }

    /// Workers claim no `manual` jobs.
    package static let claimableKinds: [Kind] = [.compute, .device, .audit]

    private static func kinds(_ fields: inout Fields) throws(FieldError) -> [Kind]? {
        guard let names = try fields.optionalNames("kinds") else { return nil }
        let kinds = names.compactMap { name in claimableKinds.first { $0.rawValue.isExactly(name) } }
        guard kinds.count == names.count else {
            let names = claimableKinds.map(\.rawValue).joined(separator: ", ")
            throw fields.error("kinds", .invalid("must be any of \(names)"))
        }
        return kinds
    }

    private static func free(_ fields: Fields) throws(FieldError) -> Capacity {
        var capacity = try Capacity(fields)
        let fallback = Capacity(cpuCores: 1, memoryGB: 1)
        capacity.milliCores = capacity.milliCores ?? fallback.milliCores
        capacity.memoryMiB = capacity.memoryMiB ?? fallback.memoryMiB
        return capacity
    }

    package var json: JSON {
        object([
            ("limit", JSON(limit)), ("visibility_timeout_ms", visibilityTimeoutMilliseconds.map { JSON($0) }),
            ("wait_ms", JSON(waitMilliseconds)), ("kinds", kinds.map { list($0.map(\.rawValue)) }),
            ("queues", queues.map(list)),
            ("capacity", capacity?.json), ("request_id", requestID.map(JSON.string)),
        ])
    }
}

/// The granted jobs; none if the wait timed out.
package struct ClaimReply: Sendable, Equatable {
    package var jobs: [ClaimedJob]

    package init(jobs: [ClaimedJob]) {
        self.jobs = jobs
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.jobs = []
        for job in try fields.objects("jobs") { jobs.append(try ClaimedJob(job)) }
    }

    package var json: JSON {
        ["jobs": .array(jobs.map(\.json))]
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("jobs")
        writer.beginArray()
        for job in jobs { job.write(to: &writer) }
        writer.endArray()
        writer.endObject()
    }
}
