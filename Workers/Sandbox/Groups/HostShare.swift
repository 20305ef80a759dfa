/// The share of the machine that all jobs of a daemon may use together.
package struct HostShare: Sendable, Equatable {
    /// Percent of all cores' time, 1–100.
    package let cpuPercent: Int
    /// Percent of the machine's memory, 1–100; `nil`: unlimited.
    package let memoryPercent: Int?

    /// Values are clamped to 1–100.
    package init(cpuPercent: Int, memoryPercent: Int? = nil) {
        self.cpuPercent = min(max(cpuPercent, 1), 100)
        self.memoryPercent = memoryPercent.map { min(max($0, 1), 100) }
    }

    package static let whole = HostShare(cpuPercent: 100)
}
