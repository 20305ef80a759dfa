import Domain
import Store
import Support
import Testing

@Suite("Jobs with large specs")
struct LargeSpecTests {
    private static func spec(_ bytes: Int, _ mark: Int) -> String {
        let spec = #"{"description":"\#(mark)"#
        return spec + String(repeating: "ü", count: (bytes - spec.utf8.count - 2) / 2) + #""}"#
    }

    @Test("are granted as far as a claim's bytes go, and the rest to the next", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        var wanted: [JobID: String] = [:]
        for number in 0..<20 {
            let spec = Self.spec(1 << 20, number)
            let id = try await lab.submit { $0.spec = spec }
            wanted[id] = spec
        }
        // Another class, later and small.
        let small = try await lab.submit { $0.memoryMiB = 1 }
        var counts: [Int] = []
        while !wanted.isEmpty {
            let leases = try await lab.claim(by: "w", upTo: 100).filter { $0.job != small }
            guard !leases.isEmpty else { break }
            counts.append(leases.count)
            let bytes = leases.reduce(0) { $0 + Int64($1.spec.utf8.count) }
            #expect(bytes <= Transaction.specBytesPerClaim)
            for lease in leases { #expect(wanted.removeValue(forKey: lease.job) == lease.spec) }
        }
        #expect(counts.reduce(0, +) == 20)
        #expect(counts.count == 3, "\(counts)")
        #expect(try await lab.state(small) == .running)
    }

    @Test("are granted one by one when a single one is more than that", arguments: TestDatabase.all)
    func single(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let spec = Self.spec(9 << 20, 0)
        for _ in 0..<2 { try await lab.submit { $0.spec = spec } }
        for _ in 0..<2 {
            let leases = try await lab.claim(by: "w", upTo: 10)
            #expect(leases.map(\.spec) == [spec])
        }
    }

    @Test("come again with a repeated claim", arguments: TestDatabase.all)
    func repeated(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let spec = Self.spec(1 << 20, 0)
        for _ in 0..<10 { try await lab.submit { $0.spec = spec } }
        let first = try await lab.claim(by: "w", upTo: 10, request: "r")
        let again = try await lab.claim(by: "w", upTo: 10, request: "r")
        #expect(Set(first.map(\.job)) == Set(again.map(\.job)) && first.count < 10)
        #expect(again.allSatisfy { $0.spec == spec })
    }

    @Test("are listed without them, and without what they brought forth", arguments: TestDatabase.all)
    func lists(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let spec = Self.spec(1 << 20, 0)
        try await lab.submit { $0.spec = spec }
        let lease = try await lab.claim(by: "w")
        var outcome = Outcome(status: .failure, exitCode: 1)
        (outcome.output, outcome.error) = ("out", "err")
        let id = try await lab.submit { $0.maxAttempts = 1 }
        try await lab.finish(try await lab.claim(by: "w"), outcome)
        let page = JobPage(owners: [Lab.alice], status: nil, limit: 10, before: nil)
        let listed = try await lab.database.read { try $0.jobs(page) }
        #expect(listed.map(\.id) == [id, lease.job])
        #expect(listed.allSatisfy { $0.spec.isEmpty && $0.ending?.output == nil && $0.ending?.error == nil })
        #expect(listed.first?.ending?.exitCode == 1)
        let summary = try await lab.database.read { try $0.jobSummary(id, ofAny: [Lab.alice]) }
        #expect(summary?.state == .failed && summary?.ending?.output == nil)
        #expect(try await lab.job(id)?.ending?.output == "out")
        #expect(try await lab.job(id)?.ending?.error == "err")
        #expect(try await lab.job(lease.job)?.spec == spec)
    }
}
