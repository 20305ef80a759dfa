import Bytes
import Domain
import Executors
import Foundation
import Glibc
import Runtime
import Support
import Synchronization
import Testing
import Wire

/// The whole daemon, sandbox and all, against a fake farm.
private final class Machine: Sendable {
    let farm: FakeFarm
    let daemon: WorkerDaemon
    let path = Scratch.path("state")
    private let running: Task<Void, Never>
    private let log: Mutex<[String]>

    init(slots: Int = 2) async throws {
        farm = try FakeFarm()
        let configuration = WorkerConfiguration(
            credentials: farm.credentials, capacity: Capacity(cpuCores: 4, memoryGB: 8),
            jobsAtOnce: slots, stateFolder: path, claimWaitMilliseconds: 300)
        let daemon = try await WorkerDaemon(configuration)
        self.daemon = daemon
        log = Mutex([])
        running = Task { await daemon.run() }
    }

    func result(_ job: ClaimedJob) async throws -> ResultReport {
        farm.offer(job)
        try await eventually("\(job.id) is reported", within: .seconds(20)) { farm.noted { $0.results[job.id] } != nil }
        return try #require(farm.noted { $0.results[job.id]?.first })
    }

    func end() async {
        await daemon.drain()
        await running.value
        farm.stop()
    }
}

@Suite("The daemon with its sandbox", .timeLimit(.minutes(1)))
struct ComputeTests {
    private func job(_ id: JobID, _ script: String, outputs: [String] = []) -> ClaimedJob {
        var job = ClaimedJob.sample(id)
        job.command = ["/bin/sh", "-c", script]
        job.outputs = outputs
        return job
    }

    @Test("inputs go in, the command runs, outputs come out")
    func wholeJob() async throws {
        let machine = try await Machine()
        let text = Array("b\na\nb\n".utf8)
        machine.farm.notes.withLock { $0.inputs["in/text"] = text }
        var counting = job(
            "count",
            """
            echo ::progress 10 reading; sort in/text | uniq -c | sort -rn > out
            mkdir d; cp out d/copy; echo $NAME; cat
            """,
            outputs: ["out", "d/copy"])
        counting.inputs = [.init(path: "in/text", size: text.count, sha256: SHA256.hex(text))]
        counting.environment = [.init("NAME", "counted")]
        counting.stdin = "given\n"
        let result = try await machine.result(counting)
        #expect(result.status == .success && result.exitCode == 0 && result.error == nil)
        #expect(result.output == "counted\ngiven\n")
        #expect(machine.farm.noted(\.log) == "counted\ngiven\n")
        let expected = Array("      2 b\n      1 a\n".utf8)
        #expect(machine.farm.noted { [$0.artifacts["out"], $0.artifacts["d/copy"]] } == [expected, expected])
        #expect(machine.farm.requests(to: "/progress").contains { $0.json["percent"]?.double == 10 })
        await machine.end()
        #expect(access("\(machine.path)/jobs", F_OK) == 0)
    }

    @Test("what is missing or no regular file fails a job that ended well, and only such a one")
    func outputs() async throws {
        let machine = try await Machine()
        let missing = try await machine.result(job("missing", "echo x > a", outputs: ["a", "b"]))
        #expect(missing.status == .failure && missing.exitCode == 0 && missing.error == "output b is missing")
        #expect(machine.farm.noted { $0.artifacts["a"] } == Array("x\n".utf8))
        let link = try await machine.result(job("link", "ln -s /etc/hostname a", outputs: ["a"]))
        #expect(link.error == "output a is not a regular file owned by the job")
        let outside = try await machine.result(job("outside", "true", outputs: ["../../../etc/passwd"]))
        #expect(outside.error == "output ../../../etc/passwd is not a path inside the work folder")
        let pipe = try await machine.result(job("pipe", "mkfifo a", outputs: ["a"]))
        #expect(pipe.status == .failure)
        let refused = try await machine.result(job("refused", "touch refused", outputs: ["refused"]))
        #expect(refused.status == .failure && refused.error == "output refused: no")
        let failed = try await machine.result(job("failed", "exit 9", outputs: ["b"]))
        #expect(failed.status == .failure && failed.exitCode == 9 && failed.error == "exited with code 9")
        #expect(machine.farm.noted(\.artifacts).keys.sorted() == ["a"])
        await machine.end()
    }

