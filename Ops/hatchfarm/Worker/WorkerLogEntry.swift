internal import Bytes
internal import Domain
internal import Logging
internal import Runtime
internal import Wire

/// An entry of a worker's log: as text for people, as JSON for programs.
enum WorkerLogEntry: Sendable {
    /// The owner's key is about to sign these rules for the machine.
    case signing(owner: String?, rules: JSON)
    case starting(worker: MachineID, server: String)
    case event(WorkerEvent)
    /// The summary at the end.
    case ended(Earnings)

    var level: Logger.Level {
        switch self {
        case .signing, .starting, .ended: .notice
        case .event(let event):
            switch event {
            case .started, .released, .draining, .unreported, .recovered, .paid, .outsideHours, .withinHours,
                .fit:
                .notice
            case .lost, .backoff, .unfit: .warning
            case .claimed, .finished, .cancelled: .info
            case .heartbeat, .progress, .log, .stopped: .debug
            }
        }
    }

    /// One line; nil for events that are only for programs. Untrusted text is sanitized: a title can't add a line.
    var text: String? {
        switch self {
        case .signing(let owner, let rules):
            "signing policy and consent for \(owner ?? "the owner of the key"): "
                + rules.text(.compact)
        case .starting(let worker, let server): "starting worker \(worker) for \(server)"
        case .event(let event): Self.text(event).map(Text.sanitized)
        case .ended(let earnings):
            "\(earnings.done) done, \(earnings.failed) failed" + (earnings.usdt.map { ", earned \($0) USDT" } ?? "")
        }
    }

    private static func text(_ event: WorkerEvent) -> String? {
        switch event {
        case .started(let isolation, let missing):
            (["ready, isolation \(isolation.rawValue)"] + missing.map { "missing: \($0)" }).joined(separator: "; ")
        case .claimed(let job): "\(job.id) claimed: \(job.title)"
        case .finished(let job, let status, let code, let milliseconds, let paid):
            "\(job) \(status.rawValue) in \(Text.duration(milliseconds: milliseconds))"
                + (code.map { ", exit code \($0)" } ?? "") + (Earnings.text(paid).map { ", earned \($0)" } ?? "")
        case .paid(let job, let usdt): Earnings.text(usdt).map { "\(job) of a previous run earned \($0)" }
        case .lost(let job, let reason): "\(job) lost: \(reason)"
        case .cancelled(let job): "\(job) cancelled"
        case .released(let job, let reason): "\(job) released: \(reason)"
        case .backoff(let call, let error, let milliseconds):
            "\(call): \(error.message); retrying in \(Text.duration(milliseconds: milliseconds))"
        case .draining(let running): "draining, \(running) running"
        case .outsideHours(let running): "outside the policy's hours; \(running) released"
        case .withinHours: "within the policy's hours again"
        case .unfit(let kind, let reason): "this machine can't run \(kind.rawValue) jobs, and claims none: \(reason)"
        case .fit(let kind): "this machine can run \(kind.rawValue) jobs again"
        case .unreported(let job): "\(job) finished, but its result could not be reported; the next start reports it"
        case .recovered(let results, let lost): "reported from the previous run: \(results) results, \(lost) lost jobs"
        case .heartbeat, .progress, .log, .stopped: nil
        }
    }

    /// One object per line: `ts`, `level`, `event`, and `job` if it is about one. nil for jobs' output.
    func json(at now: Int64) -> JSON? {
        guard let (name, members) = fields else { return nil }
        let head: [JSON.Member] = [
            .init("ts", .string(RFC3339.format(now))), .init("level", .string(level.rawValue)),
            .init("event", .string(name)),
        ]
        return .object(head + members.compactMap { name, value in value.map { .init(name, $0) } })
    }

    private var fields: (event: String, members: [(String, JSON?)])? {
        switch self {
        case .signing(let owner, let rules): ("signs", [("owner", owner.map(JSON.string)), ("rules", rules)])
        case .starting(let worker, let server):
            ("works", [("worker", .string(worker.text)), ("server", .string(server))])
        case .event(let event): Self.fields(event)
        case .ended(let earnings):
            (
                "ended",
                [
                    ("done", JSON(earnings.done)), ("failed", JSON(earnings.failed)),
                    ("earned_usdt", earnings.usdt.map(JSON.string)),
                ]
            )
        }
    }

    private static func fields(_ event: WorkerEvent) -> (event: String, members: [(String, JSON?)])? {
        switch event {
        case .started(let isolation, let missing):
            ("ready", [("isolation", .string(isolation.rawValue)), ("missing", .array(missing.map(JSON.string)))])
        case .heartbeat(let pendingJobs): ("heartbeat", [("pending", JSON(pendingJobs))])
        case .claimed(let job):
            ("claimed", [("job", .string(job.id.text)), ("title", .string(job.title)), ("attempt", JSON(job.attempt))])
        case .progress(let job, let percent, let message):
            (
                "progress",
                [("job", .string(job.text)), ("percent", JSON(percent)), ("message", message.map(JSON.string))]
            )
        case .finished(let job, let status, let code, let milliseconds, let paid):
            (
                "finished",
                [
                    ("job", .string(job.text)), ("status", .string(status.rawValue)),
                    ("exit_code", code.map { JSON($0) }),
                    ("duration_ms", JSON(milliseconds)), ("paid_usdt", paid.map(JSON.string)),
                ]
            )
        case .paid(let job, let usdt): ("paid", [("job", .string(job.text)), ("paid_usdt", .string(usdt))])
        case .lost(let job, let reason): ("lost", [("job", .string(job.text)), ("reason", .string(reason))])
        case .cancelled(let job): ("cancelled", [("job", .string(job.text))])
        case .released(let job, let reason): ("released", [("job", .string(job.text)), ("reason", .string(reason))])
        case .backoff(let call, let error, let milliseconds):
            (
                "backoff",
                [("call", .string(call)), ("error", .string(error.message)), ("again_in_ms", JSON(milliseconds))]
            )
        case .draining(let running): ("draining", [("running", JSON(running))])
        case .outsideHours(let running): ("closed", [("given_back", JSON(running))])
        case .withinHours: ("opened", [])
        case .unfit(let kind, let reason):
            ("unfit", [("kind", .string(kind.rawValue)), ("reason", .string(reason))])
        case .fit(let kind): ("fit", [("kind", .string(kind.rawValue))])
        case .unreported(let job): ("owed", [("job", .string(job.text))])
        case .recovered(let results, let lost): ("recovered", [("results", JSON(results)), ("lost", JSON(lost))])
        case .stopped: ("stopped", [])
        case .log: nil
        }
    }
}
