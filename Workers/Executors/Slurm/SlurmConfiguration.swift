internal import Bytes
package import Domain

/// How a worker offers a partition of a Slurm cluster.
package struct SlurmConfiguration: Sendable {
    package var partition: String
    /// The cluster's accounting account; `nil`: the user's default account.
    package var account: String?
    /// Further arguments for `sbatch`, such as `--qos=low`. Set by the provider, and passed on unchanged.
    package var extraArguments: [String]
    /// An absolute path that all nodes share under the same name. The worker creates its own folder in it.
    package var folder: String
    /// Part of its jobs' names in Slurm's queue, so that a later run of the same worker recognizes them.
    package var workerID: MachineID
    /// How often running jobs are polled, in milliseconds, at least 100.
    package var pollMilliseconds: Int64
    /// How long a job may wait in Slurm's queue before it is released to the server.
    package var waitLimitMilliseconds: Int64
    /// `SLURM_CONF`; `nil`: Slurm's default location.
    package var configurationFile: String?
    /// The search path for Slurm's programs, as in `PATH`.
    package var searchPath: String
    /// Run jobs that need no isolation on nodes that can't provide any.
    package var allowsUnsandboxed: Bool

    package static let defaultSearchPath = "/usr/bin:/bin:/usr/local/bin:/opt/slurm/bin"

    package init(
        partition: String, account: String? = nil, extraArguments: [String] = [], folder: String, workerID: MachineID,
        pollMilliseconds: Int64 = 1_000, waitLimitMilliseconds: Int64 = 300_000, configurationFile: String? = nil,
        searchPath: String = defaultSearchPath, allowsUnsandboxed: Bool = false
    ) {
        self.partition = partition
        self.account = account
        self.extraArguments = extraArguments
        self.folder = folder
        self.workerID = workerID
        self.pollMilliseconds = max(100, pollMilliseconds)
        self.waitLimitMilliseconds = max(0, waitLimitMilliseconds)
        self.configurationFile = configurationFile
        self.searchPath = searchPath
        self.allowsUnsandboxed = allowsUnsandboxed
    }

    /// The prefix of this worker's job names in Slurm's queue.
    var jobNamePrefix: String { "hatchfarm-\(safeWorkerID)-" }

    /// One per worker, so that no other worker takes its jobs' folders for leftovers.
    var stateFolder: String { "\(folder)/\(safeWorkerID)" }

    /// The id itself if it is safe in job and folder names, else its hash.
    private var safeWorkerID: String {
        let id = workerID.text
        let isPlain = id.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        return isPlain && (1...64).contains(id.utf8.count) ? id : SHA256.hex(id)
    }

    /// What is wrong with the folder's name, for people. `sbatch` expands `%` and `\`.
    var folderProblem: String? {
        if !folder.hasPrefix("/") { return "the Slurm folder \(folder) is not an absolute path" }
        let isUnsafe = folder.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") }
        return isUnsafe ? "the Slurm folder's name contains %, \\ or a control character: choose another" : nil
    }

    /// The whole environment of Slurm's programs: `sbatch` would read options from other variables.
    var environment: [String: String] {
        var variables = ["PATH": searchPath, "LC_ALL": "C.UTF-8", "SLURM_TIME_FORMAT": "%s"]
        variables["SLURM_CONF"] = configurationFile
        return variables
    }
}
