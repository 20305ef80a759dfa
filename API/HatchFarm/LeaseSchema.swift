internal import Bytes
internal import Domain
internal import Wire

/// Bodies and answers of the workers' calls, for the OpenAPI document.
enum LeaseSchema {
    private static let token = Schema.string(WireLimits.tokenBytes)
    private static let traceparent = Schema.string(55...55)
    private static let milliseconds = Schema.integer(WireLimits.visibilityMilliseconds)
    private static let isolation = Schema.choice(Isolation.self)
    private static let job = Schema.string(WireLimits.identifierBytes)
    private static let kind = Schema.options(ClaimRequest.claimableKinds.map(\.rawValue))

    private static func absentOrNull(_ name: String, _ schema: Schema, _ note: String? = nil) -> Schema.Property {
        .optional(name, .nullable(schema), note)
    }

    static let capacity = Schema.object(
        absentOrNull("cpu_cores", .number), absentOrNull("memory_gb", .number),
        absentOrNull("gpu", .integer(WireLimits.gpus)),
        absentOrNull("labels", labels), absentOrNull("isolation", isolation))

    static let labels = Schema.array(.string(WireLimits.labelCharacters), WireLimits.namesInList)

    static let claim = Schema.object(
        .required("limit", .integer(WireLimits.claimed)), absentOrNull("visibility_timeout_ms", milliseconds),
        absentOrNull("wait_ms", .integer(WireLimits.waitMilliseconds)),
        absentOrNull("kinds", .array(kind, WireLimits.namesInList)),
        absentOrNull("queues", .array(.string(WireLimits.identifierBytes), WireLimits.namesInList)),
        absentOrNull("capacity", capacity),
        absentOrNull("request_id", .string(WireLimits.identifierBytes), "The same again gets the same claim.")
    ).read(by: ClaimRequest.init)

    static let extend = Schema.object(.required("claim_token", token), .required("extension_ms", milliseconds)).read(
        by: ExtendRequest.init)

    static let extendMany = Schema.object(
        .required(
            "leases",
            .array(
                .object(
                    .required("job_id", job), .required("claim_token", token),
                    .required("extension_ms", milliseconds)), WireLimits.leasesInBatch))
    ).read(by: ExtendBatch.init)

    static let progress = Schema.object(
        .required("claim_token", token), absentOrNull("percent", .number),
        absentOrNull("message", .string(WireLimits.messageBytes)),
        absentOrNull("log", .string(WireLimits.logBytes)),
        absentOrNull("log_base64", .string(), "Instead of `log`, when its bytes are not UTF-8."),
        absentOrNull(
            "log_offset", .integer(WireLimits.logOffset),
            "Bytes of this attempt's log before `log`: known ones are dropped.")
    ).read(by: ProgressReport.init)

    static let release = Schema.object(
        .required("claim_token", token),
        absentOrNull("reason", .string(WireLimits.messageBytes), "Shown with the attempt."),
        absentOrNull("lost", .boolean, "The worker was killed: counts as a lease that ran out, at once.")
    ).read(by: ReleaseRequest.init)

    private static let resultProperties: [Schema.Property] = [
        .required("claim_token", token), .required("status", .choice(Outcome.Status.self)),
        absentOrNull("exit_code", .integer(WireLimits.exitCode)),
        absentOrNull("output", .string(WireLimits.outputBytes)),
        absentOrNull("error", .string(WireLimits.errorBytes)), absentOrNull("report", .anyObject),
        .required("executed_at", .instant), .required("duration_ms", .integer(WireLimits.durationMilliseconds)),
        absentOrNull("traceparent", .string(WireLimits.traceparentBytes), "Logged with the result."),
    ]

    static let result = Schema.record(resultProperties).read { json throws(FieldError) in try ResultReport(json) }

    static let results = Schema.object(
        .required("results", .array(.record([.required("job_id", job)] + resultProperties), WireLimits.resultsInBatch))
    ).read(by: ResultsBatch.init)
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
                        .required("kind", kind),
                        .required("queue", .string(1...64)),
                        .required("claim_token", token, "Secret: whoever shows it speaks for the job."),
                        .required("fence", .integer(1 ... .max), "Grows with every grant of the job."),
                        .required("attempt", .integer(1 ... .max)), .required("visible_until", .instant),
                        .required("visibility_timeout_ms", milliseconds),
                        .required("lease_ends", .instant, "No extension goes beyond it."),
                        .required("duration_minutes", .integer(WireLimits.jobMinutes), "The run limit."),
                        .required("isolation", isolation),
                        .required("network", .boolean, "As the worker's policy says."),
                        .required("title", .string()),
                        .required("command", .array(.string())), .required("env", .map(.string())),
                        .required("stdin", .nullable(.string())), .required("inputs", .array(input)),
                        .required("outputs", .array(.string()), "Files to keep."),
                        .optional("stdin_base64", .string(), "Instead of `stdin`: bytes that are no UTF-8."),
                        .required("resources", JobShapes.resources.schema),
                        .optional("traceparent", traceparent, "The trace that it was submitted in."),
                        .optional("audit", audit, "Of an audit: what to test. Its command is empty."))), 0...100)))

    private static let audit = Schema.object(
        .required("repo_url", .string(WireLimits.repositoryBytes)),
        .required("branch", .nullable(.string(WireLimits.branchBytes)), "null: the remote's default branch."),
        .required("tests", .string(WireLimits.testsBytes), "Run by /bin/sh in the root of the branch."))

    private static let input = Schema.object(
        .required("path", .string(1...512)), .required("size", .integer(0 ... .max)),
        .required("sha256", .string(64...64)))

    static let lease = Schema.object(
        .required("job_id", .string()), .required("status", .choice(LeaseStatus.State.self)),
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
