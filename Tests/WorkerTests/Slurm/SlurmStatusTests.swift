import Domain
@testable import Executors
import Testing
import Wire

@Suite("What Slurm says of a job")
struct SlurmStatusTests {
    private func phase(_ state: String, _ code: String = "0") -> SlurmStatus.Phase? {
        SlurmStatus(line: "7|\(state)|\(code)|10|12|hatchfarm-a-b|None|")?.phase
    }

    @Test("is read field by field")
    func fields() throws {
        let status = try #require(SlurmStatus(line: "12|FAILED|768|100|103|hatchfarm-a-b|NonZeroExitCode|"))
        #expect(status.id == "12" && status.name == "hatchfarm-a-b" && status.reason == "NonZeroExitCode")
        #expect(status.phase == .exited(3) && status.runMilliseconds == 3_000 && status.hasEnded)
        let waiting = try #require(SlurmStatus(line: "12|PENDING|0|N/A|N/A|x|Priority|"))
        #expect(waiting.startedAt == nil && waiting.runMilliseconds == 0 && !waiting.hasEnded)
    }

    @Test("tells what is the job's own end from what isn't")
    func phases() {
        #expect(phase("COMPLETED") == .exited(0))
        #expect(phase("FAILED", "9") == .exited(137))
        #expect(phase("FAILED", "0") == .exited(1))
        #expect(phase("FAILED", "65280") == .exited(255))
        #expect(phase("TIMEOUT", "0") == .timedOut)
        #expect(phase("OUT_OF_MEMORY", "32000") == .outOfMemory)
        for word in ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "CANCELLED", "DEADLINE", "REVOKED"] {
            #expect(phase(word) == .failed(word))
        }
        for word in ["PENDING", "CONFIGURING", "REQUEUED"] { #expect(phase(word) == .waiting) }
        for word in ["RUNNING", "COMPLETING", "SUSPENDED", "A_NEW_WORD"] { #expect(phase(word) == .running) }
    }

    @Test(
        "is nothing where it can't be read",
        arguments: [
            "", "slurm_load_jobs error", "x|RUNNING|0|1|2|n|r|",
            "-1|RUNNING|0|1|2|n|r|", "5_2|RUNNING|0|1|2|n|r",
        ])
    func nonsense(line: String) {
        #expect(SlurmStatus(line: line[...]) == nil)
    }

    @Test("with numbers from outside, never traps")
    func extremes() throws {
        let (low, high) = ("\(Int64.min)", "\(Int64.max)")
        for (start, end) in [(low, high), (high, low), ("0", high)] {
            let status = try #require(SlurmStatus(line: "\(high)|FAILED|\(high)|\(start)|\(end)|n|r|"))
            #expect(status.runMilliseconds == 0 && status.phase == .exited(255))
        }
    }
}

@Suite("What a job needs of Slurm")
struct SlurmNeedsTests {
    @Test("is rounded up and kept within bounds")
    func bounds() {
        var job = ClaimedJob.sample("needs", needs: Capacity(cpuCores: 2.1, memoryGB: 1, gpus: 3, labels: ["a", "b"]))
        job.durationMinutes = 90
        let needs = SlurmResources(job, features: ["b", "c"])
        #expect(needs.cores == 3 && needs.memory == 954 && needs.gpus == 3 && needs.minutes == 90)
        #expect(needs.features == ["b"])
        job.resources = Capacity(milliCores: .max, memoryMiB: .max, gpus: .min)
        job.durationMinutes = .max
        let odd = SlurmResources(job, features: [])
        #expect(odd.cores == 1 && odd.memory == nil && odd.gpus == 0 && odd.minutes == WireLimits.jobMinutes.upperBound)
    }
}
