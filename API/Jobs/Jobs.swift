internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// Submitting, listing, showing, cancelling and retrying jobs.
enum Jobs {
    static let routes: [Route] = [
        .post(
            "/jobs", "submitJob", "Submits a job.", tag: "Jobs", headers: [.idempotencyKey], body: JobSchema.request,
            answers: [.created(JobSchema.summary)], submit),
        .post(
            "/jobs/batch", "submitJobs", "Submits up to 1,000 jobs, all or none.", tag: "Jobs",
            headers: [.idempotencyKey],
            body: .object(.required("jobs", .array(JobSchema.request, 1...1_000))),
            answers: [.created(.object(.required("jobs", .array(JobSchema.summary))))], submitBatch),
        .get(
            "/jobs", "listJobs", "Your jobs, newest first.", tag: "Jobs",
            query: [
                .init(
                    "status", .choice("blocked", "pending", "running", "completed", "failed", "cancelled"),
                    "Only jobs of this status."),
                .init("limit", .integer(1...100), "How many, 50 when absent."),
                .init("cursor", .string(), "The `next_cursor` of the page before."),
            ], headers: [.ifNoneMatch],
            answers: [
                .ok(
                    .object(
                        .required("jobs", .array(JobSchema.summary)), .required("next_cursor", .nullable(.string())))),
                .notModified,
            ], list),
        .get(
            "/jobs/{job}", "showJob", "One of your jobs, with its attempts and its result.", tag: "Jobs",
            headers: [.ifNoneMatch], answers: [.ok(JobSchema.whole), .notModified], show),
        .delete(
            "/jobs/{job}", "cancelJob", "Cancels a job; a running one's worker is told to stop.", tag: "Jobs",
            answers: [.ok(JobSchema.whole)], cancel),
        .post(
            "/jobs/{job}/retry", "retryJob", "Tries a failed job again.", tag: "Jobs",
            answers: [.ok(JobSchema.whole)], retry),
    ]

    static func submit(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        let request = try JobRequest(body.fields(), owner: member.owner)
        return try await submit([request], body, call, member) { jobs, now in
            guard let job = jobs.first else { return StoredAnswer(status: 201, body: "{}") }
            return StoredAnswer(
                status: 201, location: "/api/v1/jobs/\(job.id.text)",
                body: JobView.accepted(job, now: now).text(.canonical))
        }
    }

    static func submitBatch(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let objects = try fields.objects("jobs")
        try fields.end()
        guard (1...1_000).contains(objects.count) else { throw FieldError("jobs", .outOfRange("1 to 1000 jobs")) }
        var requests: [JobRequest] = []
        requests.reserveCapacity(objects.count)
        for object in objects { requests.append(try JobRequest(object, owner: member.owner)) }
        return try await submit(requests, body, call, member) { jobs, now in
            let list = JSON.array(jobs.map { JobView.accepted($0, now: now) })
            return StoredAnswer(status: 201, body: JSON.object([.init("jobs", list)]).text(.canonical))
        }
    }

    private static func submit(
        _ requests: [JobRequest], _ body: Body, _ call: Call, _ member: MemberContext,
        answer: @escaping @Sendable ([AcceptedJob], Int64) -> StoredAnswer
    ) async throws -> Reply {
        let key = try call.idempotencyKey(for: member.owner, body)
        try await JobInputs(call.dependencies.database)
            .prepare(requests.flatMap(\.contents), requests.flatMap(\.references), owner: member.owner)
        let reply = try await call.dependencies.broker.submit(
            Submission(jobs: requests.map(\.job), idempotency: key, answer: answer))
        switch reply {
        case .accepted(_, let answer): return .canonical(answer)
        case .replayed(let answer): return .canonical(answer).with(.replayed, "true")
        }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let status = try status(call.query["status"])
        let wanted = JobPage(
            owner: member.owner, status: status, limit: page.limit + 1, before: page.after.map { JobID($0) })
        let jobs = try await call.dependencies.database.read { try $0.jobs(wanted) }
        let shown = jobs.prefix(page.limit)
        let next = jobs.count > page.limit ? shown.last.map { Cursor.encode($0.id.text) } : nil
        return .tagged(
            .ok,
            [
                "jobs": .array(shown.map { .object(JobView.summary($0)) }),
                "next_cursor": .optional(next),
            ], for: call)
    }

    private static func status(_ word: String?) throws(FieldError) -> JobState? {
        guard let word else { return nil }
        guard let state = JobState(rawValue: word), state != .scheduled else {
            throw FieldError(
                "status", .invalid("must be blocked, pending, running, completed, failed or cancelled"))
        }
        return state
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        return .tagged(.ok, try await whole(id, call, member), for: call)
    }

    static func cancel(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        _ = try await call.dependencies.broker.cancel(id, owner: member.owner, actor: member.actor)
        return .tagged(.ok, try await whole(id, call, member), for: call)
    }

    static func retry(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        try await call.body().expectNothing()
        _ = try await call.dependencies.broker.retry(id, owner: member.owner, actor: member.actor)
        return .tagged(.ok, try await whole(id, call, member), for: call)
    }

    private static func whole(_ id: JobID, _ call: Call, _ member: MemberContext) async throws -> JSON {
        let owner = member.owner
        let view = try await call.dependencies.database.read { tx -> JSON? in
            guard let job = try tx.job(id, owner: owner) else { return nil }
            let need = try tx.classes([job.classID]).first?.requirement
            let pending = job.state.isEnded || job.state == .running ? nil : try tx.pendingReason(job, need)
            return JobView.whole(job, requirement: need, attempts: try tx.attempts(of: id), pending: pending)
        }
        guard let view else { throw Problem.notFound("job") }
        return view
    }
}

extension MemberContext {
    /// Who does it, for the audit log.
    var actor: String { member?.id.text ?? "operator" }
}

extension Reply {
    /// A kept answer in canonical JSON: the body's own hash is its tag.
    static func canonical(_ answer: StoredAnswer) -> Reply {
        let reply = Reply(answer)
        return reply.with(.eTag, "\"\(SHA256.hex(answer.body))\"")
    }
}
