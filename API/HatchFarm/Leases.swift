internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Logging
internal import Store
internal import Wire

/// What workers call: claim, extend, progress, release, result, drain (CONTRACT 4).
enum Leases {
    static let routes = [
        Route(
            .post,
            "/workers/{worker}/jobs/claim", "claimJobs", "Claims jobs, waiting for some if asked.",
            body: LeaseSchema.claim, answers: [.ok(LeaseSchema.claimed)], claim),
        Route(
            .post,
            "/workers/{worker}/jobs/extend", "extendLeases", "Extends many leases.",
            body: LeaseSchema.extendMany, answers: [.ok(LeaseSchema.leases)], extendMany),
        Route(
            .post,
            "/workers/{worker}/jobs/results", "reportResults", "Reports many results, each judged by itself.",
            body: LeaseSchema.results, answers: [.ok(LeaseSchema.judged)], results),
        Route(
            .post,
            "/workers/{worker}/jobs/{job}/extend", "extendLease", "Extends a lease.",
            body: LeaseSchema.extend, answers: [.ok(LeaseSchema.lease)], extend),
        Route(
            .post,
            "/workers/{worker}/jobs/{job}/progress", "reportProgress", "Reports progress and log.",
            body: LeaseSchema.progress, answers: [.ok(.object(.required("accepted", .constant(true))))], progress
        ),
        Route(
            .post,
            "/workers/{worker}/jobs/{job}/release", "releaseJob",
            "Gives a job back; its attempt is refunded, unless its work was lost.",
            body: LeaseSchema.release,
            answers: [.ok(.object(.required("released", .constant(true))))], release),
        Route(
            .post,
            "/workers/{worker}/jobs/{job}/result", "reportResult", "Reports how an attempt ended.",
            body: LeaseSchema.result, answers: [.ok(LeaseSchema.accepted)], result),
        Route(
            .post,
            "/workers/{worker}/drain", "drainWorker", "Stops claims of this worker, or lets them go on.",
            body: draining, .ok(drained), drain),
    ].tagged("Workers")

    private static let draining = Input { optional("draining", .boolean, default: true) }
    private static let drained = Shape<Bool> { field("draining", .boolean) { $0 } }

    static func claim(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let request = try await ClaimRequest(call.body().json())
        let claim = Claim(request, worker, call.dependencies.world)
        let grants = try await call.dependencies.broker.claim(
            claim, wait: .milliseconds(request.waitMilliseconds), isAbandoned: { call.isAbandoned })
        let granted = try await JobInputs(call.dependencies.broker).granted(grants, to: worker.worker)
        return call.reply(capacity: 128 + granted.count * 600) {
            $0.beginObject()
            $0.key("jobs")
            $0.beginArray()
            for job in granted { ClaimedJob(job).write(to: &$0) }
            $0.endArray()
            $0.endObject()
        }
    }

    static func extend(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let request = try await ExtendRequest(call.body().json())
        let key = try LeaseKey(call, worker, token: request.claimToken)
        let outcomes = try await call.dependencies.broker.extend([
            Extension(key: key, milliseconds: Int64(request.extensionMilliseconds))
        ])
        guard case .extended(let until)? = outcomes.first else {
            throw try await call.dependencies.database.read { try $0.refusalForStale(key) }
        }
        return call.reply(LeaseStatus(jobID: key.job, state: .extended, visibleUntil: until).json)
    }

    static func extendMany(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let batch = try await ExtendBatch(call.body().json())
        let extensions = batch.leases.map { lease in
            Extension(
                key: LeaseKey(job: lease.jobID ?? JobID(""), worker, token: lease.claimToken),
                milliseconds: Int64(lease.extensionMilliseconds))
        }
        let outcomes = try await call.dependencies.broker.extend(extensions)
        let leases = zip(extensions, outcomes).map { LeaseStatus(jobID: $0.key.job, $1) }
        return call.reply(ExtendReply(leases: leases).json)
    }

    static func progress(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let report = try await ProgressReport(call.body().json())
        try await call.dependencies.broker.progress(
            Progress(
                key: try LeaseKey(call, worker, token: report.claimToken), percent: report.percent.map { Int64($0) },
                message: report.message, log: report.log, logOffset: report.logOffset.map { Int64($0) }))
        return call.reply(["accepted": true])
    }

    static func release(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let request = try await ReleaseRequest(call.body().json())
        let key = try LeaseKey(call, worker, token: request.claimToken)
        if request.isLost {
            try await call.dependencies.broker.lose(key, reason: request.reason)
        } else {
            try await call.dependencies.broker.release(key, reason: request.reason)
        }
        return call.reply(["released": true])
    }

    static func result(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let report = try await ResultReport(call.body().json())
        let key = try LeaseKey(call, worker, token: report.claimToken)
        let finished = try await call.dependencies.broker.finish(Report(key: key, outcome: Outcome(report)))
        log(report, of: key.job, on: call)
        return call.reply(accepted(finished))
    }

    static func results(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let batch = try await ResultsBatch(call.body().json())
        let reports = batch.results.map { report in
            Report(
                key: LeaseKey(job: report.jobID ?? JobID(""), worker, token: report.claimToken),
                outcome: Outcome(report))
        }
        let results = try await call.dependencies.broker.finish(reports)
        for report in batch.results { log(report, of: report.jobID, on: call) }
        return call.reply(capacity: 64 + results.count * 120) {
            $0.beginObject()
            $0.key("results")
            $0.beginArray()
            for (report, result) in zip(reports, results) {
                switch result {
                case .success(let finished)?: write(finished, to: &$0)
                case .failure(let refusal)?: $0.json(ResultStatus(report.key.job, call.problem(refusal)).json)
                case nil: $0.json(ResultStatus(report.key.job, Self.taken).json)
                }
            }
            $0.endArray()
            $0.endObject()
        }
    }

    private static let taken = Problem.unavailable(
        "another call has the job: report it again", code: "database_busy")

    private static func drain(_ call: Call, _ worker: WorkerContext, _ draining: Bool) async throws -> Bool {
        let (id, owner) = (worker.worker, worker.owner)
        try await call.dependencies.database.write { try $0.drain(id, owner: owner, draining: draining) }
        return draining
    }

    /// Results of one call may be of many traces: each is named by a line of its own.
    private static func log(_ report: ResultReport, of job: JobID?, on call: Call) {
        guard let trace = report.trace else { return }
        call.logger.info(
            "result",
            metadata: [
                "request": "\(call.id)", "job": "\(job?.text ?? "")", "status": "\(report.status.rawValue)",
                "trace_id": "\(trace.traceID)",
            ])
    }

    private static func accepted(_ finished: Finished) -> JSON {
        [
            "job_id": .string(finished.job.text), "accepted": true, "status": .string(finished.state.shown),
            "attempt": JSON(finished.attempt), "fence": JSON(finished.fence),
            "paid_usdt": .string(Money.decimal(finished.paid)),
        ]
    }

    private static func write(_ finished: Finished, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("job_id", finished.job.text)
        writer.field("accepted", true)
        writer.field("status", finished.state.shown)
        writer.field("attempt", finished.attempt)
        writer.field("fence", finished.fence)
        writer.field("paid_usdt", Money.decimal(finished.paid))
        writer.endObject()
    }
}
