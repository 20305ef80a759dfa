/// The share of the machine that all jobs of a daemon may use together.
package struct HostShare: Sendable, Equatable {
    /// Percent of all cores' time, 1–100.
    package let cpuPercent: Int
    /// Percent of the machine's memory, 1–100; `nil`: unlimited.
    package let memoryPercent: Int?
    /// Millions of bytes a second that are read on the state folder's disk, and as many written, 1–100,000; `nil`:
    /// unlimited.
    package let diskMegabytes: Int?

    /// Values are clamped to their ranges.
    package init(cpuPercent: Int, memoryPercent: Int? = nil, diskMegabytes: Int? = nil) {
        self.cpuPercent = min(max(cpuPercent, 1), 100)
        self.memoryPercent = memoryPercent.map { min(max($0, 1), 100) }
        self.diskMegabytes = diskMegabytes.map { min(max($0, 1), 100_000) }
    }

    package static let whole = HostShare(cpuPercent: 100)
}
