internal import Bytes

/// The jobs of one worker in Slurm's queue. However many there are, they are looked at by one call a round.
actor SlurmQueue {
    struct Snapshot: Sendable {
        /// When it was asked for, by the world's monotonic clock.
        let takenAt: Int64
        /// By name.
        let jobs: [String: SlurmStatus]
    }

    /// A job that is to be gone.
    private struct EndingJob {
        /// Unknown when `sbatch` gave no answer, though the job may be there or still come.
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
    /// How often Slurm was asked for all jobs.
    private(set) var rounds = 0

    init(_ configuration: SlurmConfiguration, world: World) {
        command = SlurmCommand(configuration: configuration, world: world)
        prefix = configuration.jobNamePrefix
        self.world = world
    }

    /// A name that no other job has.
    nonisolated func newName() -> String { prefix + Hex.encode(world.random(8)) }

    /// Returns the job's id in Slurm. When it throws, the job may be there all the same.
    func submit(_ arguments: [String]) async throws(SlurmProblem) -> String {
        let answer = try await command.run("sbatch", arguments)
        // `id` or `id;cluster`.
        let id = answer.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(id), number > 0 else { throw SlurmProblem(message: "sbatch answered: \(answer)") }
        return String(id)
    }

    /// All jobs as of at most `age` milliseconds ago; `nil` while the controller doesn't answer.
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

    /// Kills a job, calls `onEnd` once it is gone, and waits for that as long as a killed job may take. While the
    /// controller is away it goes on trying after it has returned.
    /// - Parameter id: `nil` when `sbatch` gave no answer. Such a job is looked for as long as it could still come.
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

    /// Ends what earlier lives of this worker left in the queue.
    /// - Throws: when the controller doesn't answer, or jobs are still there after the time that Slurm takes to kill.
    func endLeftovers() async throws(SlurmProblem) {
        let deadline = world.monotonic() + 90_000
        while true {
            guard let snapshot = await snapshot(age: 0) else {
                throw SlurmProblem(message: "Slurm's controller doesn't answer: see scontrol ping")
            }
            let ids = snapshot.jobs.values.filter { !$0.hasEnded }.map(\.id)
            if ids.isEmpty { return }
            guard world.monotonic() < deadline else {
                let list = ids.joined(separator: " ")
                throw SlurmProblem(message: "jobs of an earlier life don't end: scancel \(list), then start again")
            }
            await kill(ids)
            try? await world.sleep(.milliseconds(200))
        }
    }

    /// At once, not with the time to end that `scancel` alone gives. A job that isn't there is no matter.
    private func kill(_ ids: [String]) async {
        guard !ids.isEmpty else { return }
        _ = try? await command.run("scancel", ["--quiet", "--full", "--signal=KILL"] + ids)
        _ = try? await command.run("scancel", ["--quiet"] + ids)
    }
}
