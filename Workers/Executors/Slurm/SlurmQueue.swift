internal import Bytes

/// One worker's jobs in Slurm's queue. All of them are polled with a single `squeue` call.
actor SlurmQueue {
    struct Snapshot: Sendable {
        /// When it was requested, by the world's monotonic clock.
        let takenAt: Int64
        /// By name.
        let jobs: [String: SlurmStatus]
    }

    /// A job that is being killed.
    private struct EndingJob {
        /// Unknown when `sbatch` failed: the job may be queued, or still appear.
        var id: String?
        let since: Int64
        let mayAppearUntil: Int64
        let onEnd: @Sendable () -> Void
    }

    private let command: SlurmCommand
    private let prefix: String
    private let world: World
    private var last: Snapshot?
    private var askedAt: Int64?
    private var asking: Task<Snapshot?, Never>?
    private var endingJobs: [String: EndingJob] = [:]
    private var ending: Task<Void, Never>?
    /// The number of `squeue` calls so far.
    private(set) var rounds = 0

    init(_ configuration: SlurmConfiguration, world: World) {
        command = SlurmCommand(configuration: configuration, world: world)
        prefix = configuration.jobNamePrefix
        self.world = world
    }

    /// A unique job name.
    nonisolated func newName() -> String { prefix + Hex.encode(world.random(8)) }

    /// Returns the job's id in Slurm. When it throws, the job may have been queued all the same.
    func submit(_ arguments: [String]) async throws(SlurmProblem) -> String {
        let answer = try await command.run("sbatch", arguments)
        // `id` or `id;cluster`.
        let id = answer.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(id), number > 0 else {
            throw SlurmProblem(message: "unexpected output of sbatch: \(answer)")
        }
        return String(id)
    }

    /// All jobs, at most `age` milliseconds old; `nil` while the controller doesn't respond.
    func snapshot(age: Int64) async -> Snapshot? {
        if let asking { return await asking.value }
        if let askedAt, world.monotonic() - askedAt < age { return last }
        let now = world.monotonic()
        askedAt = now
        rounds += 1
        let task = Task { await ask(now) }
        asking = task
        last = await task.value
        asking = nil
        return last
    }

    private func ask(_ now: Int64) async -> Snapshot? {
        let arguments = ["--me", "--states=all", "--noheader", "--Format=\(SlurmStatus.format)"]
        guard let text = try? await command.run("squeue", arguments) else { return nil }
        var jobs: [String: SlurmStatus] = [:]
        for line in text.split(separator: "\n") {
            guard let job = SlurmStatus(line: line), job.name.hasPrefix(prefix) else { continue }
            jobs[job.name] = job
        }
        return Snapshot(takenAt: now, jobs: jobs)
    }

    // MARK: Ending jobs

    /// Kills a job, calls `onEnd` once it is gone, and waits up to 30 s for that. While the controller is unavailable
    /// it keeps trying in the background.
    /// - Parameter id: `nil` when `sbatch` failed. Such a job is looked for as long as it could still appear.
    func end(_ name: String, id: String?, onEnd: @escaping @Sendable () -> Void) async {
        let now = world.monotonic()
        endingJobs[name] = EndingJob(id: id, since: now, mayAppearUntil: id == nil ? now + 60_000 : now, onEnd: onEnd)
        if ending == nil { ending = Task { await endJobs() } }
        guard id != nil else { return }
        // In a task of its own: the caller's may be cancelled.
        await Task {
            while endingJobs[name] != nil, world.monotonic() - now < 30_000 {
                try? await world.sleep(.milliseconds(50))
            }
        }.value
    }

    private func endJobs() async {
        var pause: Int64 = 50
        while !endingJobs.isEmpty {
            await kill(endingJobs.values.compactMap(\.id))
            if let snapshot = await snapshot(age: 0) {
                for (name, job) in endingJobs where snapshot.takenAt >= job.since {
                    let status = snapshot.jobs[name]
                    endingJobs[name]?.id = job.id ?? status?.id
                    guard status?.hasEnded ?? (snapshot.takenAt >= job.mayAppearUntil) else { continue }
                    endingJobs[name] = nil
                    job.onEnd()
                }
            }
            guard !endingJobs.isEmpty else { break }
            try? await world.sleep(.milliseconds(pause))
            pause = min(2 * pause, 2_000)
        }
        ending = nil
    }

    /// Kills the jobs that earlier runs of this worker left in the queue.
    /// - Throws: when the controller doesn't respond, or jobs remain after the time that Slurm may take to kill them.
    func endLeftovers() async throws(SlurmProblem) {
        let deadline = world.monotonic() + 90_000
        while true {
            guard let snapshot = await snapshot(age: 0) else {
                throw SlurmProblem(message: "the Slurm controller is not responding: see scontrol ping")
            }
            let ids = snapshot.jobs.values.filter { !$0.hasEnded }.map(\.id)
            if ids.isEmpty { return }
            guard world.monotonic() < deadline else {
                let list = ids.joined(separator: " ")
                throw SlurmProblem(
                    message: "jobs of an earlier run are still there: scancel \(list), then restart the worker")
            }
            await kill(ids)
            try? await world.sleep(.milliseconds(200))
        }
    }

    /// Immediately, without the grace period of a plain `scancel`. Unknown jobs are ignored.
    private func kill(_ ids: [String]) async {
        guard !ids.isEmpty else { return }
        _ = try? await command.run("scancel", ["--quiet", "--full", "--signal=KILL"] + ids)
        _ = try? await command.run("scancel", ["--quiet"] + ids)
    }
}
