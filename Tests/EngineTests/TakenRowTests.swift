import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// A row that another transaction has, as an upload's or a bug's may for long, on a database with locks of rows.
@Suite("Calls whose row another transaction has", .timeLimit(.minutes(2)))
struct TakenRowTests {
    private struct Leases {
        let extended: LabLease
        let finished: LabLease

        var lock: String {
            "SELECT 1 FROM live_jobs WHERE id IN ('\(extended.job.text)', '\(finished.job.text)') FOR UPDATE"
        }
    }

    private func leases(_ process: LabProcess) async throws -> Leases {
        try await process.submit([Lab.job(), Lab.job()])
        let leases = try await process.claim(by: "slow", upTo: 2)
        return Leases(extended: try #require(leases.first), finished: try #require(leases.last))
    }

    private func extend(_ process: LabProcess, _ lease: LabLease) async throws -> ExtendOutcome? {
        try await process.broker.extend([Extension(key: lease.key, milliseconds: 60_000)]).first
    }

    /// How long each call of another tenant took, in milliseconds.
    private func work(
        _ process: LabProcess, as name: String, until isOver: @Sendable () -> Bool
    ) async throws -> [Int64] {
        var times: [Int64] = []
        func timed<Answer>(_ call: () async throws -> Answer) async throws -> Answer {
            let start = World.live.monotonic()
            defer { times.append(World.live.monotonic() - start) }
            return try await call()
        }
        while !isOver() {
            try await timed { _ = try await process.submit([Lab.job(by: Lab.bob) { $0.queue = name }]) }
            let leases = try await timed {
                try await process.claim(by: name, claim: { $0.offer.queues = [name] })
            }
            let lease = try #require(leases.first)
            try await timed {
                _ = try await process.submit([Lab.job(by: Lab.bob) { $0.dependsOn = [lease.job] }])
            }
            guard case .extended = try await timed({ try await extend(process, lease) }) else {
                Issue.record("an extend was refused")
                return times
            }
            try await timed { _ = try await process.finish(lease) }
        }
        return times
    }

    @Test("wait by themselves: other tenants' go on at once", .tags(.timed))
    func others() async throws {
        let process = LabProcess(try await Lab(.postgres))
        let leases = try await leases(process)
        let names = (0..<4).map { "worker-\($0)" }
        for name in names { _ = try await process.lab.enroll(name) }
        let lock = try await process.lab.hold(leases.lock, for: .seconds(2))
        let isOver = Shared(false)
        try await withThrowingTaskGroup(of: [Int64].self) { group in
            for name in names { group.addTask { try await work(process, as: name) { isOver.value } } }
            try await withThrowingTaskGroup(of: Void.self) { stuck in
                for _ in 0..<30 {
                    stuck.addTask {
                        guard case .extended = try await extend(process, leases.extended) else {
                            Issue.record("a lease that is held wasn't extended")
                            return
                        }
                    }
                    stuck.addTask {
                        _ = try await process.submit([Lab.job { $0.dependsOn = [leases.extended.job] }])
                    }
                    stuck.addTask {
                        let finished = try await process.finish(leases.finished)
                        #expect(finished.state == .completed)
                    }
                }
                try await stuck.waitForAll()
            }
            isOver.change { $0 = true }
            var times: [Int64] = []
            for try await some in group { times += some }
            times.sort()
            #expect(times.count > 100)
            let late = times[times.count - 1 - times.count / 100]
            print("\(times.count) calls beside a lock of 2 s: p99 \(late) ms, at most \(times.last ?? 0) ms")
            #expect(late < 250)
        }
        await lock.value
        // Each of those that waited is counted once.
        let dependents = try await process.lab.database.read { tx in
            try tx.first("SELECT dependents FROM live_jobs WHERE id = \(leases.extended.job.text)") {
                try $0.integer()
            }
        }
        #expect(dependents == 30)
        try await process.lab.expectBooksBalance()
    }

    @Test("are told to come again when it stays so, and nothing has happened")
    func stays() async throws {
        let process = LabProcess(try await Lab(.postgres))
        let leases = try await leases(process)
        func row() async throws -> [Int64?] {
            try await process.lab.database.read { tx in
                try tx.rows(
                    "SELECT visible_until, dependents FROM live_jobs WHERE worker_id IS NOT NULL ORDER BY id"
                ) { row in try [row.optionalInteger(), row.optionalInteger()] }.flatMap(\.self)
            }
        }
        let before = try await row()
        let lock = try await process.lab.hold(leases.lock, for: .seconds(6))
        let both = [leases.extended, leases.finished]
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: DatabaseError.self) { try await extend(process, leases.extended) }
            }
            group.addTask {
                await #expect(throws: DatabaseError.self) { try await process.finish(leases.finished) }
            }
            group.addTask {
                await #expect(throws: DatabaseError.self) {
                    try await process.submit([Lab.job { $0.dependsOn = [leases.extended.job] }])
                }
            }
        }
        #expect(try await row() == before)
        await lock.value
        let finished = try await process.broker.finish(
            both.map { Report(key: $0.key, outcome: Outcome(status: .success)) })
        for result in finished { #expect(try #require(result).get().state == .completed) }
        try await process.lab.expectBooksBalance()
    }

    @Test("delay none of the others of the same call")
    func beside() async throws {
        let process = LabProcess(try await Lab(.postgres))
        let leases = try await leases(process)
        let taken = leases.extended
        try await process.submit([Lab.job(by: Lab.bob), Lab.job(by: Lab.bob)])
        let others = try await process.claim(by: "slow", upTo: 2)
        let lock = try await process.lab.hold(
            "SELECT 1 FROM live_jobs WHERE id = '\(taken.job.text)' FOR UPDATE", for: .seconds(8))
        func standing(_ leases: [LabLease]) async throws -> [LeaseKey: ExtendOutcome] {
            try await process.lab.database.read { tx in
                try tx.standing(leases.map { Extension(key: $0.key, milliseconds: 1) })
            }
        }
        let before = try await standing(others + [taken])
        let all = [others[0], taken, others[1]]
        async let extended = process.broker.extend(all.map { Extension(key: $0.key, milliseconds: 3_600_000) })
        // The others' are in the first commit, and don't wait with it.
        try await eventually("they are extended", within: .seconds(2)) {
            let now = try await standing(others)
            return now.count == 2 && now.allSatisfy { before[$0.key] != $0.value }
        }
        #expect(try await extended[1] == before[taken.key], "it is told until when it stands")
        let results = try await process.broker.finish(
            all.map { Report(key: $0.key, outcome: Outcome(status: .success)) })
        #expect(try results[0]?.get().state == .completed && results[1] == nil)
        #expect(try results[2]?.get().state == .completed)
        await lock.value
        #expect(try await process.finish(taken).state == .completed)
    }
}