    @Test("an input that would lie outside is the job's failure; one that came damaged is fetched again")
    func inputs() async throws {
        let machine = try await Machine()
        machine.farm.notes.withLock { $0.inputs = ["../out": [1], "in": [1, 2]] }
        var outside = job("outside", "true")
        outside.inputs = [.init(path: "../out", size: 1, sha256: SHA256.hex([1] as [UInt8]))]
        let result = try await machine.result(outside)
        #expect(result.status == .failure && result.error == "input ../out \(String.jobPathRule)")
        var gone = job("gone", "true")
        gone.inputs = [.init(path: "nowhere", size: 0, sha256: SHA256.hex([] as [UInt8]))]
        #expect(try await machine.result(gone).error == "input nowhere: no")
        let turn = Mutex(0)
        machine.farm.fault { request in
            guard request.path.contains("/inputs/") else { return nil }
            return counted(turn) == 1 ? .bytes([9, 9]) : nil
        }
        var damaged = job("damaged", "wc -c < in")
        damaged.inputs = [.init(path: "in", size: 2, sha256: SHA256.hex([1, 2] as [UInt8]))]
        #expect(try await machine.result(damaged).output == "2\n")
        await machine.end()
    }

    @Test(
        "inputs that can't lie together are the job's failure, in whatever order, and the next job is not kept waiting",
        arguments: [["a", "a/b"], ["a/b", "a"], ["d/e/f/g", "x", "d/e"], ["d/e", "x", "d/e/f/g"], ["a", "a"]])
    func clash(paths: [String]) async throws {
        let machine = try await Machine(slots: 1)
        for path in paths { machine.farm.notes.withLock { $0.inputs[path] = [1] } }
        var broken = job("broken", "true")
        broken.inputs = paths.map { .init(path: $0, size: 1, sha256: SHA256.hex([1] as [UInt8])) }
        let start = ContinuousClock.now
        let result = try await machine.result(broken)
        #expect(result.status == .failure && result.error?.hasPrefix("input \(paths.last ?? "")") == true)
        #expect(try await machine.result(job("bystander", "true")).status == .success)
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(machine.farm.noted(\.released).isEmpty && machine.farm.requests(to: "/inputs/x").isEmpty)
        await machine.end()
    }

    @Test("a daemon whose sandbox breaks gives back, claims nothing, says so, and goes on when it is there again")
    func brokenSandbox() async throws {
        let machine = try await Machine(slots: 1)
        // The filter of system calls, without which nothing is started.
        let files = try FileManager.default.subpathsOfDirectory(atPath: "\(machine.path)/jobs")
        let filter = try #require(files.first { $0.contains("/seccomp-") })
        let (place, away) = ("\(machine.path)/jobs/\(filter)", "\(machine.path)/away")
        #expect(rename(place, away) == 0)
        machine.farm.offer(job("a", "true"))
        try await eventually("it is given back") { machine.farm.noted { $0.released["a"] } != nil }
        try await eventually("a heartbeat says so") {
            let last = machine.farm.requests(to: "/heartbeat").last
            return last?.json["metrics"]?["fault"]?.string?.hasPrefix("sandbox: ") == true
        }
        // The claim that was under way is over, also at the farm.
        try await World.live.sleep(.milliseconds(500))
        machine.farm.offer(job("b", "true"))
        try await World.live.sleep(.seconds(1))
        #expect(machine.farm.noted { $0.released["b"] } == nil && machine.farm.noted(\.results).isEmpty)
        #expect(rename(away, place) == 0)
        try await eventually("the other one is done", within: .seconds(20)) {
            machine.farm.noted { $0.results["b"]?.first?.status } == .success
        }
        await machine.end()
    }

    @Test("a cancelled job's processes and folder are gone at once")
    func cancelled() async throws {
        let machine = try await Machine()
        machine.farm.offer(job("long", "sleep 619.\(mark) & sleep 619.\(mark)"))
        try await eventually("it runs") { processes(with: "619.\(mark)").count >= 3 }
        machine.farm.notes.withLock { $0.cancelled = ["long"] }
        try await eventually("it is gone", within: .seconds(10)) { processes(with: "619.\(mark)").isEmpty }
        #expect(machine.farm.requests(to: "/results").isEmpty)
        await machine.end()
    }

    @Test("a hundred short jobs, four at a time, each once")
    func many() async throws {
        let machine = try await Machine(slots: 4)
        let started = World.live.monotonic()
        for index in 0..<100 { machine.farm.offer(job("j\(index)", "echo \(index)")) }
        try await eventually("all are reported", within: .seconds(40)) {
            machine.farm.noted { $0.results.count } == 100
        }
        #expect(machine.farm.noted { $0.results.values.allSatisfy { $0.count == 1 } })
        print("measured: 100 sandboxed jobs in \(World.live.monotonic() - started) ms")
        await machine.end()
    }
}
