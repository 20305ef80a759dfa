package import Bytes
package import Domain

// JSON uses cores, and GB of 10^9 bytes; the domain uses thousandths of a core, and MiB. Only this file converts them.

extension Capacity {
    /// - Parameters:
    ///   - cpuCores: rounded to thousandths, within `WireLimits.cpuCores`.
    ///   - memoryGB: of 10^9 bytes, rounded to MiB, within `WireLimits.memoryGB`.
    package init(
        cpuCores: Double?, memoryGB: Double?, gpus: Int64 = 0, labels: [String] = [], isolation: Isolation? = nil
    ) {
        self.init(
            milliCores: cpuCores.map(Self.milliCores), memoryMiB: memoryGB.map(Self.memoryMiB), gpus: gpus,
            labels: labels, isolation: isolation)
    }

    /// Thousandths of a core, clamped to the valid range.
    package static func milliCores(_ cores: Double) -> Int64 {
        Int64((clamped(cores, to: WireLimits.cpuCores) * 1_000).rounded())
    }

    /// GB as MiB, clamped to the valid range.
    package static func memoryMiB(_ gigabytes: Double) -> Int64 {
        Int64((clamped(gigabytes, to: WireLimits.memoryGB) * 1e9 / 1_048_576).rounded())
    }

    /// NaN becomes the lower bound.
    private static func clamped(_ value: Double, to range: ClosedRange<Double>) -> Double {
        min(max(range.lowerBound, value), range.upperBound)
    }

    /// Absent members are `nil`; unknown ones are errors.
    package init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        try self.init(reading: &fields)
        try fields.end()
    }

    init(reading fields: inout Fields) throws(FieldError) {
        self.init(
            milliCores: try fields.milliCores("cpu_cores"), memoryMiB: try fields.memoryMiB("memory_gb"),
            gpus: Int64(try fields.int("gpu", in: WireLimits.gpus, default: 0)),
            labels: try fields.labels("labels"),
            isolation: try fields.optionalChoice("isolation", as: Isolation.self))
    }

    /// Lossless: the other end reads the same capacity.
    package var json: JSON {
        object([
            ("cpu_cores", milliCores.map(JSON.cores)), ("memory_gb", memoryMiB.map(JSON.exactGigabytes)),
            ("gpu", JSON(gpus)), ("labels", list(labels)), ("isolation", isolation.map { .string($0.rawValue) }),
        ])
    }
}

extension Fields {
    /// A number of cores, as thousandths.
    package mutating func milliCores(_ key: String) throws(FieldError) -> Int64? {
        try optionalDouble(key, in: WireLimits.cpuCores).map(Capacity.milliCores)
    }

    /// A number of GB, as MiB.
    package mutating func memoryMiB(_ key: String) throws(FieldError) -> Int64? {
        try optionalDouble(key, in: WireLimits.memoryGB).map(Capacity.memoryMiB)
    }

    fileprivate mutating func labels(_ key: String) throws(FieldError) -> [String] {
        let labels = try strings(key, default: [])
        guard WireLimits.namesInList.contains(labels.count) else {
            throw error(key, .outOfRange("at most \(WireLimits.namesInList.upperBound) labels"))
        }
        for (index, label) in labels.enumerated() where !label.isLabel {
            let bounds = WireLimits.labelCharacters
            throw error(
                "\(key)[\(index)]",
                .invalid("must be \(bounds.lowerBound) to \(bounds.upperBound) printable characters long"))
        }
        return labels
    }
}

extension String {
    /// Whether it is a valid label of a machine: printable characters.
    package var isLabel: Bool {
        WireLimits.labelCharacters.contains(unicodeScalars.count)
            && unicodeScalars.allSatisfy { scalar in
                scalar.properties.generalCategory != .control && scalar != "\u{2028}" && scalar != "\u{2029}"
            }
    }
}

extension JSON {
    /// Thousandths of a core as cores: 2500 as `2.5`.
    package static func cores(_ milliCores: Int64) -> JSON { .number(Money.decimal(milliCores, decimals: 3)) }

    /// MiB as GB, rounded to hundredths: a MiB is coarser than a thousandth, and values given in hundredths are
    /// preserved.
    package static func gigabytes(_ memoryMiB: Int64) -> JSON {
        .number(Money.decimal(UnitPrices.centiGigabytes(memoryMiB), decimals: 2))
    }

    /// MiB as GB, rounded to thousandths, which distinguish one MiB from the next.
    fileprivate static func exactGigabytes(_ memoryMiB: Int64) -> JSON {
        let bytes = min(max(0, memoryMiB), 1 << 40) * 1_048_576
        return .number(Money.decimal((bytes + 500_000) / 1_000_000, decimals: 3))
    }
}
