import Bytes
import Domain
@testable import Runtime
import Support
import Synchronization
import Testing
import Wire

@Suite("A worker that comes back", .timeLimit(.minutes(1)))
struct WorkerMemoryTests {
    @Test("a result that nobody answered before the stop is reported by the next start, once, and never given back")
    func owedResult() async throws {
        let farm = try FakeFarm()
        let state = Scratch.path("journal")
        farm.offer(.sample("a"))
        farm.fault { $0.path.hasSuffix("/results") ? .refusal(503, headers: ["Retry-After": "0"]) : nil }
        let first = try Bench(farm, state: state) { _, _ in ExecutionResult(.success, exitCode: 0, output: "done\n") }
        try await eventually("it tries to report") { first.backoffs(of: "result") > 1 }
        await first.loop.drain()
        await first.loop.drain()
        await first.ended()
        #expect(first.count { if case .unreported("a") = $0 { true } else { false } } == 1)
        #expect(farm.noted(\.released).isEmpty)
        farm.fault(nil)
        farm.notes.withLock { $0.paid = "0.25" }
        let second = try Bench(farm, state: state, run: forever)
        try await eventually("it is reported") { farm.noted { $0.results["a"] != nil } }
        try await eventually("it is told as earned") {
            second.count { if case .paid("a", "0.25") = $0 { true } else { false } } == 1
        }
        #expect(farm.noted { $0.results["a"]?.map(\.output) } == ["done\n"])
        await second.end()
    }

    @Test("what died with a killed daemon is said to be lost, before anything is claimed")
    func lostWork() async throws {
        let farm = try FakeFarm()
        let state = Scratch.path("journal")
        do {
            let journal = try Journal(in: state, workerID: farm.credentials.workerID)
            for job: JobID in ["a", "b"] { journal.recordLease(.sample(job)) }
        }
        let bench = try Bench(farm, state: state, run: forever)
        try await eventually("it claims") { !farm.requests(to: "/claim").isEmpty }
        #expect(Set(farm.noted(\.reportedLost)) == ["a", "b"])
        let calls = farm.noted(\.requests).map(\.path).filter { $0.hasSuffix("/claim") || $0.hasSuffix("/release") }
        #expect(calls.prefix(2).allSatisfy { $0.hasSuffix("/release") })
        #expect(bench.count { if case .recovered(results: 0, lost: 2) = $0 { true } else { false } } == 1)
        await bench.end()
        // Said once.
        let again = try Bench(farm, state: state, run: forever)
        try await eventually("it claims again") { farm.requests(to: "/claim").count > 1 }
        #expect(farm.noted(\.reportedLost).count == 2)
        await again.end()
    }

