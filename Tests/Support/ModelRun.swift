internal import Domain
internal import Store

/// The model and the databases disagree, or a promise is broken.
package struct ModelMismatch: Error, CustomStringConvertible {
    package let description: String
}

/// Runs the same operations on the model and on real databases, and compares every answer.
package final class ModelRun {
    package private(set) var history = ModelHistory()
    package private(set) var farm = ModelFarm()
    private let seed: UInt64
    private let clock: ModelSubject.Clock
    private let subjects: [ModelSubject]
    private var generator: ModelGenerator
    private var trail: [String] = []

    package init(seed: UInt64, on databases: [TestDatabase]) async throws {
        self.seed = seed
        generator = ModelGenerator(seed: seed)
        clock = ModelSubject.Clock()
        var subjects: [ModelSubject] = []
        for database in databases { subjects.append(try await ModelSubject(database, clock: clock)) }
        self.subjects = subjects
    }

    /// Random operations; every 500, all jobs and all rows are looked at.
    package func run(_ operations: Int) async throws {
        for number in 1...operations {
            try await step(generator.next(farm, at: clock.now))
            if number % 500 == 0 { try await inspect() }
        }
    }

    /// Everything works again: now every job must end.
    package func heal() async throws {
        for worker in ModelFarm.firstWorkers.indices {
            try await step(.drain(worker: worker, false))
            try await step(.consent(worker: worker))
        }
        var rounds = 0
        while farm.jobs.contains(where: { !$0.state.isEnded }) {
            rounds += 1
            guard rounds < 200 else { throw mismatch("jobs that never end") }
            try await step(.pass(67_000, isAttended: true))
            try await step(.sweep)
            try await step(.pass(2_000, isAttended: true))
            try await step(.promote)
            for worker in ModelFarm.firstWorkers.indices {
                try await step(.claim(ModelClaim(worker: worker, limit: 20, timeout: 60_500)))
            }
            let tokens = farm.jobs.enumerated().compactMap { number, job in
                job.lease.map { ModelToken(job: number, fence: $0.fence, worker: $0.worker) }
            }
            try await step(.finish(tokens.map { ModelReport(token: $0, status: .success) }))
        }
        try await inspect()
        history.ends = try await subjects[0].sights(of: farm.jobs.indices)
    }

    private func step(_ operation: ModelOperation) async throws {
        trail.append("\(operation)")
        if trail.count > 40 { trail.removeFirst() }
        if case .pass(let duration, let isAttended) = operation { pass(duration, isAttended) }
        var answers: [ModelAnswer] = []
        for subject in subjects { answers.append(try await subject.apply(operation)) }
        guard let answer = answers.first, answers.allSatisfy({ $0 == answer }) else {
            throw mismatch("the databases answer differently: \(answers)")
        }
        if let expected = farm.apply(operation, at: clock.now) {
            guard expected == answer else { throw mismatch("answered \(answer), not \(expected)") }
        } else if case (.claim(let claim), .grants(let grants)) = (operation, answer) {
            let wrong = farm.check(claim, grants, at: clock.now)
            guard wrong.isEmpty else { throw mismatch(wrong.joined(separator: "; ")) }
            generator.note(grants)
        }
        history.note(operation, answer, at: clock.now)
        try await look(at: touched(operation, answer))
    }

    /// No further than to a time at which it is clear what is over and what isn't.
    private func pass(_ duration: Int64, _ isAttended: Bool) {
        clock.advance(duration)
        var more: Int64 = 0
        while farm.isUnclear(at: clock.now) {
            clock.advance(2_000)
            more += 2_000
        }
        if more > 0 { history.note(.passed(more, isAttended: isAttended), at: clock.now) }
    }

    private func touched(_ operation: ModelOperation, _ answer: ModelAnswer) -> Set<Int> {
        switch (operation, answer) {
        case (_, .jobs(let numbers, _)), (_, .swept(let numbers)): Set(numbers)
        case (_, .grants(let grants)): Set(grants.map(\.job))
        case (.extend(let wanted), _): Set(wanted.map(\.token.job))
        case (.finish(let reports), _): Set(reports.map(\.token.job))
        case (.progress(let token, _), _), (.release(let token), _): [token.job]
        case (.cancel(let job, _), _), (.retry(let job, _), _): [job]
        default: []
        }
    }

    private func look(at jobs: Set<Int>) async throws {
        let numbers = jobs.sorted()
        guard !numbers.isEmpty else { return }
        let expected = numbers.map { farm.sight(of: $0) }
        for subject in subjects {
            let sights = try await subject.sights(of: numbers)
            for (sight, wanted) in zip(sights, expected) where sight != wanted {
                throw mismatch("seen is \(sight), not \(wanted)")
            }
            guard sights.count == numbers.count else { throw mismatch("of \(numbers) only \(sights) are there") }
        }
        for sight in expected { history.note(.seen(sight), at: clock.now) }
    }

    private func inspect() async throws {
        try await look(at: Set(farm.jobs.indices))
        for subject in subjects {
            let found = try await subject.database.read { try $0.contradictions() }
            guard found.isEmpty else { throw mismatch(found.joined(separator: "; ")) }
        }
    }

    private func mismatch(_ words: String) -> ModelMismatch {
        ModelMismatch(description: "seed \(seed): \(words)\nafter:\n\(trail.joined(separator: "\n"))")
    }
}
