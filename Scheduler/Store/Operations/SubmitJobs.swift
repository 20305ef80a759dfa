internal import Bytes
package import Domain

extension Transaction {
    /// The most distinct requirement classes that count as one owner's: each is looked at again and again.
    package static let classesPerOwner: Int64 = 1_000

    /// Accepts many submissions in one go: two inserts, whatever their number, and what their prices hold. Each is
    /// refused by itself. Waits for jobs that others depend on and another transaction has.
    package func submit(
        _ submissions: [Submission], hints: SubmitHints
    ) throws -> [Result<Submission.Reply, Refusal>] {
        try submit(submissions, hints: hints, waits: true).map { answer in
            guard let answer else { throw InternalError("a submission that waits got no answer") }
            return answer
        }
    }

    /// As `submit`, but waits for nobody: a submission that depends on a job that another transaction has gets no
    /// answer (nil), and nothing has happened of it.
    package func submitFree(
        _ submissions: [Submission], hints: SubmitHints
    ) throws -> [Result<Submission.Reply, Refusal>?] {
        try submit(submissions, hints: hints, waits: false)
    }

    private func submit(
        _ submissions: [Submission], hints: SubmitHints, waits: Bool
    ) throws -> [Result<Submission.Reply, Refusal>?] {
        let stored = try storedAnswers(submissions.compactMap { $0.idempotency?.name })
        let overQuota = try ownersOverQuota(submissions, hints)
        var round = SubmitRound()
        for submission in submissions {
            do {
                let step = try accept(submission, stored, overQuota, hints, &round, waits: waits)
                round.steps.append(.success(step))
            } catch let refusal as Refusal {
                round.steps.append(.failure(refusal))
            } catch is JobTaken {
                round.steps.append(nil)
            }
        }
        let money = try setAside(&round)
        var draft = SubmitDraft()
        let results = zip(submissions, round.steps).map { submission, step in
            step.map { step in step.map { draft.add($0, of: submission, at: now) } }
        }
        try store(draft.contents)
        try write(draft)
        try write(money.book)
        try insertHolds(money.holds)
        return results
    }

    private func accept(
        _ submission: Submission, _ stored: [IdempotencyKey.Name: StoredAnswers.Entry], _ overQuota: Set<OwnerID>,
        _ hints: SubmitHints, _ round: inout SubmitRound, waits mayWait: Bool
    ) throws -> SubmitRound.Step {
        if let key = submission.idempotency {
            if let earlier = stored[key.name] {
                guard earlier.bodyHash == key.bodyHash else { throw Refusal.keyReused }
                return .replayed(earlier.answer)
            }
            // Twice in one gathering: as if somebody else had just written it. The repetition finds the answer.
            guard round.keys.insert(key.name).inserted else { throw DatabaseError.conflict(constraint: "idempotency") }
        }
        if submission.jobs.contains(where: { overQuota.contains($0.owner) }) {
            throw Refusal.quota(
                "requirement classes: at most \(Self.classesPerOwner) distinct combinations of what jobs need, queue, "
                    + "priority and price of one owner wait at once; one is free again ten minutes after its last use",
                retryAfterSeconds: 60)
        }
        if submission.jobs.contains(where: { $0.device == nil && $0.bounty == nil && hints.isFull($0.owner) }) {
            throw Refusal.tooManyLive(hints.mostLive)
        }
        try keepSources(of: submission.jobs.filter { !$0.sources.isEmpty })
        if !submission.contents.isEmpty, let owner = submission.jobs.first?.owner { try checkRoom(of: owner) }
        var mine: [AcceptedJob] = []
        mine.reserveCapacity(submission.jobs.count)
        var waits: [(job: JobID, on: JobID)] = []
        let dependedOn = try dependedOn(by: submission.jobs, waits: mayWait)
        for job in submission.jobs {
            let (accepted, waitsFor) = try accept(job, hints: hints, dependedOn)
            mine.append(accepted)
            waits += waitsFor.map { (accepted.id, $0) }
        }
        return .fresh(mine, waits)
    }

