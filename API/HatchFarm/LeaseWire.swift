internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store
internal import Wire

// How the workers' words and the scheduler's values become each other.

extension Claim {
    init(_ request: ClaimRequest, _ worker: WorkerContext, _ world: World) {
        // An audit goes only to a worker that says it can run some.
        let kinds = request.kinds ?? [.compute]
        var offer = Offer(worker: worker.worker.text, owner: worker.owner.text, kinds: Set(kinds))
        offer.queues = request.queues.map { Set($0) }
        if let capacity = request.capacity {
            offer.milliCores = capacity.milliCores
            offer.memoryMiB = capacity.memoryMiB
            offer.gpus = capacity.gpus
            offer.labels = Set(capacity.labels)
            offer.isolation = capacity.isolation ?? .sandbox
        }
        self.init(
            offer: offer, limit: request.limit,
            visibilityTimeout: request.visibilityTimeoutMilliseconds.map { Int64($0) },
            requestID: request.requestID ?? Hex.encode(world.random(16)),
            isRepeatable: request.requestID != nil, secret: Array(worker.token.utf8))
        statesCapacity = request.capacity != nil
    }
}

extension ClaimedJob {
    init(_ job: GrantedJob) {
        let (grant, spec) = (job.grant, job.spec)
        let need = grant.requirement
        self.init(
            id: grant.id, kind: need.kind.rawValue, queue: need.queue, claimToken: grant.token,
            fence: grant.fence, attempt: Int(grant.attempt), visibleUntil: grant.visibleUntil,
            visibilityTimeoutMilliseconds: Int(grant.visibilityTimeout), leaseEnds: grant.leaseEnds,
            durationMinutes: Int(need.minutes),
            isolation: need.isolation, network: grant.network,
            title: grant.title, command: spec.command ?? [],
            environment: spec.environment.map { Variable($0.key, $0.value.string ?? "") }, stdin: spec.stdin,
            inputs: job.files.map { Input(path: $0.path, size: Int($0.size), sha256: $0.hash) }, outputs: spec.outputs,
            resources: Capacity(
                milliCores: need.milliCores, memoryMiB: need.memoryMiB, gpus: need.gpus, labels: need.labels),
            trace: spec.trace, audit: spec.audit.map { Audit($0) })
        stdinBase64 = spec.stdinBase64
    }
}

extension ClaimedJob.Audit {
    init(_ code: AuditedCode) {
        self.init(repoURL: code.repoURL, branch: code.branch, tests: code.tests)
    }
}

extension Outcome {
    init(_ report: ResultReport) {
        self.init(
            status: report.status, exitCode: report.exitCode.map { Int64($0) }, output: report.output,
            error: report.error, durationMilliseconds: Int64(report.durationMilliseconds),
            audit: report.report.flatMap { AuditReport($0) })
    }
}

extension AuditReport {
    /// nil for what is no audit's report.
    init?(_ json: JSON) {
        guard let passed = json["passed"]?.int, let failed = json["failed"]?.int, let total = json["total"]?.int,
            let log = json["log"]?.string
        else { return nil }
        self.init(passed: passed, failed: failed, total: total, log: log)
    }
}

extension ResultStatus {
    /// A report that was not accepted.
    init(_ job: JobID, _ problem: Problem) {
        self.init(jobID: job, isAccepted: false, code: problem.code, error: problem.message)
    }
}

extension LeaseStatus {
    init(jobID: JobID, _ outcome: ExtendOutcome) {
        switch outcome {
        case .extended(let until): self.init(jobID: jobID, state: .extended, visibleUntil: until)
        case .lost: self.init(jobID: jobID, state: .lost)
        case .cancelled: self.init(jobID: jobID, state: .cancelled)
        }
    }
}

extension LeaseKey {
    /// The key that a token gives this worker: only the token's hash is ever compared or stored.
    init(job: JobID, _ worker: WorkerContext, token: String) {
        self.init(job: job, worker: worker.worker, tokenHash: SHA256.hex(token))
    }

    init(_ call: Call, _ worker: WorkerContext, token: String) throws(InternalError) {
        self.init(job: try call.parameter("job", as: JobID.self), worker, token: token)
    }
}
