internal import Domain

/// What clients saw, in order, and whether it keeps the promises (PROMISES 1: J1–J5, L1–L5, F1–F3). It knows
/// neither the model nor the code: only what was asked and answered.
package struct ModelHistory: Sendable {
    package enum Event: Equatable, Sendable {
        case submitted(job: Int, maxAttempts: Int64)
        case granted(ModelGrant, request: Int?)
        case extended(ModelToken, until: Int64)
        /// A report was accepted, or answered as it was before.
        case accepted(ModelToken, ModelResult)
        case released(ModelToken)
        /// A worker's consent was taken back.
        case recalled(worker: Int)
        case lost(job: Int)
        case cancelled(job: Int)
        case retried(job: Int)
        case round
        case passed(Int64, isAttended: Bool)
        case seen(ModelSight)
    }

    package struct Line: Equatable, Sendable {
        package var time: Int64
        package var event: Event
    }

    package var lines: [Line] = []
    /// Every job as it was found at the very end.
    package var ends: [ModelSight] = []

    package init() {}

    package mutating func note(_ event: Event, at time: Int64) { lines.append(Line(time: time, event: event)) }

    package mutating func note(_ operation: ModelOperation, _ answer: ModelAnswer, at time: Int64) {
        switch (operation, answer) {
        case (.submit(let submission), .jobs(let numbers, isReplay: false)):
            for (number, job) in zip(numbers, submission.jobs) {
                note(.submitted(job: number, maxAttempts: job.maxAttempts), at: time)
            }
        case (.claim(let claim), .grants(let grants)):
            for grant in grants { note(.granted(grant, request: claim.request), at: time) }
        case (.extend(let wanted), .extended(let outcomes)):
            for case (let item, .until(let until)) in zip(wanted, outcomes) {
                note(.extended(item.token, until: until), at: time)
            }
        case (.finish(let reports), .finished(let results)):
            for case (let report, .success(let result)) in zip(reports, results) {
                note(.accepted(report.token, result), at: time)
            }
        case (.release(let token), .done): note(.released(token), at: time)
        case (.revoke(let worker), .done): note(.recalled(worker: worker), at: time)
        case (.cancel(let job, _), .done): note(.cancelled(job: job), at: time)
        case (.retry(let job, _), .done): note(.retried(job: job), at: time)
        case (.sweep, .swept(let jobs)):
            note(.round, at: time)
            for job in jobs { note(.lost(job: job), at: time) }
        case (.pass(let duration, let isAttended), _): note(.passed(duration, isAttended: isAttended), at: time)
        default: break
        }
    }

    /// How often each kind of event is in it.
    package var counts: [String: Int] {
        lines.reduce(into: [:]) { $0["\($1.event)".prefix { $0.isLetter }.description, default: 0] += 1 }
    }

    /// Every broken promise, by its name.
    package var violations: [String] {
        var checker = ModelChecker()
        for line in lines { checker.follow(line) }
        checker.finish(ends)
        return checker.violations
    }
}

/// Follows a history job by job.
struct ModelChecker {
    private struct Holding {
        var worker: Int
        var fence: Int64
        var until: Int64
        var since: Int64
        var request: Int?
        /// Time without a scheduler that had gone by when the last round before the grant was held.
        var unattended: Int64
    }

    private struct Story {
        var maxAttempts: Int64
        var holding: Holding?
        var fence: Int64 = 0
        var attempt: Int64 = 0
        var failures: Int64 = 0
        var losses: Int64 = 0
        var lossesInRow = 0
        var end: JobState?
        var grants: [Int64: (worker: Int, request: Int?)] = [:]
        var accepted: [Int64: ModelResult] = [:]
    }

    private(set) var violations: [String] = []
    private var stories: [Int: Story] = [:]
    private var unattended: Int64 = 0
    private var unattendedAtRound: Int64 = 0
    private static let twelveHours: Int64 = 12 * 3_600 * 1_000

    private mutating func charge(_ promise: String, _ words: String) { violations.append("\(promise): \(words)") }

    mutating func follow(_ line: ModelHistory.Line) {
        let now = line.time
        switch line.event {
        case .submitted(let job, let most):
            if stories[job] != nil { charge("J1", "job \(job) was submitted twice") }
            stories[job] = Story(maxAttempts: most)
        case .granted(let grant, let request): give(grant, request, at: now)
        case .extended(let token, let until): extend(token, until, at: now)
        case .accepted(let token, let result): accept(token, result, at: now)
        case .released(let token):
            use(token, "released", at: now)
            giveBack(token.job)
        case .recalled(let worker):
            for job in stories.keys where stories[job]?.holding?.worker == worker { giveBack(job) }
        case .lost(let job): lose(job, at: now)
        case .cancelled(let job):
            if let end = stories[job]?.end { charge("J3", "job \(job) was cancelled after it had \(end)") }
            end(job, .cancelled)
        case .retried(let job):
            if stories[job]?.end != .failed { charge("J3", "job \(job) was tried again though it hadn't failed") }
            stories[job]?.end = nil
            stories[job]?.failures = 0
            stories[job]?.lossesInRow = 0
        case .round: unattendedAtRound = unattended
        case .passed(let duration, let isAttended):
            if isAttended { unattendedAtRound = unattended } else { unattended += duration }
        case .seen(let sight): see(sight)
        }
    }

    private mutating func giveBack(_ job: Int) {
        stories[job]?.holding = nil
        stories[job]?.attempt -= 1
    }

    private mutating func end(_ job: Int, _ state: JobState) {
        stories[job]?.end = state
        stories[job]?.holding = nil
    }

