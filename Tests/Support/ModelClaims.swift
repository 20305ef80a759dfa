internal import Domain

/// The rules of a claim: the model doesn't choose, it judges.
extension ModelFarm {
    func room(of worker: Int) -> Int64? {
        workers[worker].cores.map { cores in
            cores - jobs.reduce(0) { $0 + ($1.lease?.worker == worker ? Self.classes[$1.classNumber].cores : 0) }
        }
    }

    private func mayHave(_ worker: Int, _ job: Job) -> Bool {
        let (need, offer) = (Self.classes[job.classNumber], workers[worker])
        return offer.kinds.contains(need.kind) && need.minutes <= offer.maxMinutes ?? .max
    }

    /// What is wrong with the grants of a claim, if anything is; else they are taken over.
    mutating func check(_ claim: ModelClaim, _ grants: [ModelGrant], at now: Int64) -> [String] {
        let key = claim.request.map { ModelKey(owner: claim.worker, number: $0) }
        if let request = claim.request, let key, answered.contains(key) {
            let held = jobs.indices.filter { number in
                guard let lease = jobs[number].lease else { return false }
                return lease.worker == claim.worker && lease.request == request && lease.until > now
            }
            let expected = held.compactMap { number in jobs[number].lease.map { grant(number, $0) } }
            return expected == grants ? [] : ["a repeated claim gave \(grants), not \(expected)"]
        }
        if let key, !grants.isEmpty { answered.insert(key) }
        let offer = workers[claim.worker]
        guard offer.hasConsent, !offer.isDraining else {
            return grants.isEmpty ? [] : ["a worker that may have nothing got \(grants)"]
        }
        var wrong = grants.flatMap { check($0, of: claim, at: now) }
        wrong += checkChoice(claim, grants)
        for grant in grants where jobs.indices.contains(grant.job) { take(grant, for: claim) }
        return wrong
    }

    private func grant(_ number: Int, _ lease: Lease) -> ModelGrant {
        ModelGrant(
            job: number, worker: lease.worker, fence: lease.fence, attempt: jobs[number].attempt, until: lease.until,
            ends: lease.ends)
    }

    private func check(_ grant: ModelGrant, of claim: ModelClaim, at now: Int64) -> [String] {
        guard jobs.indices.contains(grant.job) else { return ["job \(grant.job) was never submitted"] }
        let job = jobs[grant.job]
        let expected = ModelGrant(
            job: grant.job, worker: claim.worker, fence: job.fence + 1, attempt: job.attempt + 1,
            until: now + claim.timeout, ends: now + Self.twelveHours)
        var wrong: [String] = []
        if grant != expected { wrong.append("the claim gave \(grant), not \(expected)") }
        if job.state != .pending { wrong.append("job \(grant.job) was claimed while \(job.state)") }
        if !mayHave(claim.worker, job) { wrong.append("job \(grant.job) doesn't fit worker \(claim.worker)") }
        return wrong
    }

    /// Whether these jobs were the ones to take: as many as fit, the highest priorities first, each owner's in
    /// its order.
    private func checkChoice(_ claim: ModelClaim, _ grants: [ModelGrant]) -> [String] {
        var wrong: [String] = []
        let taken = Set(grants.map(\.job))
        if taken.count != grants.count { wrong.append("a job was granted twice in one claim") }
        if grants.count > claim.limit { wrong.append("\(grants.count) grants, though \(claim.limit) were asked") }
        let room = room(of: claim.worker)
        func left(after isBefore: (Class) -> Bool) -> Int64? {
            let needs = taken.filter(jobs.indices.contains).map { Self.classes[jobs[$0].classNumber] }
            return room.map { room in room - needs.filter(isBefore).reduce(0) { $0 + $1.cores } }
        }
        if let left = left(after: { _ in true }), left < 0 { wrong.append("more than worker \(claim.worker) has") }
        for number in jobs.indices where jobs[number].state == .pending && !taken.contains(number) {
            let (job, need) = (jobs[number], Self.classes[jobs[number].classNumber])
            guard mayHave(claim.worker, job) else { continue }
            if grants.count < claim.limit, need.cores <= left(after: { _ in true }) ?? .max {
                wrong.append("job \(number) fits worker \(claim.worker) and was not granted")
            }
            let roomThen = left(after: { $0.priority >= need.priority })
            for other in taken.filter(jobs.indices.contains) {
                let rival = Self.classes[jobs[other].classNumber]
                if rival.priority < need.priority, need.cores <= roomThen ?? .max {
                    wrong.append("job \(other) went before job \(number) of a higher priority")
                }
                if jobs[other].classNumber == job.classNumber, jobs[other].owner == job.owner,
                    let (mine, its) = both(job.place, jobs[other].place), mine < its
                {
                    wrong.append("job \(other) went before job \(number) of the same owner and class")
                }
            }
        }
        return wrong
    }

    private func both(_ left: Int?, _ right: Int?) -> (Int, Int)? {
        guard let left, let right else { return nil }
        return (left, right)
    }

    private mutating func take(_ grant: ModelGrant, for claim: ModelClaim) {
        jobs[grant.job].state = .running
        jobs[grant.job].fence = grant.fence
        jobs[grant.job].attempt = grant.attempt
        jobs[grant.job].lease = Lease(
            worker: claim.worker, fence: grant.fence, until: grant.until, ends: grant.ends, request: claim.request)
    }
}

/// What must be seen of a job.
extension ModelFarm {
    package func sight(of number: Int) -> ModelSight {
        let job = jobs[number]
        return ModelSight(
            job: number, state: job.state, attempt: job.attempt, fence: job.fence, losses: job.losses,
            percent: job.percent, reason: job.reason, worker: job.lease?.worker ?? job.worker,
            until: job.lease?.until)
    }

    /// Whether something happens so close to this time that two clocks might disagree about it.
    package func isUnclear(at time: Int64) -> Bool {
        jobs.contains { job in
            let times = [job.lease?.until, job.lease?.ends, job.state == .scheduled ? job.runAt : nil]
            return times.contains { $0.map { abs($0 - time) < 400 } ?? false }
        }
    }

    /// Applies an operation; returns what it must answer, nil for a claim, which `check` judges.
    mutating func apply(_ operation: ModelOperation, at now: Int64) -> ModelAnswer? {
        switch operation {
        case .submit(let submission): return submit(submission, at: now)
        case .claim: return nil
        case .extend(let wanted): return extend(wanted, at: now)
        case .progress(let token, let percent): return progress(token, percent: percent, at: now)
        case .release(let token): return release(token, at: now)
        case .finish(let reports): return finish(reports, at: now)
        case .cancel(let job, let owner): return cancel(job, by: owner, at: now)
        case .retry(let job, let owner): return retry(job, by: owner, at: now)
        case .sweep: return sweep(at: now)
        case .promote: return promote(at: now)
        case .pass(_, let isAttended):
            if isAttended, lastRound != nil { lastRound = now }
            return .done
        case .revoke(let worker): return revoke(worker, at: now)
        case .consent(let worker): workers[worker].hasConsent = true
        case .drain(let worker, let isDraining): workers[worker].isDraining = isDraining
        }
        return .done
    }
}
