/// How much one owner may have, by the operator's will.
package struct OwnerQuotas: Sendable, Equatable {
    /// Bytes of files, unpacked: those that its jobs brought forth, and its uploads (`HATCHFARM_STORED_GB`). What is
    /// counted a second later may go beyond.
    package var storedBytes: Int64 = .max
    /// Registered machines (`HATCHFARM_MACHINES`).
    package var machines: Int64 = .max

    package init() {}

    /// - Parameter gigabytes: 10⁹ bytes each; 0: as many as there is room for.
    package init(gigabytes: Int, machines: Int) {
        let (bytes, isOver) = Int64(clamping: gigabytes).multipliedReportingOverflow(by: 1_000_000_000)
        storedBytes = gigabytes < 1 || isOver ? .max : bytes
        self.machines = Int64(clamping: machines)
    }
}
