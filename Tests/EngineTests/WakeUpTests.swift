import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// A wake-up is for one job; who can't follow it must not keep it.
@Suite("Wake-ups are not lost", .tags(.timed))
struct WakeUpTests {
    /// Milliseconds; a claim whose wake-up got lost looks by itself only five seconds after it last did.
    private static let soon: Int64 = 3_000

    /// Claims that wait, and the time until the one of `name` has its job.
    private func pickUp(
        _ process: LabProcess, _ job: NewJob, by name: String, beside others: [String],
        _ change: @escaping @Sendable (String, inout Claim) -> Void = { _, _ in }
    ) async throws -> Int64 {
        try await withThrowingTaskGroup(of: Int64?.self) { group in
            let start = Shared<Int64>(0)
            for (index, waiter) in (others + [name]).enumerated() {
                group.addTask {
                    let leases = try await process.claim(by: waiter, wait: .seconds(8), claim: { change(waiter, &$0) })
                    guard waiter == name else { return nil }
                    #expect(leases.count == 1)
                    return World.live.monotonic() - start.value
                }
                try await eventually("it waits") { process.broker.waitingClaims == index + 1 }
            }
            start.change { $0 = World.live.monotonic() }
            try await process.submit([job])
            var time: Int64?
            while time == nil, let next = try await group.next() { time = next }
            group.cancelAll()
            await process.stop()
            return try #require(time)
        }
    }

    @Test("a worker without consent, or draining, keeps none from others", arguments: TestDatabase.all)
    func void(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("no consent", hasConsent: false)
        try await lab.enroll("draining")
        try await lab.drain("draining")
        let time = try await pickUp(
            LabProcess(lab), Lab.job(), by: "worker", beside: ["no consent", "draining", "no consent"])
        #expect(time < Self.soon)
    }

    @Test("a worker that is full keeps none from others", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        try await lab.enroll("full", capacity: Capacity(milliCores: 1_000))
        try await process.submit([Lab.job { $0.milliCores = 1_000 }])
        #expect(try await process.claim(by: "full").count == 1)
        let time = try await pickUp(
            process, Lab.job { $0.milliCores = 1_000 }, by: "worker", beside: ["full"])
        #expect(time < Self.soon)
    }

    @Test("a caller who has hung up keeps none from others", arguments: TestDatabase.all)
    func abandoned(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        try await lab.enroll("worker")
        let hasHungUp = Shared(false)
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                try await process.claim(wait: .seconds(8), isAbandoned: { hasHungUp.value }).count
            }
            try await eventually("it waits") { process.broker.waitingClaims == 1 }
            group.addTask { try await process.claim(wait: .seconds(8)).count }
            try await eventually("both wait") { process.broker.waitingClaims == 2 }
            hasHungUp.change { $0 = true }
            let start = World.live.monotonic()
            try await process.submit([Lab.job()])
            var counts: [Int] = []
            for try await count in group { counts.append(count) }
            #expect(counts.sorted() == [0, 1])
            #expect(World.live.monotonic() - start < Self.soon)
        }
    }

    @Test("a hundred jobs at once meet a hundred waiting claims, without a poll", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        for number in 0..<10 { try await lab.enroll("worker \(number)") }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                group.addTask { try await process.claim(by: "worker \(number % 10)", wait: .seconds(8)).count }
            }
            try await eventually("all wait") { process.broker.waitingClaims == 100 }
            let start = World.live.monotonic()
            for number in 0..<10 as Range<Int64> {
                try await process.submit((0..<10).map { _ in Lab.job { $0.memoryMiB = number % 3 } })
            }
            #expect(try await group.reduce(0, +) == 100)
            #expect(World.live.monotonic() - start < 4_000)
        }
    }

    @Test("jobs of two classes wake the workers that fit them", arguments: TestDatabase.all)
    func fitting(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let time = try await pickUp(
            process, Lab.job { $0.queue = "nightly" }, by: "nightly", beside: ["default", "default"]
        ) { name, claim in claim.offer.queues = [name] }
        #expect(time < Self.soon)
    }

    @Test("what an idle worker fits is handed out without a pause between two classes", arguments: TestDatabase.all)
    func noPause(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        for priority in [3, 5, 7] as [Int64] {
            try await process.submit((0..<5).map { _ in Lab.job(priority: priority) })
        }
        // One at a time, and no service runs: what is passed over must not be forgotten.
        #expect(try await process.drain(upTo: 1).count == 15)
    }
}
