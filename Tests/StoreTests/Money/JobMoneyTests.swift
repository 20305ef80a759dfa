import Domain
import Store
import Support
import Testing

/// What becomes of ten dollars that are held for a job, whatever becomes of the job (CONTRACT 5).
@Suite("The money of a job")
struct JobMoneyTests {
    private static let price = 10 * Money.usdt

    /// A course that a job can take; the last claim's attempt is paid, unless it says otherwise.
    struct Course: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var attempts: Int64 = 1
        /// Whether its provider earns something.
        let isPaid: Bool
        let state: JobState
        let take: @Sendable (Lab, JobID) async throws -> Void

        init(
            _ name: String, attempts: Int64 = 1, paid: Bool, _ state: JobState,
            _ take: @escaping @Sendable (Lab, JobID) async throws -> Void
        ) {
            (testDescription, self.attempts, isPaid, self.state, self.take) = (name, attempts, paid, state, take)
        }
    }

    static let courses = [
        Course("it succeeds", paid: true, .completed) { lab, _ in
            try await lab.work(.success)
        },
        Course("it fails for good", paid: true, .failed) { lab, _ in
            try await lab.work(.failure)
        },
        Course("it takes too long", paid: true, .failed) { lab, _ in
            try await lab.work(.timeout)
        },
        Course("it fails, is tried again and succeeds", attempts: 2, paid: true, .completed) { lab, _ in
            try await lab.work(.failure)
            try await lab.work(.success)
        },
        Course("its lease is lost, and the next worker succeeds", paid: true, .completed) { lab, _ in
            try await lab.loseLease()
            try await lab.work(.success)
        },
        Course("it loses three workers", paid: false, .failed) { lab, _ in
            for _ in 0..<3 { try await lab.loseLease() }
        },
        Course("it is given back, and then cancelled", paid: false, .cancelled) { lab, id in
            try await lab.release(try await lab.claim())
            try await lab.cancel(id)
        },
        Course("it is cancelled before anybody has it", paid: false, .cancelled) { lab, id in
            try await lab.cancel(id)
        },
        Course("it is cancelled while it runs", paid: false, .cancelled) { lab, id in
            let lease = try await lab.claim()
            try await lab.pass(.milliseconds(20))
            try await lab.cancel(id)
            await #expect(throws: Refusal.jobEnded(id, .cancelled)) { try await lab.finish(lease) }
        },
        Course("it fails, and is cancelled before its second attempt", attempts: 2, paid: true, .cancelled) { lab, id in
            try await lab.work(.failure)
            try await lab.cancel(id)
        },
        Course("it fails for good, is tried again by hand and succeeds", paid: true, .completed) { lab, id in
            try await lab.work(.failure)
            try await lab.retry(id)
            try await lab.work(.success)
        },
        Course("it fails for good, is tried again by hand and cancelled", paid: true, .cancelled) { lab, id in
            try await lab.work(.failure)
            try await lab.retry(id)
            try await lab.cancel(id)
        },
    ]

    @Test("goes where its course says, to the last unit", arguments: TestDatabase.all, courses)
    func course(on database: TestDatabase, _ course: Course) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: Lab.aDollarASecond)
        try await lab.fund(Lab.alice, 12 * Money.usdt)
        let id = try await lab.submit {
            $0.maxPrice = Self.price
            $0.maxHourlyPrice = Lab.aDollarASecond
            $0.maxAttempts = course.attempts
            $0.backoff = Backoff(initial: 0, factor: 1, max: 0)
        }
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 2 * Money.usdt, held: Self.price))
        try await course.take(lab, id)
        #expect(try await lab.state(id) == course.state)
        let earned = try await lab.balance(of: Lab.farmer).available
        #expect((earned > 0) == course.isPaid)
        #expect(earned < Self.price)
        let rest = 12 * Money.usdt - earned
        #expect(try await lab.balance() == Balance(asset: .usdt, available: rest, held: 0))
        try await lab.expectBooksBalance()
    }

    @Test("pays the time from claim to result, at the price of the claim", arguments: TestDatabase.all)
    func exact(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: 7_000_001)
        try await lab.fund(Lab.alice, Self.price)
        let id = try await lab.submit { $0.maxPrice = Self.price }
        let lease = try await lab.claim()
        try await lab.pass(.milliseconds(137))
        let finished = try await lab.finish(lease)
        let job = try #require(try await lab.job(id))
        let time = try #require(job.ending).endedAt - (try #require(job.claimedAt))
        #expect(time >= 137)
        #expect(finished.paid == time * 7_000_001 / 3_600_000)
        #expect(try await lab.balance(of: Lab.farmer).available == finished.paid)
        // Whoever repeats the report is told the same, and nobody is paid again.
        #expect(try await lab.finish(lease).paid == finished.paid)
        #expect(try await lab.balance(of: Lab.farmer).available == finished.paid)
        let reasons = try await lab.lines().map(\.reason)
        #expect(reasons == ["deposit", "job_hold", "job_refund"])
        try await lab.expectBooksBalance()
    }

    @Test("never pays more than was held, over all attempts", arguments: TestDatabase.all)
    func most(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: 1_000 * Lab.aDollarASecond)
        try await lab.fund(Lab.alice, Self.price)
        let id = try await lab.submit {
            $0.maxPrice = Self.price
            $0.backoff = Backoff(initial: 0, factor: 1, max: 0)
        }
        try await lab.work(.failure)
        #expect(try await lab.balance(of: Lab.farmer).available == Self.price)
        // Nobody works on for nothing.
        #expect(try await lab.state(id) == .failed)
        #expect(try #require(try await lab.job(id)?.ending).reason == "price")
        await #expect {
            try await lab.retry(id)
        } throws: { error in
            if case Refusal.wrongState(let text) = error { text.contains("max_price_usdt") } else { false }
        }
        #expect(try await lab.state(id) == .failed)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 0, held: 0))
        try await lab.expectBooksBalance()
    }

    @Test("a further attempt has at least half of what it may earn", arguments: TestDatabase.all)
    func half(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: 3_600 * Money.usdt)
        try await lab.fund(Lab.alice, Self.price)
        let id = try await lab.submit {
            $0.maxPrice = Self.price
            $0.maxAttempts = 9
            $0.backoff = Backoff(initial: 0, factor: 1, max: 0)
        }
        try await lab.work(.failure)
        #expect(try await lab.state(id) == .scheduled)
        try await lab.promote()
        let lease = try await lab.claim()
        try await lab.pass(.seconds(6))
        try await lab.finish(lease, .failure)
        #expect(try await lab.state(id) == .failed)
        let rest = Self.price - (try await lab.balance(of: Lab.farmer).available)
        #expect((1..<Self.price / 2).contains(rest))
        #expect(try await lab.balance() == Balance(asset: .usdt, available: rest, held: 0))
        await #expect(throws: Refusal.self) { try await lab.retry(id) }
        #expect(try await lab.balance() == Balance(asset: .usdt, available: rest, held: 0))
        try await lab.expectBooksBalance()
    }

    @Test("is nobody's on one's own machine: both legs meet in one account", arguments: TestDatabase.all)
    func own(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", owner: Lab.alice, hourlyPrice: Lab.aDollarASecond)
        try await lab.fund(Lab.alice, Self.price)
        try await lab.submit { $0.maxPrice = Self.price }
        try await lab.work(.success)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: Self.price, held: 0))
        try await lab.expectBooksBalance()
    }

    @Test("goes back to whoever waited for a job that failed", arguments: TestDatabase.all)
    func dependents(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 2 * Self.price)
        let first = try await lab.submit { $0.maxPrice = Self.price }
        let second = try await lab.submit {
            $0.maxPrice = Self.price
            $0.dependsOn = [first]
        }
        try await lab.cancel(first)
        #expect(try await lab.state(second) == .cancelled)
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 2 * Self.price, held: 0))
        let unborn = try await lab.submit {
            $0.maxPrice = Self.price
            $0.dependsOn = [first]
        }
        #expect(try await lab.state(unborn) == .cancelled)
        #expect(try await lab.balance().held == 0)
        try await lab.expectBooksBalance()
    }

    @Test("must be there: whoever is short is refused, and nobody else", arguments: TestDatabase.all)
    func short(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, Self.price)
        let priced = { (price: Int64, owner: OwnerID) in Lab.job(by: owner) { $0.maxPrice = price } }
        let submissions = [
            Lab.submission([priced(6 * Money.usdt, Lab.alice)]), Lab.submission([priced(1, Lab.bob)]),
            Lab.submission([priced(3 * Money.usdt, Lab.alice), priced(2 * Money.usdt, Lab.alice)]),
            Lab.submission([priced(4 * Money.usdt, Lab.alice)]), Lab.submission([Lab.job(by: Lab.bob)]),
        ]
        for submission in submissions { lab.hints.know(submission.jobs) }
        let hints = lab.hints.submit
        let results = try await lab.database.write { try $0.submit(submissions, hints: hints) }
        let refusals = results.map { result -> Refusal? in
            if case .failure(let refusal) = result { refusal } else { nil }
        }
        #expect(
            refusals == [
                nil, .insufficientFunds(.usdt, needed: 1, available: 0),
                .insufficientFunds(.usdt, needed: 2 * Money.usdt, available: Money.usdt), nil, nil,
            ])
        #expect(try await lab.balance() == Balance(asset: .usdt, available: 0, held: Self.price))
        #expect(try await lab.all().count == 2)
        try await lab.expectBooksBalance()
    }

    @Test("must be there again when a failed job is retried", arguments: TestDatabase.all)
    func retry(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: Lab.aDollarASecond)
        try await lab.fund(Lab.alice, Self.price)
        let id = try await lab.submit {
            $0.maxPrice = Self.price
            $0.maxAttempts = 1
        }
        try await lab.work(.failure)
        let left = try await lab.balance().available
        try await lab.submit { $0.maxPrice = left - 5 }
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: left, available: 5)) {
            try await lab.retry(id)
        }
        #expect(try await lab.state(id) == .failed)
        try await lab.expectBooksBalance()
    }
}

extension Lab {
    /// Somebody takes the job, works for a while, and reports.
    fileprivate func work(_ status: Outcome.Status) async throws {
        try await promote()
        let lease = try await claim()
        try await pass(.milliseconds(20))
        try await finish(lease, status)
    }

    /// Somebody takes the job and is never heard of again.
    fileprivate func loseLease() async throws {
        try await lose(try await claim())
        try await pass(.seconds(5))
    }
}
