import Bytes
import Domain
import Engine
import Foundation
import Logging
import Support
import Testing
@testable import Store

/// A short form of the load that the operator's retention is made for; `HATCHFARM_PRUNED_JOBS` sets another size.
@Suite("Pruning", .timeLimit(.minutes(10)), .tags(.timed))
struct PruningSpeedTests {
    private static let jobs =
        ProcessInfo.processInfo.environment["HATCHFARM_PRUNED_JOBS"].flatMap { Int($0) } ?? 40_000

    /// Ended jobs of many owners, one in ten with a log and an attempt, and as many events.
    private func fill(_ lab: Lab) async throws {
        let (slice, start) = (5_000, lab.now)
        for first in stride(from: 0, to: Self.jobs, by: slice) {
            let numbers = first..<min(first + slice, Self.jobs)
            try await lab.database.write { tx in
                let ids = numbers.map { _ in UUIDv7.text(milliseconds: start, random: World.live.random(10)) }
                let jobs = SQL.Rows("made", ["id", "owner"], of: Array(zip(numbers, ids))) { number, id in
                    [.text(id), .text("owner-\(number % 100)")]
                }
                try tx.execute(
                    """
                    INSERT INTO jobs (id, owner_id, title, class_id, spec, max_attempts, backoff_initial,
                        backoff_factor, backoff_most, created_at)
                    SELECT \(jobs.id), \(jobs.owner), 't', 1, '{"command":["true"]}', 3, 0, 1, 0, \(start) \(from: jobs)
                    """)
                try tx.execute(
                    """
                    INSERT INTO ended_jobs (id, owner_id, state, attempt, failures, losses, fence, ended_at)
                    SELECT \(jobs.id), \(jobs.owner), 'completed', 1, 0, 0, 1, \(start) \(from: jobs)
                    """)
                for id in ids.enumerated().filter({ $0.offset % 10 == 0 }).map(\.element) {
                    try tx.executeLater(
                        """
                        INSERT INTO job_logs (job_id, fence, text, bytes, at) VALUES (\(id), 1, 'a line', 6, \(start))
                        """)
                    try tx.executeLater(
                        """
                        INSERT INTO attempts (job_id, fence, attempt, outcome, ended_at)
                        VALUES (\(id), 1, 1, 'failure', \(start))
                        """)
                }
                for owner in 0..<100 {
                    try tx.record(
                        (0..<(slice / 100)).map { _ in
                            Event(owner: OwnerID("owner-\(owner)"), type: .jobEnded, actor: "x", object: "o")
                        })
                }
            }
        }
        while try await lab.seal() > 0 {}
    }

    @Test("takes away what is old, while claims go on as before", arguments: TestDatabase.all)
    func speed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab, retention: Retention(days: 30, auditDays: 30))
        try await fill(lab)
        lab.clock.advance(by: .seconds(31 * 86_400))
        try await lab.enroll("worker")
        let quiet = try await claims(process) { $0 >= 150 }
        let pruner = HistoryPruner(process.broker, world: lab.world, logger: Logger(label: "test"))
        let isOver = Shared(false)
        let load = Task { try await claims(process) { _ in isOver.value } }
        let start = World.live.monotonic()
        while true {
            let rest = try await pruner.round()
            guard rest < .seconds(30) else { break }
            try await World.live.sleep(rest)
        }
        let seconds = Double(World.live.monotonic() - start) / 1_000
        isOver.change { $0 = true }
        let busy = try await load.value
        let rows = process.broker.stats.snapshot.pruned.values.reduce(0, +)
        print(
            "measured: \(rows) rows in \(seconds) s beside claims, \(Int(Double(rows) / seconds)) rows/s on "
                + "\(database); p99 of a claim \(quiet) ms before, \(busy) ms meanwhile")
        #expect(rows > Self.jobs * 3)
        // Built for debugging, on a machine that does other things as well: only far off is wrong.
        #expect(Double(rows) / seconds > 500)
        #expect(busy < max(250, 10 * quiet))
        for owner in 0..<3 { try await lab.expectChain(of: OwnerID("owner-\(owner)")) }
        #expect(try await lab.database.read { try $0.checkpoint(of: OwnerID("owner-0")) } != nil)
        try await lab.expectBooksBalance()
    }

    /// Submits and claims one job after the other; the 99th percentile of what a claim took, in milliseconds.
    private func claims(_ process: LabProcess, until isEnough: (Int) -> Bool) async throws -> Int64 {
        var took: [Int64] = []
        while !isEnough(took.count) || took.count < 50 {
            try await process.submit([Lab.job()])
            let start = World.live.monotonic()
            let leases = try await process.claim(wait: .seconds(5))
            took.append(World.live.monotonic() - start)
            for lease in leases { try await process.finish(lease) }
            try await World.live.sleep(.milliseconds(5))
        }
        return took.sorted()[min(took.count - 1, took.count * 99 / 100)]
    }
}
