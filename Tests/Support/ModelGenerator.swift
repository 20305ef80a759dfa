internal import Domain

/// Operations that are likely to go wrong: live tokens, stale ones, those of others, repetitions, time in all sizes.
package struct ModelGenerator: Sendable {
    private var chance: ModelChance
    private var queue: [ModelOperation] = []
    private var tokens: [ModelToken] = []
    private var claims: [ModelClaim] = []
    private var submissions: [ModelSubmission] = []
    private var lastKey = 0
    private var lastRequest = 0

    package init(seed: UInt64) { chance = ModelChance(seed: seed) }

    /// The next operation, given how things stand.
    package mutating func next(_ farm: ModelFarm, at now: Int64) -> ModelOperation {
        if !queue.isEmpty { return queue.removeFirst() }
        let operation = choose(farm, at: now)
        switch operation {
        // What has just gone back may be due now or in a millisecond.
        case .promote where farm.isUnclear(at: now):
            queue = [.promote]
            return .pass(2_000, isAttended: true)
        case .claim(let claim): claims.append(claim)
        case .submit(let submission) where submission.key != nil: submissions.append(submission)
        // What is tried again is ready before anything else is, so that its place is beyond doubt.
        case .retry: queue = [.pass(2_000, isAttended: true), .promote]
        case .sweep where chance.oneIn(20): queue = badDay(worker())
        default: break
        }
        return operation
    }

    /// A worker that takes what it can and is lost, three times over.
    private func badDay(_ worker: Int) -> [ModelOperation] {
        let loss: [ModelOperation] = [
            .claim(ModelClaim(worker: worker, limit: 6, timeout: 30_500)), .pass(67_000, isAttended: true), .sweep,
            .pass(2_000, isAttended: true), .promote,
        ]
        return [.consent(worker: worker), .drain(worker: worker, false)] + loss + loss + loss
    }

    /// Remembers the tokens that a claim gave.
    package mutating func note(_ grants: [ModelGrant]) {
        tokens += grants.map { ModelToken(job: $0.job, fence: $0.fence, worker: $0.worker) }
        if tokens.count > 200 { tokens.removeFirst(tokens.count - 200) }
    }

    private mutating func choose(_ farm: ModelFarm, at now: Int64) -> ModelOperation {
        let job =
            farm.jobs.isEmpty ? nil : Int.random(in: max(0, farm.jobs.count - 60)..<farm.jobs.count, using: &chance)
        let owner = Int.random(in: 0..<ModelFarm.owners, using: &chance)
        switch Int.random(in: 0..<100, using: &chance) {
        case 0..<14 where farm.jobs.lazy.filter({ !$0.state.isEnded }).count < 60:
            return .submit(
                submission(farm, owner, count: chance.oneIn(4) ? Int.random(in: 1...8, using: &chance) : 1, now))
        case 14..<36: return claim()
        case 36..<44: return .extend(some(farm).map { ModelExtension(token: $0, milliseconds: extensionLength()) })
        case 44..<49:
            guard let token = some(farm).first else { return .promote }
            return .progress(token, percent: chance.number(0...100))
        case 49..<53:
            guard let token = some(farm).first else { return .promote }
            return .release(token)
        case 53..<73: return .finish(some(farm).map { ModelReport(token: $0, status: status()) })
        case 73..<77:
            guard let job else { return .sweep }
            return .cancel(job: job, owner: chance.oneIn(5) ? owner : farm.jobs[job].owner)
        case 77..<80:
            let failed = farm.jobs.indices.suffix(200).filter { farm.jobs[$0].state == .failed }
            guard let job = chance.oneIn(4) ? job : chance.pick(failed) else { return .sweep }
            return .retry(job: job, owner: farm.jobs[job].owner)
        case 80..<87: return .sweep
        case 87..<93: return .promote
        case 93..<96: return .pass(duration(), isAttended: !chance.oneIn(3))
        case 96: return .revoke(worker: worker())
        case 97: return .consent(worker: worker())
        case 98: return .drain(worker: worker(), true)
        default: return .drain(worker: worker(), false)
        }
    }

    private mutating func worker() -> Int { Int.random(in: 0..<ModelFarm.firstWorkers.count, using: &chance) }

    private mutating func status() -> Outcome.Status {
        chance.oneIn(3) ? (chance.oneIn(3) ? .timeout : .failure) : .success
    }

    /// No two of these ever add up to a second or to three: the edge of what counts as an outage.
    private mutating func duration() -> Int64 {
        chance.pick([2_000, 2_000, 5_000, 31_000, 31_000, 67_000, 67_000, 67_000, 3_601_000, 46_800_000]) ?? 2_000
    }

    /// Half a second off every pass of time, so that nothing ends just when it is asked.
    private mutating func extensionLength() -> Int64 { chance.pick([20_500, 90_500, 600_500, 43_200_500]) ?? 500 }

    private mutating func claim() -> ModelOperation {
        if chance.oneIn(5), let earlier = chance.pick(claims.suffix(6).filter { $0.request != nil }) {
            return .claim(earlier)
        }
        var claim = ModelClaim(
            worker: worker(), limit: Int.random(in: 1...6, using: &chance),
            timeout: chance.pick([30_500, 60_500, 60_500, 3_600_500]) ?? 60_500)
        if chance.oneIn(2) {
            lastRequest += 1
            claim.request = lastRequest
        }
        return .claim(claim)
    }

    private mutating func submission(
        _ farm: ModelFarm, _ owner: Int, count: Int, _ now: Int64
    ) -> ModelSubmission {
        if chance.oneIn(8), var earlier = chance.pick(submissions.suffix(10)) {
            if chance.oneIn(3) { earlier.body += 1 }
            if chance.oneIn(6) { earlier.owner = owner }
            return isKnown(earlier, farm) ? earlier : timedAnew(earlier, farm)
        }
        let jobs = (0..<count).map { index in wanted(farm, owner, farm.jobs.count + index, now) }
        if chance.oneIn(3) { lastKey += 1 }
        return ModelSubmission(owner: owner, jobs: jobs, key: chance.oneIn(3) ? lastKey : nil, body: 0)
    }

    private func isKnown(_ submission: ModelSubmission, _ farm: ModelFarm) -> Bool {
        submission.key.map { farm.keys[ModelKey(owner: submission.owner, number: $0)] != nil } ?? false
    }

    /// A copy that makes new jobs, as nobody has used its key: two owners' jobs of one time are ready in any order.
    private func timedAnew(_ submission: ModelSubmission, _ farm: ModelFarm) -> ModelSubmission {
        var copy = submission
        for index in copy.jobs.indices {
            guard let time = copy.jobs[index].runAt else { continue }
            let number = farm.jobs.count + index
            copy.jobs[index].runAt = time < Self.firstFuture ? Self.past(number) : Self.future(time, number)
        }
        return copy
    }

    /// A time in this second that no other job has: the order in which they become ready is then beyond doubt.
    private static func future(_ time: Int64, _ number: Int) -> Int64 {
        time / 1_000 * 1_000 + 500 + Int64(number % 100)
    }

    /// A time long ago that no other job has.
    private static func past(_ number: Int) -> Int64 { 1_000 + Int64(number) }

    /// Later than any `past`, and earlier than any `future`.
    private static let firstFuture: Int64 = 1_000_000_000_000

    private mutating func wanted(
        _ farm: ModelFarm, _ owner: Int, _ number: Int, _ now: Int64
    ) -> ModelSubmission.Job {
        var job = ModelSubmission.Job(
            classNumber: Int.random(in: 0..<ModelFarm.classes.count, using: &chance),
            maxAttempts: chance.number(1...3), runAt: nil, dependsOn: [])
        if chance.oneIn(8) {
            job.runAt = Self.future(now + chance.number(1...60) * 1_000, number)
        } else if chance.oneIn(4) {
            job.runAt = Self.past(number)
            for _ in 0..<Int.random(in: 1...3, using: &chance) where number > 0 {
                let recent = Int.random(in: max(0, farm.jobs.count - 20)...max(0, farm.jobs.count - 1), using: &chance)
                let isOwn = farm.jobs.indices.contains(recent) && farm.jobs[recent].owner == owner
                if isOwn || chance.oneIn(10) { job.dependsOn.append(recent) }
            }
        }
        return job
    }

    /// One to four different tokens: mostly of those who hold, else stale, or shown by another worker.
    private mutating func some(_ farm: ModelFarm) -> [ModelToken] {
        let holding = farm.jobs.enumerated().compactMap { number, job in
            job.lease.map { ModelToken(job: number, fence: $0.fence, worker: $0.worker) }
        }
        var chosen: [ModelToken] = []
        for _ in 0..<Int.random(in: 1...4, using: &chance) {
            guard var token = chance.oneIn(4) ? chance.pick(tokens) : chance.pick(holding) else { continue }
            if chance.oneIn(15) { token.worker = worker() }
            if !chosen.contains(token) { chosen.append(token) }
        }
        return chosen
    }
}
