package import Bytes
package import Domain

/// A job as granted to a worker: the lease and the work (CONTRACT 4).
package struct ClaimedJob: Sendable, Equatable {
    package var id: JobID
    /// A `Kind`'s raw value, or one that this daemon doesn't know yet.
    package var kind: String
    package var queue: String
    /// Secret: it authorizes every call about the lease.
    package var claimToken: String
    /// Grows with every grant of this job.
    package var fence: Int64
    package var attempt: Int
    /// Milliseconds since 1970 by the server's clock; timers use the timeout instead.
    package var visibleUntil: Int64
    package var visibilityTimeoutMilliseconds: Int
    /// The latest end of the lease: 12 h after the claim, milliseconds since 1970.
    package var leaseEnds: Int64
    /// The job's time limit.
    package var durationMinutes: Int
    package var isolation: Isolation
    package var network: Bool
    package var title: String
    /// The program and its arguments; a command given as one string is run by `/bin/sh -c`.
    package var command: [String]
    package var environment: [Variable]
    package var stdin: String?
    /// Instead of `stdin`, when its bytes are no UTF-8: in base64.
    package var stdinBase64: String?
    package var inputs: [Input]
    /// Paths in the work folder to upload when the job has ended.
    package var outputs: [String]
    package var resources: Capacity
    /// The trace that it was submitted in.
    package var trace: TraceContext?
    /// What an audit tests; `nil` for jobs of other kinds. An audit's `command` is empty.
    package var audit: Audit?

    /// A repository and the tests that its branch must pass (CONTRACT 7).
    package struct Audit: Sendable, Equatable {
        /// As its poster wrote it: not validated. 1–2,048 bytes.
        package var repoURL: String
        /// 1–255 bytes; `nil`: the remote's default branch.
        package var branch: String?
        /// A shell command. 1–10,000 bytes.
        package var tests: String

        package init(repoURL: String, branch: String? = nil, tests: String) {
            self.repoURL = repoURL
            self.branch = branch
            self.tests = tests
        }
    }

    package struct Variable: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A file to place into the work folder, downloaded with the claim token.
    package struct Input: Sendable, Equatable {
        package var path: String
        /// Bytes.
        package var size: Int
        /// Lowercase hex of the content's hash.
        package var sha256: String

        package init(path: String, size: Int, sha256: String) {
            self.path = path
            self.size = size
            self.sha256 = sha256
        }
    }

    /// What the command reads; nil for nothing.
    package var standardInput: [UInt8]? { stdinBase64.flatMap { Base64.decode($0) } ?? stdin.map { Array($0.utf8) } }

    package init(
        id: JobID, kind: String = Kind.compute.rawValue, queue: String = "default", claimToken: String,
        fence: Int64 = 1,
        attempt: Int = 1, visibleUntil: Int64, visibilityTimeoutMilliseconds: Int, leaseEnds: Int64,
        durationMinutes: Int = 10, isolation: Isolation = .sandbox, network: Bool = false, title: String = "",
        command: [String], environment: [Variable] = [], stdin: String? = nil, inputs: [Input] = [],
        outputs: [String] = [], resources: Capacity = Capacity(), trace: TraceContext? = nil,
        audit: Audit? = nil
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.claimToken = claimToken
        self.fence = fence
        self.attempt = attempt
        self.visibleUntil = visibleUntil
        self.visibilityTimeoutMilliseconds = visibilityTimeoutMilliseconds
        self.leaseEnds = leaseEnds
        self.durationMinutes = durationMinutes
        self.isolation = isolation
        self.network = network
        self.title = title
        self.command = command
        self.environment = environment
        self.stdin = stdin
        self.inputs = inputs
        self.outputs = outputs
        self.resources = resources
        self.trace = trace
        self.audit = audit
    }
}
