import Support

/// Judges a history by the promises (PROMISES 1), knowing nothing of how the server works.
struct Checker {
    struct Violation: Sendable, CustomStringConvertible {
        let promise: String
        let what: String
        var description: String { "\(promise): \(what)" }
    }

    /// A grant, by its token: a claim that was repeated got it again.
    struct Grant {
        let grant: FarmMachine.Grant
        /// It can't have been given before this.
        var start: Duration
        /// It had been given by then.
        var end: Duration
        let lease: Duration

        var hold: Operation.Hold { .init(job: grant.job, token: grant.token, fence: grant.fence) }
    }

    struct Finish {
        let hold: Operation.Hold
        let isSuccess: Bool
        let operation: Operation
    }

    private static let never = Duration.seconds(1 << 32)
    static let endings: Set<String> = ["completed", "failed", "cancelled"]

    let operations: [Operation]
    let ended: [String: EndedJob]
    let maxAttempts: Int
    private(set) var grants: [String: [Grant]] = [:]
    private(set) var finishes: [String: [Finish]] = [:]

    init(_ operations: [Operation], ended: [EndedJob], maxAttempts: Int) {
        self.operations = operations.sorted { $0.start < $1.start }
        self.ended = Dictionary(ended.map { ($0.id, $0) }) { first, _ in first }
        self.maxAttempts = maxAttempts
        gather()
    }

    var violations: [Violation] {
        let ofJobs = Set(grants.keys).union(finishes.keys).sorted().flatMap { job in
            attempts(of: job) + leases(of: job) + fences(of: job) + results(of: job) + newest(of: job)
        }
        return acknowledged + endings + reads + keys + ofJobs
    }

    private mutating func gather() {
        var firstAsked: [String: Duration] = [:]
        var byToken: [String: Grant] = [:]
        for operation in operations {
            switch (operation.act, operation.outcome) {
            case (.claim(let request, let lease), let outcome):
                let asked = firstAsked[request] ?? operation.start
                firstAsked[request] = asked
                guard case .grants(let granted) = outcome else { break }
                for grant in granted where byToken[grant.token]?.end ?? Self.never > operation.end {
                    byToken[grant.token] = Grant(grant: grant, start: asked, end: operation.end, lease: lease)
                }
            case (.finish(let hold, let isSuccess), _):
                finishes[hold.job, default: []].append(
                    Finish(hold: hold, isSuccess: isSuccess, operation: operation))
            default: break
            }
        }
        grants = Dictionary(grouping: byToken.values) { $0.grant.job }
    }
}

/// Jobs.
extension Checker {
    /// J1: an acknowledged job is there at the end; what is there was asked for, once.
    private var acknowledged: [Violation] {
        var found: [Violation] = []
        var titles: Set<String> = []
        for operation in operations {
            guard case .submit(_, let title) = operation.act else { continue }
            titles.insert(title)
            if case .job(let id, _) = operation.outcome, ended[id]?.title != title {
                found.append(Violation(promise: "J1", what: "\(title) was acknowledged as \(id), which is not there"))
            }
        }
        for (title, jobs) in Dictionary(grouping: ended.values, by: \.title) {
            if !titles.contains(title) { found.append(Violation(promise: "J1", what: "\(title) is a phantom")) }
            if jobs.count > 1 { found.append(Violation(promise: "J1", what: "\(title) is there \(jobs.count) times")) }
        }
        return found
    }

    /// J2: every job ends.
    private var endings: [Violation] {
        ended.values.filter { !Self.endings.contains($0.status) }.map {
            Violation(promise: "J2", what: "\($0.id) is still \($0.status)")
        }
    }

    /// J3: an end is final, whether it was read or brought about, also for who looks when all is over.
    private var reads: [Violation] {
        var seen: [String: [(start: Duration, end: Duration, status: String)]] = [:]
        for operation in operations {
            switch (operation.act, operation.outcome) {
            case (.read(let job), .status(let status)):
                seen[job, default: []].append((operation.start, operation.end, status))
            case (.finish(let hold, true), .done):
                seen[hold.job, default: []].append((operation.start, operation.end, "completed"))
            default: break
            }
        }
        return seen.flatMap { job, reads -> [Violation] in
            let last = (start: Self.never, end: Self.never, status: ended[job]?.status ?? "gone")
            let over = reads.filter { Self.endings.contains($0.status) }
            return over.compactMap { first in
                (reads + [last]).first { $0.start > first.end && $0.status != first.status }.map {
                    Violation(promise: "J3", what: "\(job) was \(first.status), then \($0.status)")
                }
            }
        }
    }

    /// J4: attempts have numbers of their own, which increase; so many failures and no more are counted.
    private func attempts(of job: String) -> [Violation] {
        let sorted = (grants[job] ?? []).map(\.grant).sorted { $0.fence < $1.fence }
        let disorder = zip(sorted, sorted.dropFirst()).filter { $1.attempt <= $0.attempt }.map {
            Violation(promise: "J4", what: "\(job): attempt \($0.attempt), then \($1.attempt)")
        }
        let failures = accepted(job).filter { !$0.isSuccess }
        let tokens = Set(failures.map(\.hold.token)).count
        return tokens > maxAttempts
            ? disorder + [Violation(promise: "J4", what: "\(job) failed \(tokens) times")] : disorder
    }

