internal import Bytes
package import Domain
internal import NIOHTTP1
package import Wire

/// The worker's side of CONTRACT 4 and 5: one request per call, without retries; errors are classified by what to do.
package final class LeaseClient: Sendable {
    private let connection: ServerConnection
    private let credentials: WorkerCredentials
    let refusals = TokenRefusals()

    package init(_ credentials: WorkerCredentials) {
        self.credentials = credentials
        connection = ServerConnection(server: credentials.server)
    }

    package func close() async {
        await connection.close()
    }

    /// Long-polls for up to the request's time; the timeout defaults to 10 s more.
    package func claim(
        _ request: ClaimRequest, timeoutMilliseconds: Int64? = nil
    ) async throws(ServerError) -> ClaimReply {
        let timeout = timeoutMilliseconds ?? Int64(request.waitMilliseconds) + 10_000
        let data = try await post("jobs/claim", request.json, timeoutMilliseconds: timeout, limit: 64 << 20)
        return try Self.read(data) { json throws(FieldError) in try ClaimReply(json) }
    }

    package func extend(_ batch: ExtendBatch, timeoutMilliseconds: Int64) async throws(ServerError) -> ExtendReply {
        let data = try await post("jobs/extend", batch.json, timeoutMilliseconds: timeoutMilliseconds)
        return try Self.read(data) { json throws(FieldError) in try ExtendReply(json) }
    }

    package func progress(_ job: JobID, _ report: ProgressReport) async throws(ServerError) {
        try await onLease { () async throws(ServerError) in
            _ = try await post("jobs/\(Self.encoded(job.text))/progress", report.json, timeoutMilliseconds: 15_000)
        }
    }

    /// Each result gets its own status, in the order given.
    package func results(_ batch: ResultsBatch) async throws(ServerError) -> ResultsReply {
        let data = try await post("jobs/results", batch.json, timeoutMilliseconds: 20_000)
        return try Self.read(data) { json throws(FieldError) in try ResultsReply(json) }
    }

    package func release(_ job: JobID, _ request: ReleaseRequest) async throws(ServerError) {
        try await onLease { () async throws(ServerError) in
            _ = try await post("jobs/\(Self.encoded(job.text))/release", request.json, timeoutMilliseconds: 3_000)
        }
    }

    /// Downloads an input, and checks it against its size and hash in the claim.
    package func input(
        _ input: ClaimedJob.Input, of job: JobID, claimToken: String
    ) async throws(ServerError) -> [UInt8] {
        let path = "jobs/\(Self.encoded(job.text))/inputs/\(ServerConnection.encoded(input.path, keepingSlashes: true))"
        var headers = machineHeaders
        headers.add(name: "X-Claim-Token", value: claimToken)
        headers.add(name: "Accept-Encoding", value: "zstd")
        let answer = try await connection.send(
            .GET, root + path, headers: headers, timeoutMilliseconds: 300_000, limit: WireLimits.artifactBytes)
        guard answer.status == 200 else { throw Self.onLease(answer.failure, answer.status) }
        var bytes = answer.body
        if answer.headers.first(name: "Content-Encoding") == "zstd" {
            do {
                // The server packed it, and its size is known: the ratio is no attack.
                bytes = try Zstd.decompress(bytes, limit: WireLimits.artifactBytes, ratio: .max)
            } catch {
                throw .unreachable("input \(input.path) is corrupt")
            }
        }
        guard bytes.count == input.size, SHA256.hex(bytes).isExactly(input.sha256) else {
            throw .unreachable("input \(input.path) doesn't match its size and hash")
        }
        return bytes
    }

    /// Sends a part of an output's body, or all of it.
    func put(_ upload: Upload, _ part: Range<Int>) async throws(ServerError) -> Upload.Answer {
        var headers = uploadHeaders(upload)
        headers.add(name: "Content-Type", value: "application/octet-stream")
        headers.add(name: "X-Content-SHA256", value: upload.sha256)
        if upload.isCompressed { headers.add(name: "Content-Encoding", value: "zstd") }
        if part.count < upload.body.count {
            let range = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(upload.body.count)"
            headers.add(name: "Content-Range", value: range)
        }
        let answer = try await connection.send(
            .PUT, path(of: upload), headers: headers, body: Array(upload.body[part]), timeoutMilliseconds: 300_000,
            limit: 1 << 20)
        // A 409 with an offset is about the offset, not about the job's end.
        if answer.status == 202 || answer.status == 409, let offset = answer.uploadOffset {
            return .received(upTo: offset)
        }
        guard (200..<300).contains(answer.status) else { throw Self.onLease(answer.failure, answer.status) }
        return .stored
    }

    /// How much of an output's body the server has.
    func uploadOffset(of upload: Upload) async throws(ServerError) -> Int {
        let answer = try await connection.send(
            .HEAD, path(of: upload), headers: uploadHeaders(upload), timeoutMilliseconds: 15_000, limit: 1 << 20)
        guard answer.status == 200 else { throw Self.onLease(answer.failure, answer.status) }
        return answer.uploadOffset ?? 0
    }

    private func path(of upload: Upload) -> String {
        let path = ServerConnection.encoded(upload.path, keepingSlashes: true)
        return root + "jobs/\(Self.encoded(upload.job.text))/artifacts/\(path)"
    }

    private func uploadHeaders(_ upload: Upload) -> HTTPHeaders {
        var headers = machineHeaders
        headers.add(name: "X-Claim-Token", value: upload.claimToken)
        return headers
    }

    /// Sets or clears the worker's drain flag on the server, which outlasts the daemon.
    package func drain(_ isDraining: Bool) async throws(ServerError) {
        _ = try await post("drain", ["draining": .bool(isDraining)], timeoutMilliseconds: 2_000)
    }

    /// The reply, or the refusal with the server's `Date` header, as a wrong clock may be its cause.
    package func heartbeat(
        _ request: HeartbeatRequest
    ) async throws(ServerError) -> (reply: HeartbeatReply?, date: String?, refusal: ServerError?) {
        let answer = try await connection.send(
            .POST, root + "heartbeat", headers: jsonHeaders, body: request.json.bytes(.compact),
            timeoutMilliseconds: 10_000, limit: 1 << 20)
        guard answer.status == 200 else { return (nil, answer.headers.first(name: "Date"), answer.failure) }
        let reply = try Self.read(answer.data()) { json throws(FieldError) in try HeartbeatReply(json) }
        return (reply, nil, nil)
    }

    private var root: String { "/workers/\(Self.encoded(credentials.workerID.text))/" }

    private var machineHeaders: HTTPHeaders {
        ["X-Machine-Token": credentials.machineToken]
    }

    private var jsonHeaders: HTTPHeaders {
        ["X-Machine-Token": credentials.machineToken, "Content-Type": "application/json"]
    }

    private static func encoded(_ text: String) -> String {
        ServerConnection.encoded(text)
    }

    private func post(
        _ path: String, _ body: JSON, timeoutMilliseconds: Int64, limit: Int = 4 << 20
    ) async throws(ServerError) -> JSON {
        do throws(ServerError) {
            let data = try await connection.send(
                .POST, root + path, headers: jsonHeaders, body: body.bytes(.compact),
                timeoutMilliseconds: timeoutMilliseconds, limit: limit
            ).data()
            refusals.note(nil)
            return data
        } catch {
            refusals.note(error)
            throw error
        }
    }

    private func onLease(_ call: () async throws(ServerError) -> Void) async throws(ServerError) {
        do {
            try await call()
        } catch .refused(let status, let message) {
            throw Self.onLease(.refused(status: status, message: message), status)
        }
    }

    /// What a refusal means for a call with a claim token.
    private static func onLease(_ error: ServerError, _ status: Int) -> ServerError {
        switch status {
        case 403: .lost
        case 409: .ended
        default: error
        }
    }

    private static func read<T>(_ data: JSON, _ decode: (JSON) throws(FieldError) -> T) throws(ServerError) -> T {
        do {
            return try decode(data)
        } catch {
            throw .unreachable("invalid answer of the server: \(error.message)")
        }
    }
}

extension ServerConnection.Answer {
    fileprivate var uploadOffset: Int? {
        headers.first(name: "Upload-Offset").flatMap { Int($0) }
    }
}
