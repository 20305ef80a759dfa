internal import Bytes
internal import Domain
internal import Wire

extension Domain.PolicyRules {
    static let schema = Schema.named(
        "PolicyRules",
        .object(
            .required("max_cpu_percent", .integer(1...100)),
            .optional("max_memory_percent", .nullable(.integer(1...100))),
            .optional("max_gpu_percent", .nullable(.integer(0...100)), "0: no GPU."),
            .optional("timezone", .nullable(.string(1...64)), "A name of the IANA time zone database; absent: UTC."),
            .optional(
                "allowed_hours", .nullable(.array(.integer(0...23), 0...24)),
                "When jobs may be claimed, by `timezone`. Absent: always."),
            .optional(
                "max_job_minutes", .nullable(.integer(1...Int64(Wire.PolicyRules.longestJob))), "Absent: no limit."),
            .optional("network", .nullable(.boolean), "Whether jobs get a network. Absent: no."),
            .optional("isolation", .nullable(.choice(Domain.Isolation.self)), "The weakest that a job may ask for.")))

    /// What the wire said, in the domain's words.
    init(_ fields: Fields) throws(FieldError) {
        let rules = try Wire.PolicyRules(fields)
        self.init(maxCPUPercent: Int64(rules.maxCPUPercent))
        maxMemoryPercent = rules.maxMemoryPercent.map { Int64($0) }
        maxGPUPercent = rules.maxGPUPercent.map { Int64($0) }
        timezone = rules.timezone
        allowedHours = rules.allowedHours?.map { Int64($0) }
        maxJobMinutes = rules.maxJobMinutes.map { Int64($0) }
        network = rules.network
        isolation = rules.isolation.flatMap { Domain.Isolation(rawValue: $0.rawValue) }
    }
}
