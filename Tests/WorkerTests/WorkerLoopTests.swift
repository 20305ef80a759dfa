import Bytes
import Domain
import Runtime
import Support
import Synchronization
import Testing
import Wire

@Suite("A worker", .timeLimit(.minutes(1)))
struct WorkerLoopTests {
    @Test("claims, passes log and progress on, keeps outputs compressed, and reports once")
    func wholeJob() async throws {
        let farm = try FakeFarm()
        let content = [UInt8](repeating: 7, count: 300_000)
        farm.notes.withLock { $0.inputs["in/a b"] = content }
        var job = ClaimedJob.sample("a")
        job.inputs = [.init(path: "in/a b", size: content.count, sha256: SHA256.hex(content))]
        farm.offer(job)
        let bench = try Bench(farm) { job, context in
            let bytes = try await context.fetch(job.inputs[0])
            context.log("one\n")
            context.log("two\n")
            context.progress(50, "half")
            try await context.upload("out/ü.bin", bytes)
            return ExecutionResult(.success, exitCode: 0, output: "one\ntwo\n")
        }
        try await eventually("the result is reported") { bench.finished == 1 }
        let report = try #require(farm.noted { $0.results["a"]?.first })
        #expect(report.status == .success && report.exitCode == 0 && report.output == "one\ntwo\n")
        #expect(farm.noted { $0.results["a"]?.count } == 1)
        #expect(farm.noted(\.log) == "one\ntwo\n")
        #expect(farm.noted { $0.artifacts["out/ü.bin"] } == content)
        let upload = try #require(farm.requests(to: ".bin").first)
        #expect(upload.body.count < 1_000 && upload.headers["content-encoding"] == "zstd")
        let claim = try #require(farm.requests(to: "/claim").first).json
        #expect(claim["kinds"] == ["compute"])
        #expect(claim["capacity"]?["isolation"] == "sandbox")
        await bench.end()
    }

    @Test("what a result paid is told with its end, where the server says so", arguments: [nil, "0", "0.0125"])
    func earnings(_ paid: String?) async throws {
        let farm = try FakeFarm()
        farm.notes.withLock { $0.paid = paid }
        farm.offer(.sample("a"))
        let bench = try Bench(farm) { _, _ in ExecutionResult(.success) }
        try await eventually("it is done") { bench.finished == 1 }
        let told = bench.count { if case .finished(_, _, _, _, let told) = $0 { told == paid } else { false } }
        #expect(told == 1)
        await bench.end()
    }

