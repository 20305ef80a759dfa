internal import Bytes
internal import Domain
internal import Store

/// A job as its owner reads it.
enum JobShapes {
    /// A line of a list.
    static let summary = Shape<Job>("Job") {
        field("id", .id(format: "uuid")) { $0.id }
        field("name", .string) { $0.title }
        field("status", .choice(of: JobState.shownStates)) { $0.state.shownState }
        field("type", .choice) { $0.kind }
        field("queue", .string) { $0.queue }
        field("priority", .integer(0...9)) { $0.priority }
        field("created_at", .instant) { $0.createdAt }
        optionalField("attempt", .integer(0...Int64.max)) { $0.attempt }
        optionalField("percent", .integer(0...100)) { $0.percent }
        optionalField("message", .string) { $0.message }
        optionalField("reason", .string) { $0.ending?.reason }
        optionalField("ended_at", .instant) { $0.ending?.endedAt }
    }

    static let details = Shape<JobDetails>("JobDetails") {
        summary.at(\.job)
        field("description", .nullable(.string)) { $0.spec.description }
        field("command", .nullable(.array(.string))) { $0.spec.command }
        field("env", Shape<[JSON.Member]>(.map(.string())) { $1.json(.object($0)) }) { $0.spec.environment }
        field("outputs", .array(.string)) { $0.spec.outputs }
        field("max_attempts", .integer(1...100)) { $0.job.maxAttempts }
        field("losses", .integer(0...Int64.max), "Leases lost to the infrastructure.") { $0.job.losses }
        field("attempts", .array(attempt)) { $0.attempts }
        field("price", .nullable(price)) { $0.job.maxPrice == nil ? nil : $0.job }
        field("result", .nullable(result)) { $0.job.state == .cancelled ? nil : $0.job.ending }
        field("error", .nullable(.string)) { $0.job.ending?.error }
        field("pending_reason", .nullable(.string)) { $0.pendingReason }
        optionalField("duration_minutes", JobLimits.minutes) { $0.requirement?.minutes }
        optionalField("isolation", .choice) { $0.requirement?.isolation }
        optionalField("resources", resources) { $0.requirement }
        optionalField("run_at", .instant) { $0.job.runAt }
        optionalField("visible_until", .instant) { $0.job.visibleUntil }
    }

    static let resources = Shape<Requirement> {
        field("cpu_cores", .cores) { $0.milliCores }
        field("memory_gb", .gigabytes) { $0.memoryMiB }
        field("gpu", .integer(0...1_024)) { $0.gpus }
        field("labels", .array(.string)) { $0.labels }
    }

    private static let attempt = Shape<Attempt> {
        field("attempt", .integer(0...Int64.max)) { $0.attempt }
        field("fence", .integer(0...Int64.max)) { $0.fence }
        field("worker_id", .nullable(.id())) { $0.worker }
        field("outcome", .nullable(.string)) { $0.outcome }
        field("started_at", .nullable(.instant)) { $0.startedAt }
        field("ended_at", .nullable(.instant)) { $0.endedAt }
        field("exit_code", .nullable(.integer)) { $0.exitCode }
        field("error", .nullable(.string)) { $0.error }
    }

    private static let price = Shape<Job> {
        field("max_usdt", .decimal(), "The most that all attempts together pay, a decimal.") { $0.maxPrice ?? 0 }
        field("usdt_per_hour", .nullable(.decimal()), "Of the attempt that runs, fixed at its claim.") {
            $0.hourlyPrice
        }
        field("paid_usdt", .decimal(), "By the attempts that have ended.") { $0.paid }
    }

    private static let result = Shape<Job.Ending> {
        field("exit_code", .nullable(.integer)) { $0.exitCode }
        field("output", .nullable(.string)) { $0.output }
        field("duration_ms", .nullable(.integer)) { $0.durationMilliseconds }
    }

    static let submitted = Shape<(accepted: AcceptedJob, now: Int64)>("SubmittedJob") {
        field("id", .id(format: "uuid")) { $0.accepted.id }
        field("name", .string) { $0.accepted.job.title }
        field("status", .choice(of: JobState.shownStates)) { $0.accepted.state.shownState }
        field("type", .choice) { $0.accepted.job.requirement.kind }
        field("queue", .string) { $0.accepted.job.requirement.queue }
        field("priority", .integer(0...9)) { $0.accepted.job.requirement.priority }
        field("created_at", .instant) { $0.now }
        optionalField("run_at", .instant) { $0.accepted.job.runAt }
        optionalField("reason", .string) { $0.accepted.state == .cancelled ? "dependency" : nil }
    }

    /// What a submission is answered with: as `submitted`, in canonical JSON, so that the body's own hash is its tag.
    /// It is asked for thousands of times a second, so it is written by hand (`JobShapeTests` holds both together).
    static func canonical(_ accepted: AcceptedJob, now: Int64) -> JSON {
        let job = accepted.job
        let need = job.requirement
        var members: [JSON.Member] = [
            .init("id", .string(accepted.id.text)),
            .init("name", .string(job.title)),
            .init("status", .string(accepted.state.shown)),
            .init("type", .string(need.kind.rawValue)),
            .init("queue", .string(need.queue)),
            .init("priority", JSON(need.priority)),
            .init("created_at", .string(RFC3339.format(now))),
        ]
        if let runAt = job.runAt { members.append(.init("run_at", .string(RFC3339.format(runAt)))) }
        if accepted.state == .cancelled { members.append(.init("reason", "dependency")) }
        return .object(members)
    }
}

/// Everything about one job.
struct JobDetails: Sendable {
    let job: Job
    let spec: JobSpec
    /// nil when its class is gone.
    let requirement: Requirement?
    let attempts: [Attempt]
    /// Why it waits; nil when it doesn't.
    var pendingReason: String?

    /// Whether nothing keeps it from running but that no machine has claimed it.
    var isClaimable: Bool { job.state == .pending && pendingReason == nil }
}
