internal import Bytes

/// Bodies and answers of the workers' calls, for the OpenAPI document.
enum LeaseSchema {
    private static let token = Schema.string(1...256)
    private static let milliseconds = Schema.integer(1_000...43_200_000)
    private static let isolation = Schema.choice("none", "sandbox", "vm")
    private static let job = Schema.string(1...128)

    static let capacity = Schema.object(
        .optional("cpu_cores", .number), .optional("memory_gb", .number), .optional("gpu", .integer(0...1_024)),
        .optional("labels", .array(.string(1...64), 0...64)), .optional("isolation", isolation))

    static let claim = Schema.object(
        .required("limit", .integer(1...100)), .optional("visibility_timeout_ms", milliseconds),
        .optional("wait_ms", .integer(0...20_000)),
        .optional("kinds", .array(.choice("compute", "device", "audit"), 0...64)),
        .optional("queues", .array(.string(1...128), 0...64)), .optional("capacity", capacity),
        .optional("request_id", .string(1...128), "The same again gets the same claim."))

    static let extend = Schema.object(.required("claim_token", token), .required("extension_ms", milliseconds))

    static let extendMany = Schema.object(
        .required(
            "leases",
            .array(
                .object(
                    .required("job_id", job), .required("claim_token", token),
                    .required("extension_ms", milliseconds)), 1...1_000)))

    static let progress = Schema.object(
        .required("claim_token", token), .optional("percent", .number), .optional("message", .string(0...1_024)),
        .optional("log", .string(0...262_144)),
        .optional(
            "log_offset", .integer(0...(1 << 40)), "Bytes of this attempt's log before `log`: known ones are dropped."))

    static let release = Schema.object(
        .required("claim_token", token), .optional("reason", .string(0...1_024), "Shown with the attempt."),
        .optional("lost", .boolean, "The worker was killed: counts as a lease that ran out, at once."))

    private static let resultProperties: [Schema.Property] = [
        .required("claim_token", token), .required("status", .choice("success", "failure", "timeout")),
        .optional("exit_code", .integer(-2_147_483_648...2_147_483_647)), .optional("output", .string(0...1_048_576)),
        .optional("error", .string(0...65_536)), .optional("report", .anyObject),
        .required("executed_at", .instant), .required("duration_ms", .integer(0...31_536_000_000)),
    ]

    static let result = Schema.record(resultProperties)

    static let results = Schema.object(
        .required("results", .array(.record([.required("job_id", job)] + resultProperties), 1...100)))
}

/// Answers.
extension LeaseSchema {
    static let claimed = Schema.object(
        .required(
            "jobs",
            .array(
                .named(
                    "ClaimedJob",
                    .object(
                        .required("id", .string(format: "uuid")),
                        .required("kind", .choice("compute", "device", "audit")),
                        .required("queue", .string(1...64)),
                        .required("claim_token", token, "Secret: whoever shows it speaks for the job."),
                        .required("fence", .integer(1 ... .max), "Grows with every grant of the job."),
                        .required("attempt", .integer(1 ... .max)), .required("visible_until", .instant),
                        .required("visibility_timeout_ms", milliseconds),
                        .required("lease_ends", .instant, "No extension goes beyond it."),
                        .required("duration_minutes", .integer(1...1_440), "The run limit."),
                        .required("isolation", isolation),
                        .required("network", .boolean, "As the worker's policy says."),
                        .required("title", .string()),
                        .required("command", .array(.string())), .required("env", .map(.string())),
                        .required("stdin", .nullable(.string())), .required("inputs", .array(input)),
                        .required("outputs", .array(.string()), "Files to keep."),
                        .required("resources", JobShapes.resources.schema))), 0...100)))

    private static let input = Schema.object(
        .required("path", .string(1...512)), .required("size", .integer(0 ... .max)),
        .required("sha256", .string(64...64)))

    static let lease = Schema.object(
        .required("job_id", .string()), .required("status", .choice("extended", "lost", "cancelled")),
        .optional("visible_until", .instant, "Of an extended lease."))

    static let leases = Schema.object(.required("leases", .array(lease, 0...1_000)))

    static let accepted = Schema.object(
        .required("job_id", .string()), .required("accepted", .constant(true)),
        .required("status", .choice("pending", "completed", "failed"), "Where the job stands now."),
        .required("attempt", .integer(1 ... .max)), .required("fence", .integer(1 ... .max)),
        .required("paid_usdt", .string(), "What the machine's owner got for the attempt, a decimal."))

    private static let refused = Schema.object(
        .required("job_id", .string()), .required("accepted", .constant(false)), .required("code", .string()),
        .required("error", .string()))

    static let judged = Schema.object(.required("results", .array(.either([accepted, refused]), 0...100)))

    static let stored = Schema.object(
        .required("path", .string(1...512)), .required("size", .integer(0 ... .max)),
        .required("sha256", .string(64...64)))
}