    @Test("a claim whose answer was lost is asked for again as the same, and its job runs once")
    func lostClaim() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let cuts = Mutex(0)
        farm.fault { request in
            guard request.path.hasSuffix("/claim"), counted(cuts) <= 2 else { return nil }
            _ = farm.respond(request)
            return .cut
        }
        let runs = Mutex(0)
        let bench = try Bench(farm) { _, _ in
            runs.withLock { $0 += 1 }
            return ExecutionResult(.success)
        }
        try await eventually("it is done") { bench.finished == 1 }
        let claims = farm.requests(to: "/claim").prefix(3).map { $0.json["request_id"] }
        #expect(Set(claims.compactMap { $0?.string }).count == 1)
        #expect(runs.withLock { $0 } == 1)
        await bench.end()
    }

    @Test("a result whose answer was lost is sent again, word for word")
    func lostResult() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let turn = Mutex(0)
        farm.fault { request in
            guard request.path.hasSuffix("/results") else { return nil }
            switch counted(turn) {
            case 1:
                _ = farm.respond(request)
                return .cut
            case 2: return .refusal(503, headers: ["Retry-After": "0"])
            case 3: return .refusal(500)
            default: return nil
            }
        }
        let bench = try Bench(farm) { _, _ in ExecutionResult(.failure, exitCode: 3, error: "no") }
        try await eventually("it is reported") { bench.finished == 1 }
        let bodies = farm.requests(to: "/results").map(\.body)
        #expect(bodies.count == 4 && Set(bodies).count == 1)
        #expect(bench.backoffs(of: "result") == 3)
        await bench.end()
    }

    @Test(
        "a job whose lease is lost is stopped at once, and nothing of it is reported",
        arguments: ["extend", "progress"])
    func lostLease(how: String) async throws {
        let farm = try FakeFarm()
        farm.notes.withLock { $0.lost = ["a"] }
        farm.offer(.sample("a", visibility: how == "extend" ? 1_500 : 60_000))
        let bench = try Bench(farm) { job, context in
            if how == "progress" { context.log("still here\n") }
            return try await forever(job, context)
        }
        try await eventually("it is stopped") { bench.lost == 1 }
        #expect(farm.requests(to: "/results").isEmpty && farm.requests(to: "/release").isEmpty)
        await bench.end()
    }

    @Test("a job that a heartbeat's answer names is stopped at once")
    func cancelledByHeartbeat() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        farm.offer(.sample("b"))
        let bench = try Bench(farm, run: forever)
        try await eventually("both run") { bench.claimed == 2 }
        farm.notes.withLock { $0.cancelled = ["b"] }
        try await eventually("one is stopped") { bench.cancelled == 1 }
        #expect(bench.lost == 0)
        farm.notes.withLock { $0.cancelled = [] }
        // No consent any more: the other one too.
        farm.fault { $0.path.hasSuffix("/heartbeat") ? .refusal(403) : nil }
        try await eventually("so is the other") { bench.cancelled == 2 }
        #expect(farm.requests(to: "/results").isEmpty)
        await bench.end()
    }

    @Test("leases are extended together, long before they end, however busy the jobs are")
    func extending() async throws {
        let farm = try FakeFarm()
        for id: JobID in ["a", "b", "c"] { farm.offer(.sample(id, visibility: 1_500)) }
        let bench = try Bench(farm, slots: 3, visibility: 1_500) { job, context in
            let end = World.live.monotonic() + 20_000
            while farm.noted(\.extended) < 6, World.live.monotonic() < end {
                context.log("busy\n")
                await Task.yield()
            }
            return ExecutionResult(.success)
        }
        try await eventually("all are done", within: .seconds(30)) { bench.finished == 3 }
        let calls = farm.requests(to: "/extend").count
        #expect(farm.noted(\.extended) >= 6)
        #expect(calls < farm.noted(\.extended))
        #expect(bench.lost == 0)
        await bench.end()
    }

    @Test("jobs run on while the server is away, and are reported when it is back")
    func serverAway() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a", visibility: 1_000))
        let go = Mutex(false)
        let bench = try Bench(farm, visibility: 1_000) { _, context in
            try await eventually("may end") { go.withLock { $0 } }
            context.log("done\n")
            return ExecutionResult(.success)
        }
        try await eventually("it runs") { bench.claimed == 1 }
        farm.stop()
        try await eventually("the lease could not be extended") { bench.backoffs(of: "extend") >= 3 }
        go.withLock { $0 = true }
        try await eventually("it is noticed") { bench.backoffs(of: "claim") >= 1 }
        try farm.start()
        try await eventually("it is reported", within: .seconds(20)) { bench.finished == 1 }
        #expect(farm.noted(\.log) == "done\n")
        #expect(bench.lost == 0)
        await bench.end()
    }

    @Test("a job that can't be extended for longer than the grace is given up")
    func offlineGrace() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a", visibility: 1_000))
        farm.fault { $0.path.hasSuffix("/extend") ? .refusal(503) : nil }
        let bench = try Bench(farm, visibility: 1_000, offlineGrace: 500, run: forever)
        try await eventually("it is stopped") { bench.lost == 1 }
        await bench.end()
    }

    @Test("grants that don't fit beside each other go back, and come again when there is room")
    func room() async throws {
        let farm = try FakeFarm()
        let needs = Capacity(cpuCores: 3, memoryGB: 1)
        farm.offer(.sample("a", needs: needs))
        farm.offer(.sample("b", needs: needs))
        let bench = try Bench(farm, slots: 2, run: forever)
        try await eventually("one went back") { farm.noted { $0.released["b"] } != nil }
        try await eventually("what is free is told") {
            farm.requests(to: "/claim").contains { $0.json["capacity"]?["cpu_cores"]?.double == 1 }
        }
        await bench.loop.drain()
        await bench.end()
    }
}
