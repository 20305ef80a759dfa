import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("Long polls", .tags(.timed))
struct LongPollTests {
    /// Milliseconds from the submission until the waiting claim has its job; the median of several.
    private func latency(
        _ times: Int, from submitter: LabProcess, to claimer: LabProcess, _ change: (Int, inout Requirement) -> Void
    ) async throws -> Int64 {
        var latencies: [Int64] = []
        for number in 0..<times {
            async let claimed = claimer.claim(wait: .seconds(10))
            try await eventually("the claim waits") { claimer.broker.waitingClaims == 1 }
            let start = World.live.monotonic()
            try await submitter.submit([Lab.job { change(number, &$0.needs) }])
            #expect(try await claimed.count == 1)
            latencies.append(World.live.monotonic() - start)
        }
        return latencies.sorted()[times / 2]
    }

    @Test("a submission in the same process wakes a waiting claim at once", arguments: TestDatabase.all)
    func sameProcess(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        // No service runs: nothing but the subscription can wake it.
        let latency = try await latency(11, from: process, to: process) { number, need in
            if number % 2 == 0 { need.memoryMiB = Int64(number) }
        }
        // By itself it looks after five seconds.
        #expect(latency < 500)
        await process.stop()
    }

    @Test("a submission in another process wakes it by NOTIFY", arguments: [TestDatabase.postgres])
    func otherProcess(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let here = LabProcess(lab)
        let there = LabProcess(try await lab.neighbour())
        try await lab.enroll("worker")
        let claimer = LabProcess(try await lab.neighbour())
        for process in [here, there, claimer] { process.start() }
        try await lab.untilSomebodyListens(3)
        // Also of classes that the other process has never heard of; polling takes a second.
        let latency = try await latency(11, from: there, to: claimer) { number, need in
            need.memoryMiB = Int64(number / 2)
        }
        #expect(latency < 250)
        for process in [here, there, claimer] { await process.stop() }
    }

    @Test("where nothing tells it, polling finds what another process submitted", arguments: TestDatabase.all)
    func polling(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker")
        let submitter = LabProcess(lab)
        let claimer = LabProcess(try await lab.neighbour())
        for needs in [1, 1, 2] as [Int64] {
            async let claimed = claimer.claim(wait: .seconds(10))
            try await eventually("the claim waits") { claimer.broker.waitingClaims == 1 }
            try await submitter.submit([Lab.job { $0.memoryMiB = needs }])
            try await claimer.poll()
            let start = World.live.monotonic()
            #expect(try await claimed.count == 1)
            #expect(World.live.monotonic() - start < 3_000)
        }
        await claimer.stop()
    }

    @Test("a job that becomes ready later wakes a claim when it does", arguments: TestDatabase.all)
    func scheduled(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        process.start()
        async let claimed = process.claim(wait: .seconds(15))
        try await eventually("the claim waits") { process.broker.waitingClaims == 1 }
        let at = lab.now + 300
        try await process.submit([Lab.job { $0.runAt = at }])
        #expect(try await claimed.count == 1)
        #expect(lab.now >= at)
        // By itself it looks five seconds after it began to wait, and so not long before `at + 4_700`.
        #expect(lab.now < at + 3_000)
        await process.stop()
    }

    @Test("a claim outside its policy's hours waits for them", arguments: TestDatabase.all)
    func hours(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let hour: Int64 = 3_600_000
        lab.clock.advance(milliseconds: (3 * hour / 2 - lab.now % hour) % hour)
        let next = (lab.now / hour + 1) % 24
        try await lab.enroll("worker") { $0.allowedHours = [next] }
        let process = LabProcess(lab)
        try await process.submit([Lab.job()])
        #expect(try await process.claim(wait: .milliseconds(50)).isEmpty)
        async let claimed = process.claim(wait: .seconds(15) + .milliseconds(hour))
        try await eventually("the claim waits") { process.broker.waitingClaims == 1 }
        // A job that comes meanwhile isn't for it.
        try await process.submit([Lab.job()])
        try await eventually("it waits on") { process.broker.waitingClaims == 1 }
        lab.clock.advance(milliseconds: hour / 2)
        #expect(try await claimed.count == 1)
    }

    @Test("a claim that waits in vain ends in time", arguments: TestDatabase.all)
    func vain(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        try await process.lab.enroll("worker")
        let start = World.live.monotonic()
        #expect(try await process.claim(wait: .milliseconds(200)).isEmpty)
        // Its longest sleep takes five seconds.
        #expect((200..<4_000).contains(World.live.monotonic() - start))
        #expect(process.broker.waitingClaims == 0)
    }

    @Test("shutting down ends every long poll at once", arguments: TestDatabase.all)
    func shutdown(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        process.start()
        try await process.lab.enroll("worker")
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await process.claim(wait: .seconds(20)).count } }
            try await eventually("all wait") { process.broker.waitingClaims == 50 }
            let start = World.live.monotonic()
            await process.stop()
            for try await count in group { #expect(count == 0) }
            // A claim that isn't told sees it at its next look, after five seconds.
            #expect(World.live.monotonic() - start < 4_000)
        }
        #expect(try await process.claim(wait: .seconds(20)).isEmpty)
    }
}

extension Lab {
    /// Waits until so many processes listen for what becomes ready.
    func untilSomebodyListens(_ count: Int) async throws {
        let query = """
            SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN %'
            """
        try await eventually("\(count) listen") {
            let text = try await TestDatabase.psql(url, query)
            return (Int(text.filter(\.isNumber)) ?? 0) >= count
        }
    }
}
