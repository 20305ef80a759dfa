import Bytes
import Domain
import Runtime
import Support
import Synchronization
import Testing
import Wire

@Suite("A machine that couldn't run a job", .timeLimit(.minutes(1)))
struct MachineFaultTests {
    private func faults(_ farm: FakeFarm) -> [String?] {
        farm.requests(to: "/heartbeat").map { $0.json["metrics"]?["fault"]?.string }
    }

    @Test("claims nothing while its trial run fails, says so in heartbeats, gives back, and goes on when it is mended")
    func unfit() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let fault = Mutex<String?>("no space left")
        let bench = try Bench(
            farm, slots: 2, trial: { fault.withLock { $0 } },
            run: { _, _ in
                if fault.withLock({ $0 }) != nil { throw MachineFault("input x: write") }
                return ExecutionResult(.success)
            })
        try await eventually("it is given back") { farm.noted { $0.released["a"] } == "input x: write" }
        try await eventually("heartbeats tell why") { faults(farm).last == "no space left" }
        // The claim that was under way is over, also at the farm.
        try await World.live.sleep(.milliseconds(500))
        farm.offer(.sample("b"))
        let claims = farm.requests(to: "/claim").count
        try await World.live.sleep(.milliseconds(1_500))
        #expect(farm.requests(to: "/claim").count == claims)
        #expect(farm.noted(\.released).count == 1 && farm.requests(to: "/results").isEmpty)
        fault.withLock { $0 = nil }
        try await eventually("the next one is done", within: .seconds(20)) { bench.finished == 1 }
        #expect(farm.noted { $0.results["b"]?.first?.status } == .success)
        try await eventually("heartbeats tell nothing of it any more") { faults(farm).last == .some(nil) }
        #expect(bench.count { if case .unfit(.compute, "no space left") = $0 { true } else { false } } == 1)
        #expect(bench.count { if case .fit(.compute) = $0 { true } else { false } } == 1)
        await bench.end()
    }

    @Test("drains at once all the same")
    func drain() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let bench = try Bench(farm, trial: { "broken" }, run: { _, _ in throw MachineFault("no") })
        try await eventually("it is unfit") { bench.count { if case .unfit = $0 { true } else { false } } == 1 }
        let start = ContinuousClock.now
        await bench.end()
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test("is not to blame when its trial run passes: the job has failed, and nobody waits for it")
    func jobsFault() async throws {
        let farm = try FakeFarm()
        for id: JobID in ["a", "b", "c"] { farm.offer(.sample(id)) }
        let bench = try Bench(farm, slots: 1) { job, _ in
            guard job.id == "c" else { throw MachineFault("can't be laid out") }
            return ExecutionResult(.success)
        }
        let start = ContinuousClock.now
        try await eventually("all are reported") { bench.finished == 3 }
        #expect(ContinuousClock.now - start < .seconds(5))
        let report = try #require(farm.noted { $0.results["a"]?.first })
        #expect(report.status == .failure && report.error == "can't be laid out")
        #expect(farm.noted { $0.results["c"]?.first?.status } == .success)
        #expect(farm.noted(\.released).isEmpty && faults(farm).allSatisfy { $0 == nil })
        await bench.end()
    }

    @Test("gives a job back once for want of something; the second time it counts")
    func shortage() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let bench = try Bench(farm, slots: 1) { _, _ in throw MachineFault("no space left", .shortage) }
        try await eventually("it is given back") { farm.noted { $0.released["a"] } == "no space left" }
        farm.offer(.sample("a"))
        try await eventually("the second time it is a failure", within: .seconds(20)) { bench.finished == 1 }
        #expect(farm.noted { $0.results["a"]?.first?.status } == .failure)
        await bench.end()
    }

    @Test("gives a job back for want of room as often as there is none")
    func noRoom() async throws {
        let farm = try FakeFarm()
        let bench = try Bench(farm, slots: 1) { _, _ in throw MachineFault("the queue is long", .noRoom) }
        for count in 1...3 {
            farm.offer(.sample("a"))
            try await eventually("it is given back", within: .seconds(20)) { bench.released == count }
        }
        #expect(farm.requests(to: "/results").isEmpty)
        await bench.end()
    }
}
