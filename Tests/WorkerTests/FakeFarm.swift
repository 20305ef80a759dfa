import Bytes
import Domain
import Foundation
import Runtime
import Support
import Synchronization
import Wire

/// Just enough of the worker protocol to grant jobs and to note what a worker says; `fault` may answer instead.
final class FakeFarm: Sendable {
    struct Notes {
        var waiting: [ClaimedJob] = []
        var answered: [String: [ClaimedJob]] = [:]
        var requests: [FakeServer.Request] = []
        var fault: (@Sendable (FakeServer.Request) -> FakeServer.Answer?)?
        var lost: Set<JobID> = []
        var cancelled: [JobID] = []
        var heartbeatMilliseconds = 200
        var inputs: [String: [UInt8]] = [:]
        var results: [JobID: [ResultReport]] = [:]
        var artifacts: [String: [UInt8]] = [:]
        var released: [JobID: String] = [:]
        /// Released as lost with their daemon.
        var reportedLost: [JobID] = []
        var log = ""
        var extended = 0
        var isDrained = false
        /// What a result pays; nil on a server that doesn't say.
        var paid: String?
    }

    let notes = Mutex(Notes())
    private let server = Mutex<FakeServer?>(nil)
    private let lastPort = Mutex(0)

    init() throws {
        try start()
    }

    /// On the port that it had before.
    func start() throws {
        let fresh = try FakeServer(port: port) { [weak self] request in self?.answer(request) ?? .cut }
        lastPort.withLock { $0 = fresh.port }
        server.withLock { $0 = fresh }
    }

    func stop() {
        let old = server.withLock { $0.take() }
        old?.stop()
    }

    private var port: Int {
        lastPort.withLock { $0 }
    }

    func offer(_ job: ClaimedJob) {
        notes.withLock { $0.waiting.append(job) }
    }

    func fault(_ fault: (@Sendable (FakeServer.Request) -> FakeServer.Answer?)?) {
        notes.withLock { $0.fault = fault }
    }

    func noted<T>(_ read: (Notes) -> T) -> T {
        notes.withLock { read($0) }
    }

    func requests(to suffix: String) -> [FakeServer.Request] {
        notes.withLock { $0.requests.filter { $0.path.hasSuffix(suffix) } }
    }

    var credentials: WorkerCredentials {
        WorkerCredentials(
            workerID: "wrk_1", machineToken: "machine-token", policyID: "pol_1", server: "http://127.0.0.1:\(port)/")
    }

    private func answer(_ request: FakeServer.Request) -> FakeServer.Answer {
        let fault = notes.withLock { notes in
            notes.requests.append(request)
            return notes.fault
        }
        if let answer = fault?(request) { return answer }
        return respond(request)
    }

    /// As a server without faults would.
    func respond(_ request: FakeServer.Request) -> FakeServer.Answer {
        guard request.headers["x-machine-token"] == "machine-token" else { return .refusal(401) }
        let parts = (request.path.removingPercentEncoding ?? "").split(separator: "/").dropFirst(4).map(String.init)
        return (try? route(request, parts)) ?? .refusal(400)
    }

    private func route(_ request: FakeServer.Request, _ parts: [String]) throws -> FakeServer.Answer {
        switch (parts.first, parts.count) {
        case ("heartbeat", _):
            _ = try HeartbeatRequest(request.json)
            let reply = notes.withLock { notes in
                HeartbeatReply(
                    workerID: "wrk_1", nextHeartbeatMilliseconds: notes.heartbeatMilliseconds,
                    serverTime: World.live.now(), cancelled: notes.cancelled, pendingJobs: notes.waiting.count)
            }
            return .data(reply.json)
        case ("drain", _):
            notes.withLock { $0.isDrained = request.json["draining"]?.bool ?? true }
            return .data([:])
        case ("jobs", 2) where parts[1] == "claim": return .data(claim(try ClaimRequest(request.json)).json)
        case ("jobs", 2) where parts[1] == "extend": return .data(extend(try ExtendBatch(request.json)).json)
        case ("jobs", 2) where parts[1] == "results": return .data(try results(ResultsBatch(request.json)).json)
        case ("jobs", 3...):
            let path = parts.dropFirst(3).joined(separator: "/")
            return try onLease(request, job: JobID(parts[1]), parts[2], path)
        default: return .refusal(404)
        }
    }

    private func claim(_ request: ClaimRequest) -> ClaimReply {
        let deadline = World.live.monotonic() + Int64(min(request.waitMilliseconds, 300))
        while true {
            let jobs = notes.withLock { notes -> [ClaimedJob] in
                if let jobs = notes.answered[request.requestID ?? ""] { return jobs }
                let jobs = notes.isDrained ? [] : Array(notes.waiting.prefix(request.limit))
                notes.waiting.removeFirst(jobs.count)
                if let id = request.requestID, !jobs.isEmpty { notes.answered[id] = jobs }
                return jobs
            }
            if !jobs.isEmpty || World.live.monotonic() >= deadline { return ClaimReply(jobs: jobs) }
            pause(milliseconds: 5)
        }
    }

    private func extend(_ batch: ExtendBatch) -> ExtendReply {
        notes.withLock { notes in
            notes.extended += batch.leases.count
            return ExtendReply(
                leases: batch.leases.map { lease in
                    let job = lease.jobID ?? ""
                    return LeaseStatus(jobID: job, state: notes.lost.contains(job) ? .lost : .extended)
                })
        }
    }

    private func results(_ batch: ResultsBatch) -> ResultsReply {
        notes.withLock { notes in
            ResultsReply(
                results: batch.results.map { report in
                    let job = report.jobID ?? ""
                    guard report.claimToken == "token-\(job)", !notes.lost.contains(job) else {
                        return ResultStatus(jobID: job, isAccepted: false, code: "lease_lost", error: "no")
                    }
                    notes.results[job, default: []].append(report)
                    return ResultStatus(jobID: job, isAccepted: true, paidUSDT: notes.paid)
                })
        }
    }

    private func onLease(
        _ request: FakeServer.Request, job: JobID, _ verb: String, _ path: String
    ) throws -> FakeServer.Answer {
        let token = request.headers["x-claim-token"] ?? request.json["claim_token"]?.string
        let isLost = notes.withLock { $0.lost.contains(job) }
        guard token == "token-\(job)", !isLost else { return .refusal(403) }
        switch verb {
        case "progress":
            let report = try ProgressReport(request.json)
            notes.withLock { notes in
                let known = notes.log.utf8.count - (report.logOffset ?? 0)
                notes.log += (report.log ?? "").suffix(behind: known).readable
            }
        case "release":
            let release = try ReleaseRequest(request.json)
            notes.withLock { notes in
                notes.released[job] = release.reason ?? ""
                if release.isLost { notes.reportedLost.append(job) }
            }
        case "inputs":
            guard let bytes = notes.withLock({ $0.inputs[path] }) else { return .refusal(404) }
            return .bytes(bytes)
        case "artifacts":
            let isPacked = request.headers["content-encoding"] == "zstd"
            guard path != "refused" else { return .refusal(413) }
            let bytes = isPacked ? try Zstd.decompress(request.body, limit: 1 << 26) : request.body
            notes.withLock { $0.artifacts[path] = bytes }
        default: return .refusal(404)
        }
        return .data([:])
    }
}

/// For threads of the fake server.
private func pause(milliseconds: UInt32) {
    usleep(milliseconds * 1_000)
}
