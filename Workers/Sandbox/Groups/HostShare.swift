/// The part of the machine that all of a daemon's jobs together may use.
package struct HostShare: Sendable, Equatable {
    /// Of all cores' time, 1–100.
    package let cpuPercent: Int
    /// Of the machine's memory, 1–100; `nil`: no share is set.
    package let memoryPercent: Int?

    /// What lies outside 1–100 is brought to its nearer end.
    package init(cpuPercent: Int, memoryPercent: Int? = nil) {
        self.cpuPercent = min(max(cpuPercent, 1), 100)
        self.memoryPercent = memoryPercent.map { min(max($0, 1), 100) }
    }

    package static let whole = HostShare(cpuPercent: 100)
}
