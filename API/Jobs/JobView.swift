internal import Bytes
internal import Domain
internal import Store

/// A job as its owner reads it.
enum JobView {
    /// What a submission is answered with.
    static func accepted(_ accepted: AcceptedJob, now: Int64) -> JSON {
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

    /// A line of a list.
    static func summary(_ job: Job) -> [JSON.Member] {
        var members: [JSON.Member] = [
            .init("id", .string(job.id.text)),
            .init("name", .string(job.title)),
            .init("status", .string(job.state.shown)),
            .init("type", .string(job.kind.rawValue)),
            .init("queue", .string(job.queue)),
            .init("priority", JSON(job.priority)),
            .init("created_at", .string(RFC3339.format(job.createdAt))),
            .init("attempt", JSON(job.attempt)),
        ]
        if let percent = job.percent { members.append(.init("percent", JSON(percent))) }
        if let message = job.message { members.append(.init("message", .string(message))) }
        if let reason = job.ending?.reason { members.append(.init("reason", .string(reason))) }
        if let ended = job.ending?.endedAt { members.append(.init("ended_at", .string(RFC3339.format(ended)))) }
        return members
    }

    /// Everything about one job.
    static func whole(_ job: Job, requirement: Requirement?, attempts: [Attempt], pending: String?) -> JSON {
        let spec = JobSpec(job.spec)
        var members = summary(job)
        members += [
            .init("description", .optional(spec.description)),
            .init("command", spec.command.map { .array($0.map(JSON.string)) } ?? .null),
            .init("env", .object(spec.environment)),
            .init("outputs", .array(spec.outputs.map(JSON.string))),
            .init("max_attempts", JSON(job.maxAttempts)),
            .init("losses", JSON(job.losses)),
            .init("attempts", .array(attempts.map(attempt))),
            .init("price", price(job)),
            .init("result", result(job)),
            .init("error", .optional(job.ending?.error)),
            .init("pending_reason", .optional(pending)),
        ]
        if let need = requirement {
            members.append(.init("duration_minutes", JSON(need.minutes)))
            members.append(.init("isolation", .string(need.isolation.rawValue)))
            members.append(.init("resources", resources(need)))
        }
        if let runAt = job.runAt { members.append(.init("run_at", .string(RFC3339.format(runAt)))) }
        if let until = job.visibleUntil { members.append(.init("visible_until", .string(RFC3339.format(until)))) }
        return .object(members)
    }

    static func resources(_ need: Requirement) -> JSON {
        [
            "cpu_cores": .decimal(thousandths: need.milliCores),
            // Kept in whole MiB: to the nearest hundredth it is what was asked.
            "memory_gb": .decimal(thousandths: (need.memoryMiB * 1_048_576 + 5_000_000) / 10_000_000 * 10),
            "gpu": JSON(need.gpus),
            "labels": .array(need.labels.map(JSON.string)),
        ]
    }

    private static func attempt(_ attempt: Attempt) -> JSON {
        [
            "attempt": JSON(attempt.attempt),
            "fence": JSON(attempt.fence),
            "worker_id": .optional(attempt.worker?.text),
            "outcome": .optional(attempt.outcome),
            "started_at": .optional(attempt.startedAt.map(RFC3339.format)),
            "ended_at": .optional(attempt.endedAt.map(RFC3339.format)),
            "exit_code": attempt.exitCode.map { JSON($0) } ?? .null,
            "error": .optional(attempt.error),
        ]
    }

    private static func price(_ job: Job) -> JSON {
        guard let most = job.maxPrice else { return .null }
        return [
            "max_usdt": .string(Money.decimal(most)),
            "usdt_per_hour": .optional(job.hourlyPrice.map { Money.decimal($0) }),
            "paid_usdt": .string(Money.decimal(job.paid)),
        ]
    }

    private static func result(_ job: Job) -> JSON {
        guard let ending = job.ending, job.state != .cancelled else { return .null }
        return [
            "exit_code": ending.exitCode.map { JSON($0) } ?? .null,
            "output": .optional(ending.output),
            "duration_ms": ending.durationMilliseconds.map { JSON($0) } ?? .null,
        ]
    }
}

extension JSON {
    static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

    /// 2500 as `2.5`.
    static func decimal(thousandths: Int64) -> JSON { .number(Money.decimal(thousandths, decimals: 3)) }
}
