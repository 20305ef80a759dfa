package import Bytes
package import Domain

extension PolicyRules {
    /// - Throws: also for unknown rules.
    package init(_ json: JSON) throws(FieldError) {
        try self.init(Fields(json))
    }

    package init(_ fields: Fields) throws(FieldError) {
        var fields = fields
        self.init(maxCPUPercent: Int64(try fields.int("max_cpu_percent", in: 1...100)))
        maxMemoryPercent = try fields.optionalInt("max_memory_percent", in: 1...100).map { Int64($0) }
        maxGPUPercent = try fields.optionalInt("max_gpu_percent", in: 0...100).map { Int64($0) }
        timezone = try fields.optionalString("timezone")
        if let timezone, Zone(timezone) == nil {
            throw fields.error("timezone", .invalid("must be an IANA time zone name, for example Europe/Zurich"))
        }
        allowedHours = try Self.hours(&fields)
        maxJobMinutes = try fields.optionalInt("max_job_minutes", in: WireLimits.policyMinutes).map { Int64($0) }
        network = try fields.optionalBool("network")
        isolation = try fields.optionalChoice("isolation", as: Isolation.self)
        try fields.end()
    }

    private static func hours(_ fields: inout Fields) throws(FieldError) -> [Int64]? {
        guard let values = try fields.optionalArray("allowed_hours") else { return nil }
        let hours = values.compactMap(\.int)
        guard hours.count == values.count, hours.count <= 24, hours.allSatisfy({ 0...23 ~= $0 }) else {
            throw fields.error("allowed_hours", .invalid("must be at most 24 integers from 0 to 23"))
        }
        return hours
    }

    /// Whether jobs may run at this instant, milliseconds since 1970.
    package func allowsJobs(at instant: Int64) -> Bool {
        guard let allowedHours else { return true }
        let zone = timezone.flatMap(Zone.init) ?? .utc
        return allowedHours.contains(Int64(zone.hour(at: instant)))
    }
}