    private mutating func give(_ grant: ModelGrant, _ request: Int?, at now: Int64) {
        guard let story = stories[grant.job] else {
            return charge("J1", "job \(grant.job) was granted and never submitted")
        }
        if let before = story.grants[grant.fence] {
            let isSame = before.worker == grant.worker && before.request == request && request != nil
            if !isSame || story.holding?.fence != grant.fence {
                charge("L5", "fence \(grant.fence) of job \(grant.job) was given twice")
            }
            return
        }
        if let end = story.end {
            charge(end == .cancelled ? "J5" : "J3", "job \(grant.job) was granted after it had \(end)")
        }
        if let holding = story.holding, holding.until > now {
            charge("L1", "job \(grant.job) was granted to \(grant.worker) while \(holding.worker) held it")
        }
        if grant.fence <= story.fence { charge("F1", "fence \(grant.fence) of job \(grant.job) after \(story.fence)") }
        if grant.attempt != story.attempt + 1 {
            charge("J4", "attempt \(grant.attempt) of job \(grant.job) after \(story.attempt)")
        }
        if grant.until > now + Self.twelveHours { charge("L4", "a lease of job \(grant.job) is longer than 12 h") }
        stories[grant.job]?.fence = grant.fence
        stories[grant.job]?.attempt = grant.attempt
        stories[grant.job]?.grants[grant.fence] = (grant.worker, request)
        stories[grant.job]?.holding = Holding(
            worker: grant.worker, fence: grant.fence, until: grant.until, since: now, request: request,
            unattended: unattendedAtRound)
    }

    /// A token was good for something: it must have been the newest, in the right hands and in time.
    private mutating func use(_ token: ModelToken, _ what: String, at now: Int64) {
        guard let story = stories[token.job], let holding = story.holding else {
            return charge("F3", "job \(token.job) was \(what) by \(token.worker), and nobody held it")
        }
        if token.fence != story.fence {
            charge("F3", "job \(token.job) was \(what) with fence \(token.fence), not \(story.fence)")
        }
        if token.worker != holding.worker { charge("F3", "job \(token.job) was \(what) by another than its holder") }
        if now >= holding.until + (unattended - holding.unattended) {
            charge("L3", "job \(token.job) was \(what) after its lease had run out")
        }
    }

    private mutating func extend(_ token: ModelToken, _ until: Int64, at now: Int64) {
        use(token, "extended", at: now)
        guard let holding = stories[token.job]?.holding else { return }
        if until > holding.since + Self.twelveHours + (unattended - holding.unattended) {
            charge("L4", "a lease of job \(token.job) was extended beyond 12 h")
        }
        stories[token.job]?.holding?.until = until
    }

    private mutating func accept(_ token: ModelToken, _ result: ModelResult, at now: Int64) {
        if let before = stories[token.job]?.accepted[token.fence] {
            // A failed job that is tried again is pending once more.
            let isSame = before == result || (before.state == .failed && result.state == .pending)
            if !isSame { charge("F2", "job \(token.job) was answered \(before), then \(result)") }
            return
        }
        use(token, "finished", at: now)
        if let end = stories[token.job]?.end { charge("F2", "job \(token.job) took a result after it had \(end)") }
        stories[token.job]?.accepted[token.fence] = result
        stories[token.job]?.lossesInRow = 0
        stories[token.job]?.holding = nil
        if result.state != .completed { stories[token.job]?.failures += 1 }
        guard let story = stories[token.job] else { return }
        if result.state == .failed, story.failures < story.maxAttempts {
            charge("J4", "job \(token.job) failed after \(story.failures) of \(story.maxAttempts)")
        }
        if result.state == .pending, story.failures >= story.maxAttempts {
            charge("J4", "job \(token.job) is tried again after \(story.failures) of \(story.maxAttempts)")
        }
        if result.state.isEnded { end(token.job, result.state) }
    }

    private mutating func lose(_ job: Int, at now: Int64) {
        guard let holding = stories[job]?.holding else {
            return charge("L2", "job \(job) was swept, and nobody held it")
        }
        if now < holding.until { charge("L2", "job \(job) was taken away before its lease had run out") }
        stories[job]?.holding = nil
        stories[job]?.losses += 1
        stories[job]?.lossesInRow += 1
        if stories[job]?.lossesInRow == 3 { end(job, .failed) }
    }

    private mutating func see(_ sight: ModelSight) {
        guard let story = stories[sight.job] else {
            return charge("J1", "job \(sight.job) is there and was never submitted")
        }
        if sight.fence != story.fence {
            charge("F1", "job \(sight.job) shows fence \(sight.fence), not \(story.fence)")
        }
        if sight.losses != story.losses {
            charge("J4", "job \(sight.job) shows \(sight.losses) losses, not \(story.losses)")
        }
        if story.end == nil, sight.state == .cancelled, sight.reason == "dependency", story.fence == 0 {
            return end(sight.job, .cancelled)
        }
        if (story.end ?? .pending).isEnded || sight.state.isEnded, sight.state != story.end {
            charge("J3", "job \(sight.job) is \(sight.state), and should be \(story.end.map { "\($0)" } ?? "alive")")
        }
        if (sight.state == .running) != (story.holding != nil) {
            charge(
                "L1", "job \(sight.job) is \(sight.state), and \(story.holding == nil ? "nobody" : "somebody") holds it"
            )
        }
    }

    mutating func finish(_ ends: [ModelSight]) {
        for sight in ends { see(sight) }
        for sight in ends where !sight.state.isEnded {
            charge("J2", "job \(sight.job) never ended: it is \(sight.state)")
        }
        for job in Set(stories.keys).subtracting(ends.map(\.job)) { charge("J1", "job \(job) is lost") }
    }
}
