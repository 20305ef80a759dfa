/// Bodies of the jobs API, for the OpenAPI document.
enum JobSchema {
    static let request = Schema.named(
        "JobRequest",
        .object(
            .required("title", .string(1...255)), .optional("description", .string(0...1_024)),
            .optional("type", .choice("compute", "manual"), "`compute` with a command, else `manual`."),
            .optional(
                "command", .either([.array(.string(), 1...1_000), .string(1...65_536)]),
                "Words of a command, or one line for /bin/sh -c."),
            .optional("env", .map(.string())), .optional("stdin", .string()),
            .optional(
                "inputs",
                .array(
                    .object(
                        .required("path", .string(1...512)), .optional("content_base64", .string()),
                        .optional("artifact", .string(), "`sha256:<hex>` of an upload, or `<job id>/<path>`.")),
                    0...256)),
            .optional("outputs", .array(.string(1...512), 0...256), "Files to keep."),
            .optional("resources", resources), .optional("duration_minutes", .integer(1...1_440), "The run limit."),
            .optional("max_price_usdt", .either([.number, .string()])), .optional("queue", .string(1...64)),
            .optional("priority", .integer(0...9), "Higher first."), .optional("max_attempts", .integer(1...100)),
            .optional(
                "backoff",
                .object(
                    .optional("initial_ms", .integer(0...86_400_000)), .optional("factor", .number),
                    .optional("max_ms", .integer(0...86_400_000)))),
            .optional("run_at", .instant), .optional("depends_on", .array(.string(format: "uuid"), 0...100)),
            .optional("isolation", .choice("none", "sandbox", "vm"))))

    static let resources = Schema.object(
        .optional("cpu_cores", .number), .optional("memory_gb", .number), .optional("gpu", .integer(0...1_024)),
        .optional("labels", .array(.string(1...64), 0...64)))

    private static let status = Schema.choice("blocked", "pending", "running", "completed", "failed", "cancelled")

    static let summary = Schema.named("Job", .record(summaryProperties))

    private static let summaryProperties: [Schema.Property] = [
        .required("id", .string(format: "uuid")), .required("name", .string()), .required("status", status),
        .required("type", .string()), .required("queue", .string()), .required("priority", .integer(0...9)),
        .required("created_at", .instant), .optional("attempt", .integer(0 ... .max)),
        .optional("run_at", .instant), .optional("percent", .integer(0...100)), .optional("message", .string()),
        .optional("reason", .string()), .optional("ended_at", .instant),
    ]

    static let whole = Schema.named(
        "JobDetails",
        .record(
            summaryProperties + [
                .required("description", .nullable(.string())),
                .required("command", .nullable(.array(.string()))), .required("env", .map(.string())),
                .required("outputs", .array(.string())), .required("max_attempts", .integer(1...100)),
                .required("losses", .integer(0 ... .max), "Leases lost to the infrastructure."),
                .required("attempts", .array(attempt)), .required("price", .nullable(price)),
                .required("result", .nullable(.anyObject)), .required("error", .nullable(.string())),
                .required("pending_reason", .nullable(.string())),
                .optional("duration_minutes", .integer(1...1_440)),
                .optional("isolation", .choice("none", "sandbox", "vm")), .optional("resources", resources),
                .optional("visible_until", .instant),
            ]))

    private static let price = Schema.object(
        .required("max_usdt", .string(), "The most that all attempts together pay, a decimal."),
        .required("usdt_per_hour", .nullable(.string()), "Of the attempt that runs, fixed at its claim."),
        .required("paid_usdt", .string(), "By the attempts that have ended."))

    private static let attempt = Schema.object(
        .required("attempt", .integer(0 ... .max)), .required("fence", .integer(0 ... .max)),
        .required("worker_id", .nullable(.string())), .required("outcome", .nullable(.string())),
        .required("started_at", .nullable(.instant)), .required("ended_at", .nullable(.instant)),
        .required("exit_code", .nullable(.integer())), .required("error", .nullable(.string())))
}