    /// What jobs are given was there when the call came, and stays until they are on record.
    private func keepSources(of jobs: [NewJob]) throws {
        for (owner, jobs) in Dictionary(grouping: jobs, by: \.owner).sorted(by: { $0.key < $1.key }) {
            for (named, keep) in [
                (jobs.flatMap(\.sources.uploads), keepUploads), (jobs.flatMap(\.sources.jobs), keepJobs),
            ] {
                try SQL.chunked(Set(named).sorted()) { chunk in
                    guard try keep(Array(chunk), owner).count == chunk.count else {
                        throw Refusal.invalid(
                            field: "inputs", message: "names a file that is no longer kept; upload it again")
                    }
                }
            }
        }
    }

    /// Sets the prices of accepted jobs aside; a submission whose owner is short is refused. The accounts are locked
    /// after the jobs that others depend on.
    private func setAside(_ round: inout SubmitRound) throws -> (book: Book, holds: [Hold]) {
        let wanted = round.steps.map { step -> [Hold] in
            guard case .success(.fresh(let jobs, _))? = step else { return [] }
            return jobs.compactMap(\.hold)
        }
        let accounts = Set(wanted.joined().flatMap { [$0.available, $0.held] })
        guard !accounts.isEmpty else { return (Book([:]), []) }
        var book = try lock(accounts)
        var holds: [Hold] = []
        for (index, mine) in wanted.enumerated() where !mine.isEmpty {
            do {
                try book.post(mine.map(\.setAside))
                holds += mine
            } catch let refusal as Refusal {
                round.steps[index] = .failure(refusal)
            }
        }
        return (book, holds)
    }

    /// One job as it will be written: its id, its class, where it starts; and what it waits for.
    private func accept(
        _ job: NewJob, hints: SubmitHints, _ dependedOn: DependedOn
    ) throws -> (job: AcceptedJob, waitsFor: [JobID]) {
        let isLater = job.runAt ?? now > now
        var accepted = AcceptedJob(id: JobID(newUUID()), job: job, state: isLater ? .scheduled : .pending, tag: 0)
        if !hints.isKnown(job.classID, now) { accepted.classUsedAt = now }
        let waitsFor = try job.dependsOn.isEmpty ? [] : dependedOn.settle(&accepted)
        if let place = job.device {
            accepted.tag = place.tag
            if place.needsApproval { (accepted.state, accepted.waitsFor) = (.blocked, 1) }
            return (accepted, [])
        }
        // What isn't ready yet takes no place in its owner's queue.
        if accepted.state == .pending { accepted.tag = hints.tag(job.classID, job.owner, job.requirement.cost) }
        return (accepted, waitsFor)
    }

    private func write(_ draft: SubmitDraft) throws {
        guard !draft.jobs.isEmpty else { return }
        var fresh: [ClassID: (ClassID, Requirement, createdBy: OwnerID)] = [:]
        for accepted in draft.jobs where accepted.classUsedAt != nil {
            fresh[accepted.classID] = (accepted.classID, accepted.job.requirement, accepted.job.owner)
        }
        try insertClasses(fresh.values.sorted { $0.0 < $1.0 })
        try insertRecords(draft.jobs)
        let live = draft.jobs.filter { $0.state != .cancelled }
        try insertLive(live)
        try noteLive(
            live.reduce(into: [:]) {
                $0.addLive(1, of: $1.job.owner, bounty: $1.job.bounty, device: $1.job.device?.device)
            })
        try insertDependencies(draft.waits)
        try insertSources(draft.jobs.filter { !$0.job.sources.isEmpty })
        try countDependents(draft.waits.map(\.on))
        try insertUnborn(draft.jobs.filter { $0.state == .cancelled })
        try note(draft.jobs.compactMap(\.change))
        try record(draft.events)
        try storeAnswers(draft.answers)
    }

