/// Builds the requests of a load as bytes, mostly from prebuilt pieces.
struct Requests: Sendable {
    private let memberHead: String
    private let host: String
    private let job: String

    /// A minimal job that does nothing.
    static let job = #"{"title":"bench","command":["true"]}"#

    init(host: String, credentials: Credentials, job: String = Requests.job) {
        self.host = host
        self.job = job
        let owner = credentials.owner.map { "X-Owner-ID: \($0)\r\n" } ?? ""
        memberHead = "Host: \(host)\r\nAuthorization: Bearer \(credentials.key)\r\n\(owner)"
    }

    func submit() -> [UInt8] {
        Self.post("/api/v1/jobs", memberHead, job)
    }

    func submit(batchOf count: Int) -> [UInt8] {
        let jobs = repeatElement(job, count: max(1, count)).joined(separator: ",")
        return Self.post("/api/v1/jobs/batch", memberHead, #"{"jobs":[\#(jobs)]}"#)
    }

    func worker(_ id: String, token: String) -> WorkerRequests {
        WorkerRequests(root: "/api/v1/workers/\(id)/jobs", head: "Host: \(host)\r\nX-Machine-Token: \(token)\r\n")
    }

    static func post(_ path: String, _ head: String, _ body: String) -> [UInt8] {
        Array(
            """
            POST \(path) HTTP/1.1\r
            \(head)Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
    }
}

/// The requests of one enrolled machine.
struct WorkerRequests: Sendable {
    private let root: String
    private let head: String
    private let resultStart: [UInt8]
    private let resultMiddle: [UInt8]
    private let resultsStart: [UInt8]

    private static let jobMark = Array(#"{"job_id":""#.utf8)
    private static let tokenMark = Array(#"","claim_token":""#.utf8)
    private static let onlyTokenMark = Array(#"{"claim_token":""#.utf8)
    private static let success = Array(
        #"","status":"success","exit_code":0,"executed_at":"2026-01-01T00:00:00Z","duration_ms":1}"#.utf8)
    private static let headEnd = Array("\r\n\r\n".utf8)

    fileprivate init(root: String, head: String) {
        self.root = root
        self.head = head
        let end = "HTTP/1.1\r\n\(head)Content-Type: application/json\r\nContent-Length: "
        resultStart = Array("POST \(root)/".utf8)
        resultMiddle = Array("/result \(end)".utf8)
        resultsStart = Array("POST \(root)/results \(end)".utf8)
    }

    func claim(limit: Int, waitMilliseconds: Int = 0, leaseMilliseconds: Int = 60_000) -> [UInt8] {
        let body = """
            {"limit":\(limit),"wait_ms":\(waitMilliseconds),"visibility_timeout_ms":\(leaseMilliseconds)}
            """
        return Requests.post("\(root)/claim", head, body)
    }

    func result(_ lease: BenchLease) -> [UInt8] {
        let size = Self.onlyTokenMark.count + lease.token.count + Self.success.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 + size)
        bytes += resultStart
        bytes += lease.job
        bytes += resultMiddle
        bytes += String(size).utf8
        bytes += Self.headEnd
        bytes += Self.onlyTokenMark
        bytes += lease.token
        bytes += Self.success
        return bytes
    }

    func results(_ leases: [BenchLease]) -> [UInt8] {
        var body = Array(#"{"results":["#.utf8)
        body.reserveCapacity(leases.count * 256)
        for (index, lease) in leases.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += Self.jobMark
            body += lease.job
            body += Self.tokenMark
            body += lease.token
            body += Self.success
        }
        body += "]}".utf8
        return resultsStart + String(body.count).utf8 + Self.headEnd + body
    }
}

/// A claimed job.
struct BenchLease: Sendable {
    let job: [UInt8]
    let token: [UInt8]
}
