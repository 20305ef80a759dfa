package import Bytes

/// What a machine offers, or what a job needs of one (CONTRACT 4).
package struct Capacity: Sendable, Equatable {
    /// Cores, 0–4,096.
    package var cpuCores: Double
    /// GB of 10^9 bytes, 0–65,536.
    package var memoryGB: Double
    /// Devices, 0–1,024.
    package var gpu: Int
    /// A job's labels must all be among the machine's.
    package var labels: [String]
    /// The strongest isolation the machine has shown to work. `nil`: not said, which counts as `sandbox`.
    package var isolation: Isolation?

    package init(
        cpuCores: Double = 1, memoryGB: Double = 1, gpu: Int = 0, labels: [String] = [], isolation: Isolation? = nil
    ) {
        self.cpuCores = cpuCores
        self.memoryGB = memoryGB
        self.gpu = gpu
        self.labels = labels
        self.isolation = isolation
    }

    /// A request's capacity: no other fields.
    package init(_ fields: Fields) throws(FieldError) {
        var rest = fields
        try self.init(reading: &rest)
        try rest.end()
    }

    /// `amount`: cores and GB where they are not said.
    init(reading fields: inout Fields, orElse amount: Double = 1) throws(FieldError) {
        self.cpuCores = try fields.double("cpu_cores", in: 0...4_096, default: amount)
        self.memoryGB = try fields.double("memory_gb", in: 0...65_536, default: amount)
        self.gpu = try fields.int("gpu", in: 0...1_024, default: 0)
        self.labels = try fields.optionalNames("labels", bytes: WireLimits.labelBytes) ?? []
        let saysIsolation = try fields.optionalString("isolation") != nil
        self.isolation = saysIsolation ? try fields.choice("isolation", as: Isolation.self) : nil
    }

    package var json: JSON {
        object([
            ("cpu_cores", JSON(cpuCores)), ("memory_gb", JSON(memoryGB)), ("gpu", JSON(gpu)), ("labels", list(labels)),
            ("isolation", isolation.map { .string($0.rawValue) }),
        ])
    }
}
