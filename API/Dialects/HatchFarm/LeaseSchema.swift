/// Bodies of the workers' calls, for the OpenAPI document.
enum LeaseSchema {
    private static let token = Schema.string(1...256)
    private static let milliseconds = Schema.integer(1_000...43_200_000)

    static let capacity = Schema.object(
        .optional("cpu_cores", .number), .optional("memory_gb", .number), .optional("gpu", .integer(0...1_024)),
        .optional("labels", .array(.string(1...64), 0...64)),
        .optional("isolation", .choice("none", "sandbox", "vm")))

    static let claim = Schema.object(
        .required("limit", .integer(1...100)), .optional("visibility_timeout_ms", milliseconds),
        .optional("wait_ms", .integer(0...20_000)), .optional("kinds", .array(.string(1...64), 0...64)),
        .optional("queues", .array(.string(1...64), 0...64)), .optional("capacity", capacity),
        .optional("request_id", .string(1...128), "The same again gets the same claim."))

    static let extend = Schema.object(.required("claim_token", token), .required("extension_ms", milliseconds))

    static let extendMany = Schema.object(
        .required(
            "leases",
            .array(
                .object(
                    .required("job_id", .string(1...128)), .required("claim_token", token),
                    .required("extension_ms", milliseconds)), 1...1_000)))

    static let progress = Schema.object(
        .required("claim_token", token), .optional("percent", .number), .optional("message", .string(0...1_024)),
        .optional("log", .string(0...262_144)))

    static let release = Schema.object(.required("claim_token", token), .optional("reason", .string(0...1_024)))

    private static let resultProperties: [Schema.Property] = [
        .required("claim_token", token), .required("status", .choice("success", "failure", "timeout")),
        .optional("exit_code", .integer(-2_147_483_648...2_147_483_647)), .optional("output", .string(0...1_048_576)),
        .optional("error", .string(0...65_536)), .optional("report", .anyObject),
        .required("executed_at", .instant), .required("duration_ms", .integer(0...31_536_000_000)),
    ]

    static let result = Schema.record(resultProperties)

    static let results = Schema.object(
        .required(
            "results", .array(.record([.required("job_id", .string(1...128))] + resultProperties), 1...100)))
}
