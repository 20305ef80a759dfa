package import Bytes
package import Domain

/// How an attempt ended, `POST jobs/{job}/result` (CONTRACT 4). A repeated report gets the same answer.
package struct ResultReport: Sendable, Equatable {
    /// Only in a batch; otherwise the path names the job.
    package var jobID: JobID?
    package var claimToken: String
    package var status: Outcome.Status
    package var exitCode: Int?
    /// The end of the job's output, at most 1 MiB.
    package var output: String?
    /// For people, at most 64 KiB.
    package var error: String?
    /// An audit's verdict (CONTRACT 7); any object.
    package var report: JSON?
    /// When the run started, milliseconds since 1970 by the worker's clock. Informational.
    package var executedAt: Int64
    package var durationMilliseconds: Int
    /// The job's trace: a call with many results can't name it in its header.
    package var trace: TraceContext?

    package init(
        jobID: JobID? = nil, claimToken: String, status: Outcome.Status, exitCode: Int? = nil, output: String? = nil,
        error: String? = nil, report: JSON? = nil, executedAt: Int64, durationMilliseconds: Int,
        trace: TraceContext? = nil
    ) {
        self.jobID = jobID
        self.claimToken = claimToken
        self.status = status
        self.exitCode = exitCode
        self.output = output
        self.error = error
        self.report = report
        self.executedAt = executedAt
        self.durationMilliseconds = durationMilliseconds
        self.trace = trace
    }

    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json), inBatch: false)
    }

    /// One of a batch, with its job's id.
    package init(item json: JSON) throws(FieldError) {
        try self.init(Fields(json), inBatch: true)
    }

    init(_ fields: Fields, inBatch: Bool) throws(FieldError) {
        var fields = fields
        self.jobID = inBatch ? try fields.identifier("job_id") : nil
        self.claimToken = try fields.text("claim_token", bytes: WireLimits.tokenBytes)
        self.status = try fields.choice("status", as: Outcome.Status.self)
        self.exitCode = try fields.optionalInt("exit_code", in: WireLimits.exitCode)
        self.output = try fields.optionalText("output", bytes: WireLimits.outputBytes)
        self.error = try fields.optionalText("error", bytes: WireLimits.errorBytes)
        self.report = fields.optionalRaw("report").flatMap { $0.isNull ? nil : $0 }
        if let report, report.members == nil { throw fields.error("report", .wrongType(expected: "an object")) }
        self.executedAt = try fields.instant("executed_at")
        self.durationMilliseconds = try fields.int("duration_ms", in: WireLimits.durationMilliseconds)
        self.trace = try fields.optionalText("traceparent", bytes: WireLimits.traceparentBytes)
            .flatMap { TraceContext($0) }
        try fields.end()
    }

    package var json: JSON {
        object([
            ("job_id", jobID.map { .string($0.text) }), ("claim_token", .string(claimToken)),
            ("status", .string(status.rawValue)), ("exit_code", exitCode.map { JSON($0) }),
            ("output", output.map(JSON.string)), ("error", error.map(JSON.string)), ("report", report),
            ("executed_at", .string(RFC3339.format(executedAt))), ("duration_ms", JSON(durationMilliseconds)),
            ("traceparent", trace.map { .string($0.traceparent) }),
        ])
    }
}

/// `POST jobs/results`: each result is accepted or refused individually, in the order given.
package struct ResultsBatch: Sendable, Equatable {
    /// 1–100.
    package var results: [ResultReport]

    package init(results: [ResultReport]) {
        self.results = results
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.results = []
        for result in try fields.objects("results", counts: WireLimits.resultsInBatch) {
            results.append(try ResultReport(result, inBatch: true))
        }
        try fields.end()
    }

    package var json: JSON {
        ["results": .array(results.map(\.json))]
    }
}

/// The status of one result of a batch.
package struct ResultStatus: Sendable, Equatable {
    package var jobID: JobID
    package var isAccepted: Bool
    /// Why it was refused: the error code of the single call, such as `lease_lost`.
    package var code: String?
    package var error: String?
    /// The payment to the machine's owner, a decimal; `nil` from servers that don't report it.
    package var paidUSDT: String?

    package init(
        jobID: JobID, isAccepted: Bool, code: String? = nil, error: String? = nil, paidUSDT: String? = nil
    ) {
        self.jobID = jobID
        self.isAccepted = isAccepted
        self.code = code
        self.error = error
        self.paidUSDT = paidUSDT
    }

    init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        self.jobID = try fields.identifier("job_id")
        self.isAccepted = try fields.bool("accepted")
        self.code = try fields.optionalString("code")
        self.error = try fields.optionalString("error")
        self.paidUSDT = try fields.optionalString("paid_usdt")
    }

    package var json: JSON {
        object([
            ("job_id", .string(jobID.text)), ("accepted", .bool(isAccepted)), ("code", code.map(JSON.string)),
            ("error", error.map(JSON.string)), ("paid_usdt", paidUSDT.map(JSON.string)),
        ])
    }
}

package struct ResultsReply: Sendable, Equatable {
    package var results: [ResultStatus]

    package init(results: [ResultStatus]) {
        self.results = results
    }

    package init(_ json: JSON) throws(FieldError) {
        var fields = try Fields(json)
        self.results = []
        for result in try fields.objects("results") { results.append(try ResultStatus(result)) }
    }

    package var json: JSON {
        ["results": .array(results.map(\.json))]
    }
}
