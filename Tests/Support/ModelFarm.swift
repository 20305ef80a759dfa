package import Domain

/// Jobs and leases as plainly as can be: values in memory, written from CONTRACT 4 and not from the code. It says what
/// each operation must answer; only which of several fitting jobs a claim takes is the claim's to choose, within
/// the rules that `check` holds it to.
///
/// Jobs, workers and owners are numbers; times are milliseconds.
package struct ModelFarm: Sendable {
    package struct Class: Sendable {
        package let kind: Kind
        package let priority: Int64
        package let cores: Int64
        package let minutes: Int64
    }

    package struct Worker: Sendable {
        package let kinds: Set<Kind>
        package let cores: Int64?
        package let maxMinutes: Int64?
        package var hasConsent = true
        package var isDraining = false
    }

    package struct Lease: Sendable {
        package var worker: Int
        package var fence: Int64
        package var until: Int64
        package var ends: Int64
        package var request: Int?
    }

    package struct Job: Sendable {
        package var owner: Int
        package var classNumber: Int
        package var maxAttempts: Int64
        package var runAt: Int64
        package var waitsFor: Set<Int> = []
        package var state = JobState.pending
        /// Its place among its class; given when it is first ready.
        package var place: Int?
        package var attempt: Int64 = 0
        package var failures: Int64 = 0
        package var losses: Int64 = 0
        package var lossesInRow: Int64 = 0
        package var fence: Int64 = 0
        package var percent: Int64?
        package var reason: String?
        package var worker: Int?
        package var lease: Lease?
        /// What each accepted report was answered, and to whom.
        package var accepted: [Int64: (worker: Int, status: Outcome.Status, result: ModelResult)] = [:]
    }

    package static let classes = [
        Class(kind: .compute, priority: 5, cores: 0, minutes: 10),
        Class(kind: .compute, priority: 5, cores: 1_000, minutes: 10),
        Class(kind: .compute, priority: 9, cores: 2_000, minutes: 3),
        Class(kind: .audit, priority: 5, cores: 0, minutes: 10),
        Class(kind: .compute, priority: 0, cores: 0, minutes: 60),
    ]
    package static let firstWorkers = [
        Worker(kinds: [.compute, .audit], cores: nil, maxMinutes: nil),
        Worker(kinds: [.compute, .audit], cores: 4_000, maxMinutes: 30),
        Worker(kinds: [.compute], cores: 1_000, maxMinutes: nil),
        Worker(kinds: [.audit, .compute], cores: 2_000, maxMinutes: 5),
    ]
    package static let owners = 2
    package static let twelveHours: Int64 = 43_200_000
    /// Every failure puts the job off this long at the most, and half of it at least.
    package static let backoff: Int64 = 500

    package internal(set) var jobs: [Job] = []
    package internal(set) var workers = ModelFarm.firstWorkers
    var places = 0
    var lastRound: Int64?
    var keys: [ModelKey: (body: Int, jobs: [Int])] = [:]
    var notices: [ModelToken: Int64] = [:]
    /// The request ids, by worker, of claims that were granted something.
    var answered: Set<ModelKey> = []

    package init() {}

    // MARK: Submitting

    mutating func submit(_ submission: ModelSubmission, at now: Int64) -> ModelAnswer {
        let key = submission.key.map { ModelKey(owner: submission.owner, number: $0) }
        if let key, let earlier = keys[key] {
            return earlier.body == submission.body ? .jobs(earlier.jobs, isReplay: true) : .refused(.keyReused)
        }
        let first = jobs.count
        var fresh: [Job] = []
        for wanted in submission.jobs {
            for other in wanted.dependsOn {
                guard jobs.indices.contains(other), jobs[other].owner == submission.owner else {
                    return .refused(.invalid("depends_on"))
                }
            }
            fresh.append(born(wanted, submission.owner, now))
        }
        for index in fresh.indices where fresh[index].state == .pending { fresh[index].place = nextPlace() }
        jobs += fresh
        let numbers = Array(first..<jobs.count)
        if let key { keys[key] = (submission.body, numbers) }
        return .jobs(numbers, isReplay: false)
    }

    private func born(_ wanted: ModelSubmission.Job, _ owner: Int, _ now: Int64) -> Job {
        var job = Job(
            owner: owner, classNumber: wanted.classNumber, maxAttempts: wanted.maxAttempts,
            runAt: wanted.runAt ?? now)
        let others = Set(wanted.dependsOn)
        job.waitsFor = others.filter { !jobs[$0].state.isEnded }
        if others.contains(where: { jobs[$0].state == .failed || jobs[$0].state == .cancelled }) {
            job.state = .cancelled
            job.reason = "dependency"
        } else if !job.waitsFor.isEmpty {
            job.state = .blocked
        } else if job.runAt > now {
            job.state = .scheduled
        }
        return job
    }

    private mutating func nextPlace() -> Int {
        places += 1
        return places
    }

    // MARK: Holding

    func holds(_ token: ModelToken, at now: Int64) -> Bool {
        guard jobs.indices.contains(token.job), let lease = jobs[token.job].lease else { return false }
        return lease.fence == token.fence && lease.worker == token.worker && lease.until > now
    }

    func refusal(_ token: ModelToken) -> ModelRefusal {
        let state = jobs[token.job].state
        return state.isEnded ? .jobEnded(token.job, state) : .leaseLost(token.job)
    }

    /// What ran out while no scheduler was up gets that time back. Whose call may notice it: a scheduler's round, or a
    /// holder who would be refused.
    mutating func creditOutage(isRound: Bool, at now: Int64) {
        guard let last = lastRound else {
            if isRound { lastRound = now }
            return
        }
        let gap = now - last
        guard gap >= (isRound ? 1_000 : 3_000) else { return }
        lastRound = now
        guard gap >= 3_000 else { return }
        for number in jobs.indices {
            guard let lease = jobs[number].lease, lease.until >= last, lease.until <= now else { continue }
            jobs[number].lease?.until += gap
            jobs[number].lease?.ends += gap
        }
    }

    /// A refusal promises that nothing happened: then there was no outage credit either.
    private mutating func holdsAfterOutageCredit(_ token: ModelToken, at now: Int64) -> Bool {
        if holds(token, at: now) { return true }
        var forgiven = self
        forgiven.creditOutage(isRound: false, at: now)
        guard forgiven.holds(token, at: now) else { return false }
        self = forgiven
        return true
    }

    mutating func extend(_ wanted: [ModelExtension], at now: Int64) -> ModelAnswer {
        let held = wanted.map { holds($0.token, at: now) }
        // In this order: who holds is served first, then the others get their time back, if any.
        for (item, isHeld) in zip(wanted, held) where isHeld { prolong(item, at: now) }
        if held.contains(false) { creditOutage(isRound: false, at: now) }
        return .extended(
            zip(wanted, held).map { item, wasHeld in
                if !wasHeld, holds(item.token, at: now) { prolong(item, at: now) }
                if holds(item.token, at: now), let until = jobs[item.token.job].lease?.until { return .until(until) }
                return isToldToStop(item.token, at: now) ? .cancelled : .lost
            })
    }

    private mutating func prolong(_ item: ModelExtension, at now: Int64) {
        guard let ends = jobs[item.token.job].lease?.ends else { return }
        jobs[item.token.job].lease?.until = min(now + item.milliseconds, ends)
    }

    private func isToldToStop(_ token: ModelToken, at now: Int64) -> Bool {
        let notice = notices[ModelToken(job: token.job, fence: 0, worker: token.worker)] ?? 0
        let runsAgain = jobs[token.job].lease?.worker == token.worker
        return notice > now && !runsAgain
    }

    mutating func progress(_ token: ModelToken, percent: Int64, at now: Int64) -> ModelAnswer {
        guard holdsAfterOutageCredit(token, at: now) else { return .refused(refusal(token)) }
        jobs[token.job].percent = percent
        return .done
    }

    mutating func release(_ token: ModelToken, at now: Int64) -> ModelAnswer {
        guard holdsAfterOutageCredit(token, at: now) else { return .refused(refusal(token)) }
        giveBack(token.job, at: now)
        return .done
    }

    private mutating func giveBack(_ number: Int, at now: Int64) {
        reschedule(number, until: now)
        jobs[number].attempt -= 1
    }

    private mutating func reschedule(_ number: Int, until time: Int64) {
        jobs[number].state = .scheduled
        jobs[number].runAt = time
        jobs[number].lease = nil
        jobs[number].percent = nil
    }

    // MARK: Ending

    mutating func finish(_ reports: [ModelReport], at now: Int64) -> ModelAnswer {
        let held = reports.map { holds($0.token, at: now) }
        for (report, isHeld) in zip(reports, held) where isHeld { accept(report, at: now) }
        if held.contains(false) { creditOutage(isRound: false, at: now) }
        for (report, wasHeld) in zip(reports, held) where !wasHeld && holds(report.token, at: now) {
            accept(report, at: now)
        }
        return .finished(
            reports.map { report in
                let (token, job) = (report.token, jobs[report.token.job])
                guard let accepted = job.accepted[token.fence], accepted.worker == token.worker,
                    accepted.status == report.status
                else {
                    let isOther = job.accepted[token.fence]?.worker == token.worker && !job.state.isEnded
                    return .failure(isOther ? .wrongState : refusal(token))
                }
                return .success(accepted.result)
            })
    }

    private mutating func accept(_ report: ModelReport, at now: Int64) {
        let number = report.token.job
        var state = JobState.completed
        if report.status != .success {
            jobs[number].failures += 1
            jobs[number].lossesInRow = 0
            state = jobs[number].failures < jobs[number].maxAttempts ? .pending : .failed
        }
        jobs[number].accepted[report.token.fence] = (
            report.token.worker, report.status,
            ModelResult(state: state, attempt: jobs[number].attempt, fence: report.token.fence)
        )
        if state == .pending {
            reschedule(number, until: now + Self.backoff)
        } else {
            end(number, state, reason: state == .failed ? report.status.rawValue : nil)
        }
    }

    /// A job ends; those that wait for it move on, or fall with it.
    private mutating func end(_ number: Int, _ state: JobState, reason: String?) {
        jobs[number].state = state
        jobs[number].reason = reason
        jobs[number].worker = jobs[number].lease?.worker
        jobs[number].lease = nil
        jobs[number].percent = nil
        for other in jobs.indices where jobs[other].state == .blocked && jobs[other].waitsFor.contains(number) {
            guard state == .completed else {
                end(other, .cancelled, reason: "dependency")
                continue
            }
            jobs[other].waitsFor.remove(number)
            if jobs[other].waitsFor.isEmpty { jobs[other].state = .scheduled }
        }
    }

    mutating func cancel(_ number: Int, by owner: Int, at now: Int64) -> ModelAnswer {
        guard jobs[number].owner == owner else { return .refused(.notFound) }
        guard !jobs[number].state.isEnded else { return .refused(.jobEnded(number, jobs[number].state)) }
        if let lease = jobs[number].lease { tellToStop(lease.worker, number, at: now) }
        end(number, .cancelled, reason: "cancelled")
        return .done
    }

    private mutating func tellToStop(_ worker: Int, _ number: Int, at now: Int64) {
        notices[ModelToken(job: number, fence: 0, worker: worker)] = now + Self.twelveHours
    }

    mutating func retry(_ number: Int, by owner: Int, at now: Int64) -> ModelAnswer {
        guard jobs[number].owner == owner else { return .refused(.notFound) }
        let state = jobs[number].state
        guard state == .failed else { return .refused(state.isEnded ? .jobEnded(number, state) : .wrongState) }
        jobs[number].failures = 0
        jobs[number].lossesInRow = 0
        jobs[number].reason = nil
        jobs[number].worker = nil
        jobs[number].place = nil
        jobs[number].state = .scheduled
        jobs[number].runAt = now
        // Whoever repeats the report that failed it hears what became of the job.
        jobs[number].accepted[jobs[number].fence]?.result.state = .pending
        return .done
    }

    // MARK: The scheduler

    mutating func sweep(at now: Int64) -> ModelAnswer {
        creditOutage(isRound: true, at: now)
        var lost: [Int] = []
        for number in jobs.indices {
            guard let lease = jobs[number].lease, lease.until <= now else { continue }
            lost.append(number)
            jobs[number].losses += 1
            jobs[number].lossesInRow += 1
            if jobs[number].lossesInRow == 3 {
                end(number, .failed, reason: "poison")
            } else {
                reschedule(number, until: now + Self.backoff)
            }
        }
        return .swept(lost)
    }

    mutating func promote(at now: Int64) -> ModelAnswer {
        let due = jobs.indices.filter { jobs[$0].state == .scheduled && jobs[$0].runAt <= now }
        for number in due.sorted(by: { jobs[$0].runAt < jobs[$1].runAt }) {
            jobs[number].state = .pending
            if jobs[number].place == nil { jobs[number].place = nextPlace() }
        }
        return .promoted(due.count)
    }

    mutating func revoke(_ worker: Int, at now: Int64) -> ModelAnswer {
        guard workers[worker].hasConsent else { return .done }
        workers[worker].hasConsent = false
        for number in jobs.indices where jobs[number].lease?.worker == worker {
            tellToStop(worker, number, at: now)
            giveBack(number, at: now)
        }
        return .done
    }
}
