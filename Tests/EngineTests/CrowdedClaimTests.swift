import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("Many claim at once")
struct CrowdedClaimTests {
    private static let jobs = 2_000

    /// Sixteen workers drain what there is through these brokers; every job must be granted exactly once.
    private func drain(_ processes: [LabProcess], upTo limit: Int) async throws {
        let granted = Shared<[JobID: Int]>([:])
        let deadline = World.live.monotonic() + 60_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                let process = processes[number % processes.count]
                group.addTask {
                    while granted.value.count < Self.jobs, World.live.monotonic() < deadline {
                        do {
                            let leases = try await process.claim(by: "worker \(number)", upTo: limit)
                            granted.change { granted in
                                for lease in leases { granted[lease.job, default: 0] += 1 }
                            }
                            // What another process holds locked, or has put there, only polling tells.
                            if leases.isEmpty { try await process.poll() }
                        } catch DatabaseError.busy {
                            // SQLite's lock is not handed out in turn: one broker may not get it for long.
                            continue
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let counts = granted.value
        #expect(counts.count == Self.jobs)
        #expect(counts.values.allSatisfy { $0 == 1 })
    }

    private func fill(_ process: LabProcess) async throws {
        for part in 0..<4 as Range<Int64> {
            try await process.submit(
                (0..<(Self.jobs / 4)).map { number in
                    Lab.job(by: OwnerID("owner-\(number % 7)"), priority: part) { $0.memoryMiB = Int64(number % 3) }
                })
        }
        for number in 0..<16 { try await process.lab.enroll("worker \(number)") }
    }

    @Test("sixteen at one broker never get the same job", arguments: TestDatabase.all, [1, 7])
    func oneBroker(on database: TestDatabase, limit: Int) async throws {
        let process = LabProcess(try await Lab(database))
        try await fill(process)
        try await drain([process], upTo: limit)
        try await process.lab.expectBooksBalance()
    }

    @Test("sixteen at two brokers on one database never get the same job", arguments: TestDatabase.all, [1, 7])
    func twoBrokers(on database: TestDatabase, limit: Int) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        try await fill(process)
        let other = LabProcess(try await lab.neighbour())
        try await other.poll()
        try await drain([process, other], upTo: limit)
        try await lab.expectBooksBalance()
    }

    @Test("claims, results, losses and cancels at once leave the books right", arguments: TestDatabase.all)
    func everything(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        process.start()
        let ended = Shared<Set<JobID>>([])
        for number in 0..<8 { try await lab.enroll("worker \(number)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for owner in [Lab.alice, Lab.bob] {
                group.addTask {
                    for round in 0..<25 {
                        let reply = try await process.submit(
                            (0..<8).map { _ in
                                Lab.job(by: owner) { $0.backoff = Backoff(initial: 1, factor: 1_000, max: 1) }
                            })
                        guard case .accepted(let jobs, _) = reply, round % 3 == 0, let job = jobs.last else { continue }
                        _ = try? await process.broker.cancel(job.id, owner: owner, actor: owner.text) { _ in }
                    }
                }
            }
            for number in 0..<8 {
                group.addTask {
                    for round in 0..<40 {
                        for lease in try await process.claim(by: "worker \(number)", upTo: 5, wait: .milliseconds(50)) {
                            switch (round + number) % 5 {
                            case 0: try? await process.broker.release(lease.key)
                            case 1: _ = try? await process.finish(lease, .failure)
                            default:
                                guard let done = try? await process.finish(lease) else { continue }
                                let isNew = ended.change { $0.insert(done.job).inserted }
                                #expect(isNew)
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        await process.stop()
        try await lab.expectBooksBalance()
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
    }
}
