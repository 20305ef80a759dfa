import Bytes
import Domain
import Glibc
@testable import Runtime
import Support
import Synchronization
import Testing
import Wire

@Suite("A worker's beginning and end", .timeLimit(.minutes(1)), .tags(.timed))
struct WorkerDrainTests {
    @Test("drained once it takes no more and waits for what runs")
    func drainWaits() async throws {
        let farm = try FakeFarm()
        // As the daemon's last life left it.
        farm.notes.withLock { $0.isDrained = true }
        farm.offer(.sample("a"))
        let go = Mutex(false)
        let bench = try Bench(farm) { _, _ in
            try await eventually("may end") { go.withLock { $0 } }
            return ExecutionResult(.success)
        }
        try await eventually("it runs") { bench.claimed == 1 }
        await bench.loop.drain()
        try await eventually("the server knows") { farm.noted(\.isDrained) }
        farm.offer(.sample("b"))
        go.withLock { $0 = true }
        await bench.ended()
        #expect(farm.noted { $0.results.keys.sorted() } == ["a"])
        #expect(farm.noted { $0.waiting.count } == 1)
        farm.stop()
    }

    @Test("drained twice, or cancelled, it gives back what runs at once", arguments: [true, false])
    func drainTwice(isDrained: Bool) async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let bench = try Bench(farm, drainGrace: 60_000, run: forever)
        try await eventually("it runs") { bench.claimed == 1 }
        let started = World.live.monotonic()
        if isDrained {
            await bench.loop.drain()
            await bench.loop.drain()
        } else {
            bench.cancel()
        }
        await bench.ended()
        #expect(World.live.monotonic() - started < 6_000)
        #expect(farm.noted { $0.released["a"] } == "the worker is stopping")
        #expect(bench.released == 1)
        farm.stop()
    }

    @Test("when the grace is over, what still runs is given back")
    func grace() async throws {
        let farm = try FakeFarm()
        farm.offer(.sample("a"))
        let bench = try Bench(farm, drainGrace: 300, run: forever)
        try await eventually("it runs") { bench.claimed == 1 }
        await bench.loop.drain()
        await bench.ended()
        #expect(farm.noted { $0.released["a"] } != nil)
        farm.stop()
    }

    @Test("a job granted while it drained goes back")
    func grantedLate() async throws {
        let farm = try FakeFarm()
        let isHeld = Mutex(false)
        farm.fault { request in
            guard request.path.hasSuffix("/claim"), request.json["wait_ms"]?.int != 0 else { return nil }
            // Granted, and the answer is on its way when the worker breaks off.
            farm.offer(.sample("late"))
            _ = farm.respond(request)
            isHeld.withLock { $0 = true }
            while isHeld.withLock({ $0 }) { usleep(5_000) }
            return .cut
        }
        let bench = try Bench(farm, run: forever)
        try await eventually("it claims") { isHeld.withLock { $0 } }
        await bench.loop.drain()
        await bench.ended()
        isHeld.withLock { $0 = false }
        #expect(farm.noted { $0.released["late"] } == "the worker is draining")
        #expect(farm.noted { $0.released.count } == 1)
        farm.stop()
    }

    @Test("heartbeats are signed, never repeat a nonce, and come as often as the server wants")
    func heartbeats() async throws {
        let farm = try FakeFarm()
        let bench = try Bench(farm, run: forever)
        try await eventually("five have come") { farm.requests(to: "/heartbeat").count >= 5 }
        let requests = try farm.requests(to: "/heartbeat").map { try HeartbeatRequest($0.json) }
        #expect(Set(requests.map(\.nonce)).count == requests.count)
        for request in requests {
            let signed = HeartbeatRequest(
                workerID: "wrk_1", machineToken: "machine-token", sentAt: request.sentAt, nonce: request.nonce,
                policyID: "pol_1", metrics: request.metrics)
            #expect(signed == request)
        }
        await bench.end()
    }

    @Test("a machine with a wrong clock signs with the server's")
    func wrongClock() async throws {
        let farm = try FakeFarm()
        var world = World.live
        world.now = { World.live.now() - 3_600_000 }
        let refused = Mutex(0)
        farm.fault { request in
            guard request.path.hasSuffix("/heartbeat") else { return nil }
            let stamp = RFC3339.parse(request.json["timestamp"]?.string ?? "") ?? 0
            guard abs(stamp - World.live.now()) > 90_000 else { return nil }
            _ = counted(refused)
            return .refusal(401, headers: ["Date": httpDate(World.live.now())])
        }
        let bench = try Bench(farm, world: world, run: forever)
        try await eventually("the server takes them") {
            bench.count { if case .heartbeat = $0 { true } else { false } } >= 2
        }
        #expect(refused.withLock { $0 } == 1)
        await bench.end()
    }

    @Test("dates of HTTP", arguments: [("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000 as Int64?), ("now", nil)])
    func dates(text: String, milliseconds: Int64?) {
        #expect(Heartbeats.parseDate(text) == milliseconds)
    }

    @Test(
        "a token that the server refuses for good ends the daemon, with the server's words", arguments: [true, false])
    func deadToken(isAtStart: Bool) async throws {
        let farm = try FakeFarm()
        if isAtStart { farm.fault { _ in .refusal(401) } }
        farm.offer(.sample("a"))
        let bench = try Bench(farm, slots: 2, run: forever)
        if !isAtStart {
            try await eventually("a job runs") { bench.claimed == 1 }
            farm.fault { _ in .refusal(401) }
        }
        let start = ContinuousClock.now
        #expect(await bench.ended() == "no")
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(bench.count { if case .stopped = $0 { true } else { false } } == 1)
        #expect(farm.requests(to: "/results").isEmpty)
        farm.stop()
    }

    @Test("a wrong word about the token now and then, or none at all, ends nobody")
    func onceUnauthorized() async throws {
        let farm = try FakeFarm()
        let turn = Mutex(0)
        farm.fault { request in
            guard request.path.hasSuffix("/claim") else { return nil }
            switch counted(turn) {
            case 1, 2, 4, 6: return .refusal(401)
            case 5: return .refusal(503, headers: ["Retry-After": "0"])
            default: return nil
            }
        }
        let bench = try Bench(farm) { _, _ in ExecutionResult(.success) }
        try await eventually("it has asked often", within: .seconds(30)) { turn.withLock { $0 } >= 8 }
        farm.offer(.sample("a"))
        try await eventually("it works on") { bench.finished == 1 }
        await bench.end()
        #expect(await bench.ended() == nil)
    }

    @Test("waits double, within their bounds, and never all alike")
    func backoff() {
        var backoff = RetryDelay(initialMilliseconds: 100, maxMilliseconds: 1_000)
        let waits = (0..<8).map { _ in backoff.milliseconds(in: .live) }
        for (wait, most) in zip(waits, [100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000] as [Int64]) {
            #expect(wait >= most / 2 && wait <= most)
        }
        #expect(Set(waits.suffix(4)).count > 1)
        #expect(backoff.milliseconds(in: .live, atLeast: 5_000) == 5_000)
        #expect(backoff.milliseconds(in: .live, atLeast: .max) == 3_600_000)
    }

    @Test("credentials are written for their user's eyes only, and not read when others may")
    func credentials() throws {
        let path = Scratch.path("machine.json")
        let credentials = WorkerCredentials(workerID: "w", machineToken: "t", policyID: "p", server: "http://x")
        try credentials.save(to: path)
        try credentials.save(to: path)
        #expect(try WorkerCredentials(readingFrom: path) == credentials)
        #expect(chmod(path, 0o640) == 0)
        #expect(throws: WorkerCredentials.Problem.self) { try WorkerCredentials(readingFrom: path) }
        #expect(throws: WorkerCredentials.Problem.self) { try WorkerCredentials(readingFrom: path + ".none") }
    }
}

private func httpDate(_ milliseconds: Int64) -> String {
    let text = RFC3339.format(milliseconds)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let parts = text.prefix(19).split { "-T".contains($0) }
    return "Sat, \(parts[2]) \(months[(Int(parts[1]) ?? 1) - 1]) \(parts[0]) \(parts[3]) GMT"
}