    /// I1: the same key, the same answer.
    private var keys: [Violation] {
        var bodies: [String: Set<String>] = [:]
        for operation in operations {
            guard case .submit(let key, _) = operation.act, case .job(_, let body) = operation.outcome else { continue }
            bodies[key, default: []].insert(body)
        }
        return bodies.filter { $0.value.count > 1 }.map {
            Violation(promise: "I1", what: "\($0.key) has \($0.value.count) answers")
        }
    }
}

/// Leases.
extension Checker {
    private func accepted(_ job: String) -> [Finish] {
        (finishes[job] ?? []).filter { if case .done = $0.operation.outcome { true } else { false } }
    }

    /// While a grant surely lives: from its answer until its time, counted from its question, is over or its holder
    /// begins to end it.
    private func surelyLive(_ grant: Grant) -> (from: Duration, until: Duration) {
        var until = grant.start + grant.lease
        for operation in operations {
            guard case .extend(grant.hold, let by) = operation.act, case .done = operation.outcome else { continue }
            until = max(until, operation.start + by)
        }
        let ends = (finishes[grant.grant.job] ?? []).filter { $0.hold == grant.hold }.map(\.operation.start)
        return (grant.end, min(until, ends.min() ?? until))
    }

    /// L1, L2: never two live leases of one job; none is given away before its time.
    private func leases(of job: String) -> [Violation] {
        let lives = (grants[job] ?? []).map { ($0, surelyLive($0)) }
        return lives.flatMap { one, live in
            lives.compactMap { other, otherLive in
                guard other.hold != one.hold else { return nil }
                let isTheft = live.from <= other.start && other.end < live.until
                let areBothLive = max(live.from, otherLive.from) < min(live.until, otherLive.until)
                guard isTheft || areBothLive else { return nil }
                return Violation(
                    promise: "L1", what: "\(job): \(other.grant.fence) given while \(one.grant.fence) was held")
            }
        }
    }

    /// F1: fences are distinct, and increase in the order in which the grants were given.
    private func fences(of job: String) -> [Violation] {
        let all = grants[job] ?? []
        var found: [Violation] = []
        if Set(all.map(\.grant.fence)).count < all.count {
            found.append(Violation(promise: "F1", what: "\(job): a fence was given twice"))
        }
        for first in all {
            for second in all where first.end < second.start && first.grant.fence >= second.grant.fence {
                found.append(
                    Violation(promise: "F1", what: "\(job): \(first.grant.fence), then \(second.grant.fence)"))
            }
        }
        return found
    }

    /// F2: one end is accepted, and nothing after it; who repeats the accepted call hears the same again.
    private func results(of job: String) -> [Violation] {
        let accepted = accepted(job)
        var found: [Violation] = []
        let winners = Set(accepted.filter(\.isSuccess).map(\.hold))
        if winners.count > 1 {
            found.append(Violation(promise: "F2", what: "\(job) ended \(winners.count) times"))
        }
        if let winner = winners.first, accepted.contains(where: { $0.hold.fence > winner.fence }) {
            found.append(Violation(promise: "F2", what: "\(job): a result after the end"))
        }
        for (token, same) in Dictionary(grouping: accepted, by: \.hold.token) {
            let bodies = same.compactMap { if case .done(let body) = $0.operation.outcome { body } else { nil } }
            if Set(bodies).count > 1 {
                found.append(Violation(promise: "F2", what: "\(job): \(token) was answered differently"))
            }
        }
        let recorded = ended[job]?.attempts.filter { $0.outcome == "success" } ?? []
        if recorded.count > 1 || (!recorded.isEmpty && !winners.isEmpty && recorded[0].fence != winners.first?.fence) {
            found.append(Violation(promise: "F2", what: "\(job): other ends are recorded than were accepted"))
        }
        return found
    }

    /// F3: results and extensions are taken from the newest holder only.
    private func newest(of job: String) -> [Violation] {
        let holds = operations.compactMap { operation -> (hold: Operation.Hold, start: Duration)? in
            switch (operation.act, operation.outcome) {
            case (.finish(let hold, _), .done) where hold.job == job && !isRepeated(hold, before: operation.start):
                (hold, operation.start)
            case (.extend(let hold, _), .done) where hold.job == job: (hold, operation.start)
            default: nil
            }
        }
        return holds.compactMap { hold, start in
            (grants[job] ?? []).first { $0.grant.fence > hold.fence && $0.end < start }.map {
                Violation(promise: "F3", what: "\(job): \(hold.fence) accepted after \($0.grant.fence) was given")
            }
        }
    }

    /// Whether it may have been accepted earlier, unheard.
    private func isRepeated(_ hold: Operation.Hold, before start: Duration) -> Bool {
        (finishes[hold.job] ?? []).contains { finish in
            guard finish.hold == hold, finish.operation.start < start else { return false }
            if case .refused = finish.operation.outcome { return false }
            return true
        }
    }
}
