/// The bounds of the worker protocol (CONTRACT 4), checked where bodies are read, whichever end reads them.
package enum WireLimits {
    package static let claimed = 1...100
    package static let waitMilliseconds = 0...20_000
    /// One second to twelve hours, the cap of a whole lease.
    package static let visibilityMilliseconds = 1_000...43_200_000
    package static let leasesInBatch = 1...1_000
    package static let resultsInBatch = 1...100
    package static let percent = 0.0...100.0
    package static let exitCode = Int(Int32.min)...Int(Int32.max)
    /// A year: a report's duration only informs, it buys nothing.
    package static let durationMilliseconds = 0...31_536_000_000

    /// Bytes of UTF-8.
    package static let identifierBytes = 1...128
    package static let tokenBytes = 1...256
    package static let labelBytes = 1...64
    package static let messageBytes = 0...1_024
    package static let logBytes = 0...262_144
    /// A TiB: nobody reads on after 4 MiB, but a job may go on talking.
    package static let logOffset = 0...(1 << 40)
    package static let errorBytes = 0...65_536
    package static let outputBytes = 0...1_048_576
    /// One artifact, once decoded.
    package static let artifactBytes = 64 << 20

    /// Names in one list: kinds, queues, labels.
    package static let namesInList = 0...64
}
