package import Bytes

/// What an owner allows on a machine (CONTRACT 5); the claim honours it and the daemon enforces it.
package struct PolicyRules: Sendable, Equatable {
    /// Of all of the machine's processors together, 1–100.
    package var maxCPUPercent: Int
    /// Of the machine's memory, 1–100; `nil`: all.
    package var maxMemoryPercent: Int?
    /// 0–100; 0: no GPU; `nil`: all.
    package var maxGPUPercent: Int?
    /// A name of the IANA database; `nil`: UTC.
    package var timezone: String?
    /// Hours 0–23 there in which jobs may run; `nil`: all.
    package var allowedHours: [Int]?
    /// 1–525,600; `nil`: no limit.
    package var maxJobMinutes: Int?
    package var network: Bool?
    /// The weakest that a job may ask for.
    package var isolation: Isolation?

    package init(maxCPUPercent: Int) {
        self.maxCPUPercent = maxCPUPercent
    }

    /// A year, in minutes.
    package static let longestJob = 525_600

    /// - Throws: for an unknown rule too.
    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json))
    }

    package init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        maxCPUPercent = try fields.int("max_cpu_percent", in: 1...100)
        maxMemoryPercent = try fields.optionalInt("max_memory_percent", in: 1...100)
        maxGPUPercent = try fields.optionalInt("max_gpu_percent", in: 0...100)
        timezone = try fields.optionalString("timezone")
        if let timezone, Zone(timezone) == nil {
            throw fields.error("timezone", .invalid("must be the name of an IANA time zone, as Europe/Zurich"))
        }
        allowedHours = try Self.hours(&fields)
        maxJobMinutes = try fields.optionalInt("max_job_minutes", in: 1...Self.longestJob)
        network = try fields.optionalBool("network")
        if let word = try fields.optionalString("isolation") {
            guard let isolation = Isolation(rawValue: word) else {
                throw fields.error("isolation", .invalid("must be none, sandbox or vm"))
            }
            self.isolation = isolation
        }
        try fields.end()
    }

    private static func hours(_ fields: inout Fields) throws(FieldError) -> [Int]? {
        guard let values = try fields.optionalArray("allowed_hours") else { return nil }
        let hours = values.compactMap(\.int)
        guard hours.count == values.count, hours.count <= 24, hours.allSatisfy({ 0...23 ~= $0 }) else {
            throw fields.error("allowed_hours", .invalid("must be at most 24 integers from 0 to 23"))
        }
        return hours.map { Int($0) }
    }

    /// Whether jobs may run at this instant, milliseconds since 1970.
    package func isOpen(at instant: Int64) -> Bool {
        guard let allowedHours else { return true }
        let zone = timezone.flatMap(Zone.init) ?? .utc
        return allowedHours.contains(zone.hour(at: instant))
    }
}
