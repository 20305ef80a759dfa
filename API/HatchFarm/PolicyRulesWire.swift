internal import Bytes
internal import Domain
internal import Wire

extension PolicyRules {
    static let schema = Schema.named(
        "PolicyRules",
        .object(
            .required("max_cpu_percent", .integer(1...100)),
            .optional("max_memory_percent", .nullable(.integer(1...100))),
            .optional("max_gpu_percent", .nullable(.integer(0...100)), "Of a machine's GPUs, rounded down; 0: none."),
            .optional("timezone", .nullable(.string(1...64)), "A name of the IANA time zone database; absent: UTC."),
            .optional(
                "allowed_hours", .nullable(.array(.integer(0...23), 0...24)),
                "When jobs may be claimed, by `timezone`. Absent: always."),
            .optional(
                "max_job_minutes", .nullable(.integer(WireLimits.policyMinutes)), "Absent: no limit."),
            .optional("network", .nullable(.boolean), "Whether jobs get a network. Absent: no."),
            .optional("isolation", .nullable(.choice(Isolation.self)), "The weakest that a job may ask for.")))
}