    @Test("a piece of log whose answer was lost goes out again and is kept once")
    func lostAnswerToLog() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let cuts = Mutex(0)
        farm.fault { request in
            guard request.path.hasSuffix("/progress"), counted(cuts) <= 2 else { return nil }
            _ = farm.respond(request)
            return .cut
        }
        let lines = (1...400).map { "Zeile \($0) äöü\n" }
        let bench = try Bench(farm) { _, context in
            for line in lines {
                context.log(RawText(line))
                if line.contains("00 ") { try await World.live.sleep(.milliseconds(300)) }
            }
            return ExecutionResult(.success)
        }
        try await eventually("it is done") { bench.finished == 1 }
        #expect(farm.noted(\.log) == lines.joined())
        #expect(farm.requests(to: "/progress").count >= 4)
        await bench.end()
    }

    @Test("jobs that were granted to a killed daemon before it heard of them are the next one's, at once")
    func unheardGrants() async throws {
        let farm = try FakeFarm()
        let state = Scratch.path("journal")
        do {
            let journal = try Journal(in: state, workerID: farm.credentials.workerID)
            journal.recordClaim("the last words")
        }
        farm.notes.withLock { $0.answered["the last words"] = [.sample("a"), .sample("b")] }
        let bench = try Bench(farm, slots: 2, state: state) { job, _ in ExecutionResult(.success, output: job.id.text) }
        try await eventually("they are done") { bench.finished == 2 }
        #expect(Set(farm.noted { $0.results.keys }) == ["a", "b"])
        let first = farm.requests(to: "/claim").first
        #expect(first?.json["request_id"] == "the last words")
        try await eventually("it claims anew") { farm.requests(to: "/claim").count > 1 }
        #expect(farm.requests(to: "/claim").dropFirst().allSatisfy { $0.json["request_id"] != "the last words" })
        await bench.end()
        #expect(farm.noted(\.released).isEmpty && farm.noted(\.reportedLost).isEmpty)
    }

    @Test("results that wait at the same moment go in one call, and a wrong one spoils no other")
    func together() async throws {
        let farm = try FakeFarm()
        for number in 0..<20 { farm.offer(.sample("\(number)")) }
        farm.notes.withLock { $0.lost = ["7"] }
        let isDown = Mutex(true)
        farm.fault { request in
            guard request.path.hasSuffix("/results") else { return nil }
            if isDown.withLock({ $0 }) { return .refusal(503, headers: ["Retry-After": "0"]) }
            let batch = request.json["results"]?.array ?? []
            return batch.count > 1 && batch.contains { $0["job_id"] == "3" } ? .refusal(400) : nil
        }
        let bench = try Bench(farm, slots: 20, capacity: Capacity(cpuCores: 64, memoryGB: 64)) { job, _ in
            ExecutionResult(.success, exitCode: 0, output: job.id.text)
        }
        try await eventually("all have been claimed") { bench.claimed == 20 && bench.backoffs(of: "result") > 2 }
        let before = farm.requests(to: "/results").count
        isDown.withLock { $0 = false }
        try await eventually("all are reported") { bench.finished == 19 && bench.lost == 1 }
        #expect(farm.noted(\.results).count == 19)
        // One call for all, refused; then each alone.
        #expect(farm.requests(to: "/results").count - before <= 22)
        await bench.end()
    }
}

@Suite("A worker's policy", .timeLimit(.minutes(1)))
struct WorkerPolicyTests {
    @Test("nothing is claimed outside its hours, and what runs when they end goes back, attempt and all")
    func hours() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        farm.offer(.sample("b"))
        // 1970-01-01: 23:30 in UTC is 00:30 in Zürich.
        let clock = Mutex<Int64>(84_600_000)
        var world = World.live
        world.now = { clock.withLock { $0 } }
        var rules = PolicyRules(maxCPUPercent: 100)
        (rules.timezone, rules.allowedHours) = ("Europe/Zurich", [1, 2])
        let bench = try Bench(farm, slots: 1, rules: rules, world: world, run: forever)
        try await eventually("it has closed") {
            bench.count { if case .outsideHours = $0 { true } else { false } } == 1
        }
        try await World.live.sleep(.milliseconds(500))
        #expect(bench.claimed == 0)
        clock.withLock { $0 += 3_600_000 }
        try await eventually("it works") { bench.claimed == 1 }
        clock.withLock { $0 += 2 * 3_600_000 }
        try await eventually("it goes back") { bench.released == 1 }
        #expect(farm.noted { $0.released["a"] } == "outside the policy's hours")
        #expect(farm.noted(\.reportedLost).isEmpty)
        try await World.live.sleep(.milliseconds(500))
        #expect(bench.claimed == 1)
        await bench.end()
    }

    @Test(
        "a job that the policy forbids goes back unrun, whoever granted it",
        arguments: ["minutes", "network", "isolation", "machine"])
    func forbidden(what: String) async throws {
        let farm = try FakeFarm()
        var job = ClaimedJob.sample("a")
        var rules = PolicyRules(maxCPUPercent: 100)
        switch what {
        case "minutes": rules.maxJobMinutes = 5
        case "network": job.network = true
        case "isolation": (job.isolation, rules.isolation) = (.none, .sandbox)
        default: job.isolation = .vm
        }
        farm.offer(job)
        let bench = try Bench(farm, rules: rules, run: forever)
        try await eventually("it goes back") { farm.noted { $0.released["a"] != nil } }
        #expect(bench.claimed == 0)
        #expect(
            farm.noted { $0.released["a"]?.contains(what == "machine" ? "machine provides" : "policy allows") } == true)
        await bench.end()
    }
}
