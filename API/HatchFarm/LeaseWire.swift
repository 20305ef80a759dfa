internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store
internal import Wire

// How the workers' words and the scheduler's values become each other.

extension Claim {
    init(_ request: ClaimRequest, _ worker: WorkerContext, _ world: World) throws(FieldError) {
        var kinds: Set<Kind> = [.compute, .audit]
        if let words = request.kinds {
            kinds = []
            for word in words {
                guard let kind = Kind(rawValue: word), kind != .manual else {
                    throw FieldError("kinds", .invalid("must be of compute, device and audit"))
                }
                kinds.insert(kind)
            }
        }
        var offer = Offer(worker: worker.worker.text, owner: worker.owner.text, kinds: kinds)
        offer.queues = request.queues.map { Set($0) }
        if let capacity = request.capacity {
            offer.milliCores = Int64(capacity.cpuCores * 1_000)
            offer.memoryMiB = Int64(capacity.memoryGB * 1_000_000_000 / 1_048_576)
            offer.gpus = Int64(capacity.gpu)
            offer.labels = Set(capacity.labels)
            offer.isolation = capacity.isolation.flatMap { Domain.Isolation(rawValue: $0.rawValue) } ?? .sandbox
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
            id: grant.id.text, kind: need.kind.rawValue, queue: need.queue, claimToken: grant.token,
            fence: grant.fence, attempt: Int(grant.attempt), visibleUntil: grant.visibleUntil,
            visibilityTimeoutMilliseconds: Int(grant.visibilityTimeout), leaseEnds: grant.leaseEnds,
            durationMinutes: Int(need.minutes),
            isolation: Wire.Isolation(rawValue: need.isolation.rawValue) ?? .sandbox, network: grant.network,
            title: grant.title, command: spec.command ?? [],
            environment: spec.environment.map { Variable($0.key, $0.value.string ?? "") }, stdin: spec.stdin,
            inputs: job.files.map { Input(path: $0.path, size: Int($0.size), sha256: $0.hash) }, outputs: spec.outputs,
            resources: Wire.Capacity(
                cpuCores: Double(need.milliCores) / 1_000,
                memoryGB: Double(need.memoryMiB) * 1_048_576 / 1_000_000_000, gpu: Int(need.gpus),
                labels: need.labels))
    }
}

extension Outcome {
    init(_ report: ResultReport) {
        let status: Outcome.Status =
            switch report.status {
            case .success: .success
            case .failure: .failure
            case .timeout: .timeout
            }
        self.init(
            status: status, exitCode: report.exitCode.map { Int64($0) }, output: report.output,
            error: report.error, durationMilliseconds: Int64(report.durationMilliseconds))
    }
}

extension LeaseStatus {
    init(jobID: String, _ outcome: ExtendOutcome) {
        switch outcome {
        case .extended(let until): self.init(jobID: jobID, state: .extended, visibleUntil: until)
        case .lost: self.init(jobID: jobID, state: .lost)
        case .cancelled: self.init(jobID: jobID, state: .cancelled)
        }
    }
}

extension LeaseKey {
    /// The key that a token gives this worker: only the token's hash is ever compared or stored.
    init(job: String, _ worker: WorkerContext, token: String) {
        self.init(job: JobID(job), worker: worker.worker, tokenHash: SHA256.hex(token))
    }

    init(_ call: Call, _ worker: WorkerContext, token: String) throws(InternalError) {
        self.init(job: try call.parameter("job"), worker, token: token)
    }
}
