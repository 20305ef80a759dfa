internal import Bytes
package import Domain

/// What a worker needs to know to offer a partition of a Slurm cluster.
package struct SlurmConfiguration: Sendable {
    package var partition: String
    /// Who pays inside the cluster; `nil`: the user's default account.
    package var account: String?
    /// More words for `sbatch`, as `--qos=low`. The provider's own: they are passed on as they are.
    package var extraArguments: [String]
    /// An absolute path that all nodes see under the same name. The worker makes a folder of its own in it.
    package var folder: String
    /// Its jobs in Slurm's queue carry it in their names, so that a later life of the same worker knows them.
    package var workerID: MachineID
    /// How often all running jobs are looked at, in milliseconds, at least 100.
    package var pollMilliseconds: Int64
    /// How long a job may wait in Slurm's queue before it goes back to the server.
    package var waitLimitMilliseconds: Int64
    /// `SLURM_CONF`; `nil`: Slurm's own place.
    package var configurationFile: String?
    /// Where Slurm's programs are looked for, as in `PATH`.
    package var searchPath: String
    /// Run jobs that ask for no isolation on nodes that can't give any.
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

    /// How the names of this worker's jobs in Slurm's queue begin.
    var jobNamePrefix: String { "hatchfarm-\(safeWorkerID)-" }

    /// The worker's own, so that no other worker takes its jobs' folders for a dead one's.
    var stateFolder: String { "\(folder)/\(safeWorkerID)" }

    /// As it is where it is a plain word, else its hash: it stands in names of jobs and folders.
    private var safeWorkerID: String {
        let id = workerID.text
        let isPlain = id.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        return isPlain && (1...64).contains(id.utf8.count) ? id : SHA256.hex(id)
    }

    /// What is wrong with the folder's name, for people. `sbatch` puts words of its own where a `%` or `\` stands.
    var folderProblem: String? {
        if !folder.hasPrefix("/") { return "the Slurm folder \(folder) is no absolute path" }
        let isOdd = folder.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") }
        return isOdd ? "the Slurm folder's name has a % or \\ or a control character in it: choose another" : nil
    }

    /// All that Slurm's programs get of an environment. `sbatch` would take more options from other variables.
    var environment: [String: String] {
        var variables = ["PATH": searchPath, "LC_ALL": "C.UTF-8", "SLURM_TIME_FORMAT": "%s"]
        variables["SLURM_CONF"] = configurationFile
        return variables
    }
}
