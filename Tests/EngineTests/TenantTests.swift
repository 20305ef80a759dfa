import Domain
import Engine
import Store
import Support
import Testing

@Suite("Tenants share")
struct TenantTests {
    private static let big = OwnerID("big")
    private static let small = (1...9).map { OwnerID("small-\($0)") }

    /// The big one's jobs come first, a thousand at a time.
    private func submit(_ count: Int, to process: LabProcess, _ needs: (Int, inout Requirement) -> Void) async throws {
        for start in stride(from: 0, to: count, by: 1_000) {
            try await process.submit(
                (start..<min(start + 1_000, count)).map { number in
                    Lab.job(by: Self.big) { needs(number, &$0.needs) }
                })
        }
    }

    /// How many jobs had been served when the last of the small ones' was. Alone, it would be 90.
    private func wait(_ process: LabProcess, upTo limit: Int) async throws -> Int {
        let owners = try await process.drain(upTo: limit, most: 2_000)
        let served = owners.enumerated().filter { $0.element != Self.big }.map(\.offset)
        #expect(served.count == 90)
        return (served.last ?? .max) + 1
    }

    @Test(
        "nine with ten jobs each wait at most twice as long as alone, whatever a tenth has waiting",
        arguments: TestDatabase.all, [1, 10])
    func nineAndOne(on database: TestDatabase, limit: Int) async throws {
        let process = LabProcess(try await Lab(database))
        try await submit(limit == 10 ? 100_000 : 5_000, to: process) { _, _ in }
        // The big one has been served for a while.
        _ = try await process.drain(upTo: 100, most: 500)
        for owner in Self.small { try await process.submit((0..<10).map { _ in Lab.job(by: owner) }) }
        #expect(try await wait(process, upTo: limit) <= 180)
    }

    @Test(
        "also in a class that only the small ones use, and in a process that has just begun",
        arguments: TestDatabase.all)
    func otherClass(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = LabProcess(lab)
        try await submit(6_000, to: first) { number, need in need.memoryMiB = Int64(number % 300) }
        for owner in Self.small {
            try await first.submit((0..<10).map { _ in Lab.job(by: owner) { $0.queue = "small" } })
        }
        let process = LabProcess(try await lab.neighbour())
        try await process.poll()
        #expect(try await wait(process, upTo: 1) <= 180)
    }

    @Test("two processes that tag for the same tenants starve nobody", arguments: TestDatabase.all)
    func twoProcesses(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = LabProcess(lab)
        let second = LabProcess(try await lab.neighbour())
        try await submit(4_000, to: first) { _, _ in }
        try await second.poll()
        for owner in Self.small { try await second.submit((0..<10).map { _ in Lab.job(by: owner) }) }
        try await first.poll()
        #expect(try await wait(first, upTo: 1) <= 180)
    }

    @Test("priorities are strict", arguments: TestDatabase.all, [1, 8])
    func strict(on database: TestDatabase, limit: Int) async throws {
        let process = LabProcess(try await Lab(database))
        for number in 0..<30 {
            try await process.submit(
                (0..<10).map { Lab.job(by: OwnerID("owner-\(number % 4)"), priority: Int64(($0 * 7 + number) % 10)) })
        }
        var priorities: [Int64] = []
        while true {
            let leases = try await process.claim(upTo: limit)
            if leases.isEmpty { break }
            priorities += leases.map(\.requirement.priority)
        }
        #expect(priorities.count == 300)
        #expect(priorities == priorities.sorted(by: >))
    }

    @Test("what has waited long enough at a low priority has its turn", arguments: TestDatabase.all)
    func ageing(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        try await process.submit([Lab.job(by: Lab.bob, priority: 3)])
        try await process.poll()
        lab.passUnattended(.seconds(230))
        try await process.submit((0..<5).map { _ in Lab.job(priority: 5) })
        try await process.poll()
        // Four minutes would make 5 of 3, and age decides between equals.
        #expect(try await process.claim().first?.owner == Lab.alice)
        lab.passUnattended(.seconds(20))
        #expect(try await process.claim().first?.owner == Lab.bob)
        #expect(try await process.claim().first?.owner == Lab.alice)
    }
}
