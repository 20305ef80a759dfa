import Bytes
import Domain
@testable import Executors
import Runtime
import Support
import Synchronization
import Testing
import Wire

@Suite("Jobs on a Slurm partition", .serialized, .timeLimit(.minutes(4)))
struct SlurmJobTests {
    @Test("run behind walls that a trial has shown to stand on the node")
    func walls() async throws {
        let bench = try await SlurmBench.shared.value
        #expect(bench.executor.isolation == .sandbox && bench.executor.missing == [])
        let script = "id -u; hostname; ls -A /work /etc; touch /usr/x || cat /proc/net/dev | wc -l; env | grep SLURM"
        let result = try await bench.run(.script("walls", script))
        let said = try #require(result.output)
        #expect(said.hasPrefix("65534\nhatchfarm\n"), "\(said)")
        #expect(
            said.contains("Read-only file system") && !said.contains("passwd") && !said.contains("SLURM"), "\(said)")
        #expect(result.exitCode == 1)
    }

    @Test("get exactly their words, variables and input")
    func words() async throws {
        let bench = try await SlurmBench.shared.value
        let nasty = [
            "it's", "$(touch x)", "`id`", "a\nb", "#SBATCH --time=1", "e\u{301}'\u{301}", "\\", "%j", "*", "", " ",
            "\"", "';exit 3;'", "--", "-n", "🐝",
        ]
        var job = ClaimedJob.sample("words")
        job.command = ["/bin/sh", "-c", #"printf '%s|' "$@"; printf '%s' "$NASTY"; exec cat"#, "sh"] + nasty
        job.environment = [.init("NASTY", nasty.joined(separator: "\n"))]
        job.stdin = "one\n#SBATCH --time=2\n'$x\\ no end"
        let result = try await bench.run(job)
        let expected = nasty.map { $0 + "|" }.joined() + nasty.joined(separator: "\n") + (job.stdin ?? "")
        #expect(result.status == .success, "\(result)")
        #expect(result.output.map { Array($0.utf8) } == Array(expected.utf8))
    }

    @Test("bring their inputs, leave their outputs, and say how far they are")
    func files() async throws {
        let bench = try await SlurmBench.shared.value
        let text = Array("b\na\n".utf8)
        bench.inputs.withLock { $0["in/text"] = text }
        var job = ClaimedJob.script("files", "echo ::progress 40 sorting; mkdir d; sort in/text > d/out; echo done")
        job.inputs = [.init(path: "in/text", size: text.count, sha256: SHA256.hex(text))]
        job.outputs = ["d/out"]
        let result = try await bench.run(job)
        #expect(result.status == .success && result.exitCode == 0 && result.output == "done\n", "\(result)")
        #expect(bench.artifacts["d/out"] == Array("a\nb\n".utf8))
        #expect(bench.progress == ["40.0 sorting"] && bench.log(job) == "done\n")
        job.outputs = ["nothing"]
        #expect(try await bench.run(job).error == "output nothing is missing")
    }

    @Test("end with their own exit code or signal", arguments: [("exit 7", 7), ("kill -9 $$", 137), ("exit 255", 255)])
    func exitCodes(script: String, code: Int) async throws {
        let result = try await SlurmBench.shared.value.run(.script("code\(code)", "echo said; \(script)"))
        #expect(result.status == .failure && result.exitCode == code, "\(result)")
        #expect(result.output?.hasPrefix("said\n") == true)
    }

    @Test("fail without being asked of Slurm when nobody could run them")
    func impossible() async throws {
        let bench = try await SlurmBench.shared.value
        let before = await bench.executor.queue.rounds
        var job = ClaimedJob.sample("impossible")
        job.command = ["a=b"]
        #expect(try await bench.run(job).exitCode == 127)
        job.command = ["true"]
        job.inputs = [.init(path: "../x", size: 0, sha256: "")]
        #expect(try await bench.run(job).status == .failure)
        job.inputs = []
        job.isolation = .vm
        #expect(try await bench.fault(job) == "this machine provides isolation sandbox, the job needs vm")
        #expect(await bench.executor.queue.rounds == before)
    }

    @Test("are heard while they run, and Slurm knows what they need")
    func needs() async throws {
        let bench = try await SlurmBench.shared.value
        var job = ClaimedJob.script("needs", "echo first; sleep 4; echo second")
        job.resources = Capacity(cpuCores: 1.5, memoryGB: 0.3, gpus: 1, labels: ["ssd", "$(id)|all&of*this"])
        job.durationMinutes = 7
        let running = Task { [job] in try await bench.run(job) }
        try await bench.hears(job, "first")
        #expect(bench.log(job) == "first\n")
        let id = try #require(try await bench.slurm.queue().first)
        let shown = try await bench.slurm.run("scontrol", ["show", "job", "-o", id]).split(separator: " ")
        for field in [
            "CPUs/Task=2", "MinMemoryNode=286M", "TimeLimit=00:07:00", "Features=ssd", "TresPerNode=gres:gpu:1",
            "Requeue=0", "Partition=debug", "NumNodes=1",
        ] {
            #expect(shown.contains(Substring(field)), "\(field) in \(shown)")
        }
        let name = shown.first { $0.hasPrefix("JobName=") }
        #expect(name?.hasPrefix("JobName=hatchfarm-\(bench.configuration.workerID)-") == true)
        #expect(try await running.value.output == "first\nsecond\n")
    }

    @Test("are ended when they outgrow their memory together, though no process of theirs does")
    func memory() async throws {
        let bench = try await SlurmBench.shared.value
        let hog = "head -c 60000000 /dev/zero | tail -c 60000000 | (sleep 8; wc -c)"
        var job = ClaimedJob.script("memory", "echo here; (\(hog)) & (\(hog)) & (\(hog)) & wait; sleep 9; echo there")
        job.resources.memoryMiB = 95
        let result = try await bench.run(job)
        #expect(result.status == .failure && result.exitCode == 137, "\(result)")
        #expect(result.output?.hasPrefix("here\n") == true && result.output?.contains("there") == false)
        #expect(result.error == "out of memory: killed by Slurm for using more than it requested")
    }

    @Test("end after their minutes, counted from their start")
    func timeLimit() async throws {
        let bench = try await SlurmBench.shared.value
        var job = ClaimedJob.script("late", "echo begun; trap '' TERM; while :; do sleep 1; done")
        job.durationMinutes = 1
        let started = World.live.monotonic()
        let result = try await bench.run(job)
        #expect(result.status == .timeout && result.output == "begun\n", "\(result)")
        // Slurm counts in whole seconds of its own.
        #expect(World.live.monotonic() - started >= 58_000)
    }

    @Test("can flood their output without filling the folder")
    func flood() async throws {
        let bench = try await SlurmBench.shared.value
        let result = try await bench.run(.script("flood", "head -c 100000000 /dev/zero | tr '\\0' 'x\\n'; exit 4"))
        #expect(result.exitCode == 4)
        #expect((result.output?.utf8.count ?? 0) <= 64 << 10)
    }

    @Test("share one look at the queue a round")
    func manyAtOnce() async throws {
        let bench = try await SlurmBench.shared.value
        let (started, before) = (World.live.monotonic(), await bench.executor.queue.rounds)
        try await withThrowingTaskGroup(of: ExecutionResult.self) { group in
            for index in 0..<12 {
                group.addTask { try await bench.run(.script("many\(index)", "sleep 3; echo \(index)"), slot: index) }
            }
            for try await result in group { #expect(result.status == .success, "\(result)") }
        }
        let rounds = Int64(await bench.executor.queue.rounds - before)
        let elapsed = World.live.monotonic() - started
        #expect(rounds >= 4 && rounds <= elapsed / bench.configuration.pollMilliseconds + 1, "\(rounds) in \(elapsed)")
    }
}
