internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// Submitting, listing, showing, cancelling and retrying jobs.
enum Jobs {
    static let routes = [
        Route(
            .post, "/jobs", "submitJob", "Submits a job.", headers: [.idempotencyKey],
            body: JobRequest.input.map { _ in },
            answers: [.created(JobShapes.submitted.schema)], submit),
        Route(
            .post, "/jobs/batch", "submitJobs", "Submits up to 1,000 jobs, all or none.", headers: [.idempotencyKey],
            body: batch.map { _ in },
            answers: [.created(.object(.required("jobs", .array(JobShapes.submitted.schema))))],
            submitBatch),
        Route(
            .get, "/jobs", "listJobs", "Your jobs, newest first.",
            query: [status.parameter, since.parameter, until.parameter],
            jobs, list),
        Route(
            .get, "/jobs/{job}", "showJob", "One of your jobs, with its attempts and its result.",
            .tagged(JobShapes.details), show),
        Route(
            .delete, "/jobs/{job}", "cancelJob", "Cancels a job; a running one's worker is told to stop.",
            .tagged(JobShapes.details), cancel),
        Route(
            .delete, "/jobs/{job}/record", "deleteJob",
            "Deletes an ended job, with its attempts, log and files.", answers: [.noContent], delete),
        Route(
            .post, "/jobs/{job}/retry", "retryJob", "Tries a failed job again.", body: again,
            .tagged(JobShapes.details), retry),
    ].tagged("Jobs")

    private static let again = Input {
        optional(
            "cascade", .boolean, default: false,
            "Also brings back the jobs that were cancelled because this one failed, and those that wait for them.")
    }

    private static let batch = Input { required("jobs", .array(JobRequest.input, 1...1_000)) }

    private static let status = QueryParameter<JobState>.choice(
        "status", "Only jobs of this status.", of: JobState.shownStates)

    private static let since = QueryParameter.instant("since", "Only jobs submitted at this time or later.")
    private static let until = QueryParameter.instant("until", "Only jobs submitted before this time.")

    private static let jobs = PagedList("jobs", of: JobShapes.summary, by: .id(), tagged: true) { $0.id }

    static func submit(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let request = try await call.read(JobRequest.input)
        return try await submit([request], call, member) { jobs, now in
            guard let job = jobs.first else { return StoredAnswer(status: 201, body: "{}") }
            return StoredAnswer(
                status: 201, location: "/api/v1/jobs/\(job.id.text)",
                body: JobShapes.canonical(job, now: now).text(.canonical))
        }
    }

    static func submitBatch(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let requests = try await call.read(batch).enumerated().map { $1.placed(at: "jobs[\($0)]") }
        return try await submit(requests, call, member) { jobs, now in
            let list = JSON.array(jobs.map { JobShapes.canonical($0, now: now) })
            return StoredAnswer(status: 201, body: JSON.object([.init("jobs", list)]).text(.canonical))
        }
    }

    private static func submit(
        _ requests: [JobRequest], _ call: Call, _ member: MemberContext,
        answer: @escaping @Sendable ([AcceptedJob], Int64) -> StoredAnswer
    ) async throws -> Reply {
        let key = try call.idempotencyKey(for: member.owner, await call.body())
        let contents = try await JobInputs(call.dependencies.broker).prepare(
            requests.flatMap(\.contents), requests.flatMap(\.references), owner: member.owner)
        let jobs = requests.map { request in
            var job = request.job
            job.owner = member.owner
            var spec = request.spec
            spec.trace = TraceContext.current
            job.spec = spec.text
            return job
        }
        var submission = Submission(jobs: jobs, idempotency: key, answer: answer)
        submission.contents = contents
        let reply = try await call.dependencies.broker.submit(submission)
        switch reply {
        case .accepted(_, let answer): return .canonical(answer)
        case .replayed(let answer): return .canonical(answer).with(.replayed, "true")
        }
    }

    static func list(_ call: Call, _ member: MemberContext, _ page: Page<JobID>) async throws -> [Job] {
        let query = try call.query
        // Ids begin with the time that they were made at: a period is a range of ids.
        let before = try [page.after, query[until].map(firstID)].compactMap(\.self).min()
        let wanted = JobPage(
            owners: member.readable, status: try query[status], limit: page.wanted, before: before,
            since: try query[since].map(firstID))
        return try await call.database.read { try $0.jobs(wanted) }
    }

    /// The least id of a job that was submitted at this time. In milliseconds since 1970.
    private static func firstID(at time: Int64) -> JobID {
        JobID(UUIDv7.text(milliseconds: min(max(0, time), 0xFFFF_FFFF_FFFF), random: []))
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> JobDetails {
        let id = try call.parameter("job", as: JobID.self)
        let owners = member.readable
        var details = try await call.database.read { try $0.details(of: id, owners) }
        if details.isClaimable, let need = details.requirement {
            details.pendingReason = try await call.dependencies.liveMachines.value.get().reason(for: need)
        }
        return details
    }

    static func cancel(_ call: Call, _ member: MemberContext) async throws -> JobDetails {
        let id = try call.parameter("job", as: JobID.self)
        let owners = member.readable
        return try await member.change(id, call) {
            try await call.dependencies.broker.cancel(id, owner: member.owner, actor: member.actor) { tx in
                try tx.details(of: id, owners)
            }
        }
    }

    static func delete(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = try call.parameter("job", as: JobID.self)
        try await member.change(id, call) {
            try await call.database.write { try $0.deleteJob(id, owner: member.owner, actor: member.actor) }
        }
        return .empty(.noContent)
    }

    static func retry(_ call: Call, _ member: MemberContext, _ withDependents: Bool) async throws -> JobDetails {
        let id = try call.parameter("job", as: JobID.self)
        let owners = member.readable
        return try await member.change(id, call) {
            try await call.dependencies.broker.retry(
                id, owner: member.owner, actor: member.actor, withDependents: withDependents
            ) { tx in try tx.details(of: id, owners) }
        }
    }
}

extension Transaction {
    /// A job of any of these owners, as it stands at this moment.
    fileprivate func details(of id: JobID, _ owners: [OwnerID]) throws -> JobDetails {
        guard let job = try job(id, ofAny: owners) else { throw Refusal.notFound("job") }
        let need = try classes([job.classID]).first?.requirement
        let pending = job.state.isEnded || job.state == .running ? nil : try pendingReason(job)
        return JobDetails(
            job: job, spec: try JobSpec(job.spec), requirement: need, attempts: try attempts(of: id),
            pendingReason: pending)
    }
}

extension MemberContext {
    /// Who does it, for the audit log.
    var actor: String { member?.id.text ?? "operator" }

    /// Whose jobs the caller may read: its own, and those that audit a member's tasks.
    var readable: [OwnerID] { [owner] + (member.map { [$0.id.auditOwner] } ?? []) }

    /// Runs what changes a job of the caller's own; 403 for an audit, which ends with its task alone.
    fileprivate func change<Answer: Sendable>(
        _ id: JobID, _ call: Call, _ body: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await body()
        } catch Refusal.notFound(let what) {
            let (member, id) = (member, id)
            let isAudit = try await call.database.read { tx in
                try member.map { try tx.isJob(id, ofAny: [$0.id.auditOwner]) } ?? false
            }
            throw isAudit ? Refusal.notAllowed("An audit's job ends with its task alone") : Refusal.notFound(what)
        }
    }
}

extension Reply {
    /// A kept answer in canonical JSON: the body's own hash is its tag.
    static func canonical(_ answer: StoredAnswer) -> Reply {
        Reply(answer).with(.eTag, "\"\(SHA256.hex(answer.body))\"")
    }
}
