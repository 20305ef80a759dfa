import Bytes
import Domain
@testable import Executors
import Glibc
import Runtime
import Support
import Testing
import Wire

/// On a cluster of its own, which these tests break.
@Suite("A Slurm partition in trouble", .serialized, .timeLimit(.minutes(2)))
struct SlurmEndingTests {
    private static let slurm = Task { try await ThrowawaySlurm() }

    /// A job whose processes can be found, and which takes no hint.
    private func stubborn(_ id: JobID) -> ClaimedJob {
        .script(id, "trap '' TERM INT HUP; echo here; while :; do sleep 0.2; : \(mark)\(id); done")
    }

    private func folders(_ bench: SlurmBench) throws -> [String] {
        try names(in: bench.configuration.stateFolder + "/jobs").flatMap { life in
            try names(in: "\(bench.configuration.stateFolder)/jobs/\(life)").filter {
                $0 != "alive" && !$0.hasPrefix("seccomp-")
            }
        }
    }

    private func names(in path: String) throws -> [String] {
        let folder = try #require(opendir(path))
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    @Test("lets nothing of a cancelled job live on, in the queue, on the node or in the folder")
    func cancelled() async throws {
        let slurm = try await Self.slurm.value
        let bench = try await SlurmBench(slurm)
        let job = stubborn("cancelled")
        let running = Task { try await bench.run(job) }
        try await bench.hears(job, "here")
        #expect(!processes(with: mark + job.id.text).isEmpty)
        let cancelledAt = World.live.monotonic()
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
        #expect(World.live.monotonic() - cancelledAt < 30_000)
        #expect(processes(with: mark + job.id.text).isEmpty)
        #expect(try await slurm.queue() == [])
        #expect(try folders(bench) == [])
    }

    @Test("gives back a job that somebody else cancelled there")
    func cancelledByOthers() async throws {
        let bench = try await SlurmBench(Self.slurm.value)
        let job = stubborn("others")
        let running = Task { try await bench.fault(job) }
        try await bench.hears(job, "here")
        try await bench.slurm.run("scancel", ["--me"])
        #expect(try await running.value.contains("CANCELLED"))
        #expect(processes(with: mark + job.id.text).isEmpty)
        #expect(try folders(bench) == [])
    }

    @Test("gives back a job that waits too long in the queue, or is cancelled there")
    func waiting() async throws {
        let slurm = try await Self.slurm.value
        let bench = try await SlurmBench(slurm) { $0.waitLimitMilliseconds = 6_000 }
        // More than the node has beside this one.
        var large = ClaimedJob.script("large", "echo here; sleep 30")
        large.resources.milliCores = 16_000
        let blocking = Task { [large] in try await bench.run(large) }
        try await bench.hears(large, "here")
        #expect(try await bench.fault(.script("small", "true")).contains("waited too long in Slurm's queue"))
        let cancelled = Task { try await bench.run(.script("cancelled", "true")) }
        try await eventually("it waits") { try await slurm.queue().count == 2 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(try await slurm.queue().count == 1)
        blocking.cancel()
        await #expect(throws: CancellationError.self) { try await blocking.value }
        #expect(try await slurm.queue() == [] && folders(bench) == [])
    }

    @Test("ends at the next start what a dead worker left there, and only that")
    func leftovers() async throws {
        let slurm = try await Self.slurm.value
        let other = try await SlurmBench(slurm)
        let theirs = ClaimedJob.script("theirs", "echo here; sleep 8; echo alive")
        let living = Task { try await other.run(theirs) }
        var abandoned: SlurmBench? = try await SlurmBench(slurm)
        let configuration = try #require(abandoned?.configuration)
        let job = stubborn("abandoned")
        let folder = "\(configuration.stateFolder)/jobs/dead/job"
        try await Tool.run("/bin/mkdir", ["-p", folder])
        // As a killed worker leaves it: a job in the queue that nobody follows, and its folder.
        try await slurm.run(
            "sbatch",
            [
                "--job-name=\(configuration.jobNamePrefix)0", "--chdir=\(folder)", "--output=\(folder)/output",
                "--wrap=exec /bin/sh -c \"\(job.command[2])\"",
            ])
        try await eventually("it runs", within: .seconds(20)) { !processes(with: mark + job.id.text).isEmpty }
        abandoned = nil
        _ = try await SlurmExecutor(configuration)
        #expect(processes(with: mark + job.id.text).isEmpty)
        #expect(access(folder, F_OK) != 0)
        #expect(try await living.value.output == "here\nalive\n")
    }

    @Test("keeps jobs running while its controller is away, and takes none")
    func controllerAway() async throws {
        let slurm = try await Self.slurm.value
        let bench = try await SlurmBench(slurm)
        let (ending, lasting, doomed) = (
            ClaimedJob.script("ending", "echo here; sleep 4; echo ended"),
            ClaimedJob.script("lasting", "echo here; sleep 20; echo ended"), stubborn("doomed")
        )
        let runs = [ending, lasting].map { job in Task { try await bench.run(job) } }
        let stopped = Task { try await bench.run(doomed) }
        for job in [ending, lasting, doomed] { try await bench.hears(job, "here") }
        try await slurm.stopController()
        #expect(try await bench.fault(.script("late", "true")).contains("Slurm rejected the job"))
        stopped.cancel()
        try await eventually("its output is followed all the same", within: .seconds(30)) {
            bench.log(ending) == "here\nended\n"
        }
        try await slurm.startController()
        for run in runs {
            let result = try await run.value
            #expect(result.status == .success && result.output == "here\nended\n", "\(result)")
        }
        await #expect(throws: CancellationError.self) { try await stopped.value }
        #expect(processes(with: mark + doomed.id.text).isEmpty)
        #expect(try await slurm.queue() == [])
    }

    @Test("is told by its probe, with the remedy")
    func probe() async throws {
        let slurm = try await Self.slurm.value
        let good = SlurmBench.configuration(slurm)
        #expect(await SlurmProbe(good).findings == [])
        #expect(await SlurmProbe(good).features == ["ssd"])
        func findings(_ change: (inout SlurmConfiguration) -> Void) async -> String {
            var configuration = good
            change(&configuration)
            return await SlurmProbe(configuration).findings.joined(separator: "\n")
        }
        #expect(await findings { $0.partition = "nope" }.contains("no partition nope: sinfo lists them"))
        #expect(await findings { $0.partition = "off" }.contains("PartitionName=off State=UP"))
        #expect(await findings { $0.searchPath = "/nowhere" }.contains("sbatch not found in /nowhere: apt-get"))
        #expect(await findings { $0.folder = "/a%b" }.contains("choose another"))
        #expect(await findings { $0.folder = "shared" }.contains("not an absolute path"))
        #expect(await findings { $0.configurationFile = "/nowhere" }.contains("configuration /nowhere"))
        try await slurm.run("scontrol", ["update", "NodeName=localhost", "State=DRAIN", "Reason=test"])
        #expect(await findings { _ in }.contains("State=RESUME"))
        await #expect(throws: SlurmProblem.self) { try await SlurmExecutor(good) }
        try await eventually("it is whole again", within: .seconds(30)) {
            // Refused while the node is on its way into the drain, and once it is whole.
            _ = try? await slurm.run("scontrol", ["update", "NodeName=localhost", "State=RESUME"])
            return await findings { _ in } == ""
        }
        try await slurm.stopController()
        #expect(await findings { _ in }.contains("see scontrol ping and its log"))
        try await slurm.startController()
        try await eventually("it is there again", within: .seconds(30)) { await findings { _ in } == "" }
    }

    @Test("whose nodes have no bubblewrap gives no walls, and says so")
    func withoutWalls() async throws {
        let slurm = try await ThrowawaySlurm(hasBubblewrap: false)
        let configuration = SlurmBench.configuration(slurm)
        do {
            _ = try await SlurmExecutor(configuration)
            Issue.record("it started")
        } catch {
            #expect(error.message.contains("bubblewrap 0.8 or newer"), "\(error.message)")
        }
        let bench = try await SlurmBench(slurm) { $0.allowsUnsandboxed = true }
        #expect(bench.executor.isolation == .none && bench.executor.missing.count == 1)
        #expect(
            try await bench.fault(.script("walled", "true"))
                == "this machine provides isolation none, the job needs sandbox")
        let script = "echo $(id -u) >&2; env | grep -c SLURM; pwd; echo out > out"
        var job = ClaimedJob.script("open", script, isolation: .none)
        job.outputs = ["out"]
        let result = try await bench.run(job)
        #expect(result.status == .success && result.output?.contains("\n0\n\(slurm.shared)/") == true, "\(result)")
        // Never root's, though the worker is.
        #expect(result.output?.hasPrefix("0\n") == false)
        #expect(bench.artifacts["out"] == Array("out\n".utf8))
        try await slurm.stop()
    }
}
