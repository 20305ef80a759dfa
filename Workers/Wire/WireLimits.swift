/// The limits of the worker protocol (CONTRACT 4, 5), for both ends and for the OpenAPI document.
package enum WireLimits {
    package static let claimed = 1...100
    package static let waitMilliseconds = 0...20_000
    /// One second to twelve hours, the maximum of a lease.
    package static let visibilityMilliseconds = 1_000...43_200_000
    package static let leasesInBatch = 1...1_000
    package static let resultsInBatch = 1...100
    package static let percent = 0.0...100.0
    package static let exitCode = Int(Int32.min)...Int(Int32.max)
    /// At most a year: a report's duration is informational.
    package static let durationMilliseconds = 0...31_536_000_000
    package static let nextHeartbeatMilliseconds = 100...3_600_000

    package static let cpuCores = 0.0...4_096.0
    /// GB of 10^9 bytes.
    package static let memoryGB = 0.0...65_536.0
    package static let gpus = 0...1_024
    /// A job's time limit; a lease lasts twelve hours at most.
    package static let jobMinutes = 1...720
    /// A policy's limit for a job: up to a year.
    package static let policyMinutes = 1...525_600

    /// Unicode scalars.
    package static let machineNameCharacters = 1...128
    package static let labelCharacters = 1...64
    package static let timestampCharacters = 1...64
    /// Of a nonce, a signature, and ids in the control plane's requests.
    package static let wordCharacters = 1...128

    /// Bytes of UTF-8.
    package static let identifierBytes = 1...128
    package static let tokenBytes = 1...256
    package static let traceparentBytes = 1...512
    package static let messageBytes = 0...1_024
    package static let logBytes = 0...262_144
    /// A TiB: 4 MiB of a log are kept, but a job may write more.
    package static let logOffset = 0...(1 << 40)
    package static let errorBytes = 0...65_536
    package static let outputBytes = 0...1_048_576
    /// Of an audit: its repository's URL, its branch, its test command.
    package static let repositoryBytes = 1...2_048
    package static let branchBytes = 1...255
    package static let testsBytes = 1...10_000
    /// Of an audit's report.
    package static let reportLogBytes = 0...65_536
    /// A heartbeat's metrics as compact JSON.
    package static let metricsBytes = 0...65_536
    /// One artifact, decoded.
    package static let artifactBytes = 64 << 20

    /// Names in one list: kinds, queues, labels.
    package static let namesInList = 0...64
}
