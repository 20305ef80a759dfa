/// A job's line in the output of `squeue`.
struct SlurmStatus: Sendable, Equatable {
    enum Phase: Sendable, Equatable {
        /// Not yet started: doesn't count towards the job's time.
        case waiting
        /// Also while its last processes are being killed.
        case running
        /// With the exit code, or 128 + the signal.
        case exited(Int)
        case timedOut
        case outOfMemory
        /// Ended by Slurm, through no fault of the job; Slurm's state.
        case failed(String)
    }

    let id: String
    let name: String
    let phase: Phase
    let startedAt: Int64?
    let endedAt: Int64?
    /// Slurm's reason for waiting or ending.
    let reason: String

    /// Fields of `squeue --Format`, each terminated by a bar.
    static let format = ["JobID", "State", "exit_code", "StartTime", "EndTime", "Name", "Reason"]
        .map { "\($0):|" }.joined(separator: ",")

    /// `nil` for a line that doesn't describe a job.
    init?(line: Substring) {
        let fields = line.split(separator: "|", maxSplits: 6, omittingEmptySubsequences: false).map { String($0) }
        guard fields.count == 7, let id = Int64(fields[0]), id > 0 else { return nil }
        self.id = fields[0]
        phase = Self.phase(of: fields[1], waitStatus: Int(fields[2]) ?? 0)
        startedAt = Int64(fields[3])
        endedAt = Int64(fields[4])
        name = fields[5]
        reason = String(fields[6].prefix { $0 != "|" })
    }

    var hasEnded: Bool { phase != .waiting && phase != .running }

    /// From start to end, 0 if unknown.
    var runMilliseconds: Int64 {
        guard let startedAt, let endedAt, startedAt >= 0, endedAt > startedAt else { return 0 }
        let (milliseconds, overflow) = (endedAt - startedAt).multipliedReportingOverflow(by: 1_000)
        return overflow ? 0 : milliseconds
    }

    /// Slurm's job states: `man squeue`, JOB STATE CODES. Unknown states count as running.
    private static func phase(of state: String, waitStatus: Int) -> Phase {
        switch state {
        case "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT":
            .waiting
        case "COMPLETED", "FAILED":
            // Encoded as by wait(2). Some failures are Slurm's own and have no code.
            .exited(exitCode(waitStatus, orElse: state == "COMPLETED" ? 0 : 1))
        case "TIMEOUT": .timedOut
        case "OUT_OF_MEMORY": .outOfMemory
        case "CANCELLED", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "REVOKED": .failed(state)
        default: .running
        }
    }

    private static func exitCode(_ waitStatus: Int, orElse code: Int) -> Int {
        let signal = waitStatus & 0x7F
        if signal != 0 { return 128 + signal }
        let own = waitStatus >> 8 & 0xFF
        return own == 0 ? code : own
    }
}
