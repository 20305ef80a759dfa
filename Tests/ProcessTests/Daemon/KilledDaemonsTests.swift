import Bytes
import Glibc
import Support
import Testing

@Suite("Daemons that are killed again and again", .serialized, .timeLimit(.minutes(20)))
struct KilledDaemonsTests {
    @Test(
        "end every job once, run nothing twice under one lease, and leave nothing behind", arguments: TestDatabase.all)
    func killed(on database: TestDatabase) async throws {
        let size = ChaosSize.chosen
        let seed = ChaosSize.seed
        print("measured: \(size.kills) kills over \(size.jobs) jobs, HATCHFARM_CHAOS_SEED=\(seed)")
        try await Farm.run(on: database) { farm in
            let load = ShortJobs(farm.owner, port: farm.server.port)
            let killer = DaemonKiller(farm.owner, size, seed: seed)
            let start = ContinuousClock.now
            async let submitting: Void = load.submit(size.jobs, seed: seed)
            try await killer.run(daemons: 3)
            try await submitting
            measured("\(killer.kills.count) kills", ContinuousClock.now - start)
            try await eventually("all jobs have ended", within: .seconds(120)) { try await load.isOver() }
            measured("all \(size.jobs) jobs", ContinuousClock.now - start)
            try await killer.drain()

            killer.expectNothingLeft()
            killer.expectNoWordAfterLoss()
            #expect(ProcessTable.count(load.marker) == 0)
            let ended = try await load.ended()
            #expect(ended.count == size.jobs)
            expectEndedOnce(ended, events: try await load.owner.endEvents())
            expectLossesAreKills(ended, killer.kills)
        }
    }

    private func expectEndedOnce(_ ended: [ShortJobs.Ended], events: [String: Int]) {
        for job in ended {
            let outcomes = job.attempts.map(\.outcome)
            #expect(job.status == (job.isPoison ? "failed" : "completed"), "\(job)")
            #expect(events[job.id] == 1, "\(job)")
            // A job that lost three workers in a row is quarantined: that is its one end.
            #expect(outcomes.count { $0 == "success" } == (job.isPoison ? 0 : 1), "\(job)")
            #expect(outcomes.last == (job.isPoison ? "lost" : "success"), "\(job)")
            #expect(outcomes.allSatisfy { ["lost", "released", "success"].contains($0) }, "\(job)")
            let fences = job.attempts.map(\.fence)
            #expect(zip(fences, fences.dropFirst()).allSatisfy { $0 < $1 }, "\(job)")
            // One lease, one run; and what is kept of it is all of the same run.
            #expect(job.runs.values.allSatisfy { $0.count == 1 }, "\(job)")
            if !job.isPoison {
                let last = fences.last.flatMap { job.runs[$0]?.first }
                #expect(last != nil && job.output == last, "\(job)")
                #expect(job.artifact == nil || job.artifact == last, "\(job)")
            }
        }
        let poisoned = ended.count { $0.isPoison }
        print("measured: \(ended.count - poisoned) jobs completed, \(poisoned) lost three daemons in a row")
        #expect(poisoned <= ended.count / 20)
    }

    private func expectLossesAreKills(_ ended: [ShortJobs.Ended], _ kills: [DaemonKiller.Kill]) {
        let lost = ended.flatMap(\.attempts).filter { $0.outcome == "lost" }
        let told = lost.count { $0.error?.contains("the daemon was killed") == true }
        let released = ended.flatMap(\.attempts).count { $0.outcome == "released" }
        print("measured: \(lost.count) leases lost, \(told) told by the next life; \(released) given back")
        for line in DaemonKiller.phases(kills) { print("measured: \(line)") }
        let slowest = kills.map(\.processesGoneAfter).max() ?? .zero
        measured("the longest that a process lived after its daemon", slowest)
        // Each kill takes no more than what a daemon can hold.
        #expect(lost.count <= kills.count * DaemonKiller.slots)
        // It was a history worth checking; and a lease has to run out only where the next life began too late, or was
        // killed before it could tell: oftener the slower the machine.
        #expect(kills.count { $0.traces.leases > 0 } >= kills.count / 10)
        #expect(told >= lost.count - lost.count / 4)
    }
}