    /// Files that came with accepted jobs; in one order, as others may bring the same at this moment.
    private func store(_ contents: [(blob: Blob, owner: OwnerID)]) throws {
        for (blob, owner) in contents.sorted(by: { $0.blob.hash < $1.blob.hash }) {
            try storeUpload(blob, owner: owner)
        }
    }

    private func ownersOverQuota(_ submissions: [Submission], _ hints: SubmitHints) throws -> Set<OwnerID> {
        var fresh: [OwnerID: Set<ClassID>] = [:]
        for job in submissions.lazy.flatMap(\.jobs) where !hints.isKnown(job.classID, now) {
            fresh[job.owner, default: []].insert(job.classID)
        }
        var over: Set<OwnerID> = []
        for (owner, ids) in fresh {
            // Who uses another's class takes it over.
            let more = try ids.subtracting(liveClasses(among: ids.sorted(), of: owner)).count
            if more > 0, try countClasses(of: owner) + Int64(more) > Self.classesPerOwner { over.insert(owner) }
        }
        return over
    }
}

extension Refusal {
    /// An owner has as many live jobs as one may.
    package static func tooManyLive(_ most: Int64) -> Refusal {
        .quota(
            "live jobs: at most \(most) of one owner wait and run at once (HATCHFARM_LIVE_JOBS); "
                + "submit more when some have ended",
            retryAfterSeconds: 60)
    }
}

extension AcceptedJob {
    /// What it is to its device; nil for a job of another kind.
    fileprivate var change: DeviceChange? {
        job.device.map { place in
            let isReady = state == .pending
            return DeviceChange(
                device: place.device, job: id, status: DeviceCommand.Status(state, reason: nil).rawValue,
                waiting: isReady ? 1 : 0, open: 1, concernsDevice: isReady)
        }
    }
}

/// What a round of submissions comes to, before anything is written.
private struct SubmitRound {
    enum Step {
        case fresh([AcceptedJob], _ waits: [(job: JobID, on: JobID)])
        case replayed(StoredAnswer)
    }

    /// Nil where a job that it depends on is another transaction's.
    var steps: [Result<Step, Refusal>?] = []
    var keys: Set<IdempotencyKey.Name> = []
}

/// What a round of submissions will write.
private struct SubmitDraft {
    var jobs: [AcceptedJob] = []
    var contents: [(blob: Blob, owner: OwnerID)] = []
    var waits: [(job: JobID, on: JobID)] = []
    var events: [Event] = []
    var answers: [(IdempotencyKey, StoredAnswer)] = []

    mutating func add(_ step: SubmitRound.Step, of submission: Submission, at now: Int64) -> Submission.Reply {
        switch step {
        case .replayed(let answer): return .replayed(answer)
        case .fresh(let mine, let waits):
            let answer = submission.answer(mine, now)
            jobs += mine
            if let owner = mine.first?.job.owner { contents += submission.contents.map { ($0, owner) } }
            self.waits += waits
            events.append(Self.submitted(mine))
            if let key = submission.idempotency { answers.append((key, answer)) }
            return .accepted(mine, answer)
        }
    }

    private static func submitted(_ jobs: [AcceptedJob]) -> Event {
        let first = jobs.first
        let held = jobs.compactMap(\.hold).reduce(0) { $0 + $1.amount }
        var metadata = JSONWriter(capacity: 64 + jobs.count * 40)
        metadata.beginObject()
        metadata.key("jobs")
        metadata.beginArray()
        for job in jobs { metadata.string(job.id.text) }
        metadata.endArray()
        if held > 0 { metadata.field("held_usdt", Money.decimal(held)) }
        metadata.endObject()
        let owner = first?.job.owner ?? OwnerID("")
        return Event(
            owner: owner, type: .jobsSubmitted, actor: owner.text, object: first?.id.text ?? "",
            metadata: String(decoding: metadata.bytes, as: UTF8.self))
    }
}
