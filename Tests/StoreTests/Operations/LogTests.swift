import Bytes
import Domain
import Support
import Testing
@testable import Store

@Suite("A job's log")
struct LogTests {
    /// What a reader has in the end.
    private func text(_ lab: Lab, _ id: JobID) async throws -> String {
        try await lab.log(of: id).map(\.text).joined()
    }

    @Test("has each line once, however often a piece arrives", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        for _ in 0..<2 { try await lab.progress(lease, log: "one\n", at: 0) }
        #expect(try await text(lab, id) == "one\n")
        // What begins behind is cut to what is new.
        try await lab.progress(lease, log: "one\ntwo\n", at: 0)
        try await lab.progress(lease, log: "wo\nthree\n", at: 5)
        try await lab.progress(lease, log: "two\n", at: 4)
        #expect(try await text(lab, id) == "one\ntwo\nthree\n")
        // What begins ahead is taken as it is, and known from then on.
        for _ in 0..<2 { try await lab.progress(lease, log: "five\n", at: 100) }
        // A piece that says nothing of its place goes to the end.
        for _ in 0..<2 { try await lab.progress(lease, log: "six\n") }
        try await lab.progress(lease, log: "six\nseven\n", at: 109)
        #expect(try await text(lab, id) == "one\ntwo\nthree\nfive\nsix\nsix\nseven\n")
        try await lab.progress(lease, percent: 5, log: "", at: 0)
        try await lab.progress(lease, percent: 6, at: 0)
        #expect(try await lab.job(id)?.percent == 6)
        #expect(try await lab.log(of: id).count == 7)
    }

    @Test("is cut between characters", arguments: TestDatabase.all)
    func characters(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        // é takes two bytes, 🐔 four, and the last is two characters in one.
        let whole = "aé🐔e\u{301}\r\nb"
        try await lab.progress(lease, log: "aé", at: 0)
        try await lab.progress(lease, log: RawText(whole), at: 0)
        #expect(try await text(lab, id) == whole)
        let size = Int64(whole.utf8.count)
        // An offset within a character: what is known of it can't be told, so it is dropped whole.
        try await lab.progress(lease, log: "🐔c", at: size - 2)
        #expect(try await text(lab, id) == whole + "c")
        try await lab.progress(lease, log: "cd", at: size + 2)
        #expect(try await text(lab, id) == whole + "cd")
        try await lab.progress(lease, log: "🐔", at: size + 1)
        try await lab.progress(lease, log: "f", at: size + 5)
        #expect(try await text(lab, id) == whole + "cdf")
    }

    @Test("has bytes that are no text exactly", arguments: TestDatabase.all)
    func bytes(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let noise: [UInt8] = [0x61, 0x00, 0xFF, 0xC3, 0x0A]
        for _ in 0..<2 { try await lab.progress(lease, log: RawText(noise), at: 0) }
        // What is known of it is cut off at any byte.
        try await lab.progress(lease, log: RawText(noise + [0x80, 0xFE]), at: 0)
        try await lab.progress(lease, log: "plain\n", at: 7)
        let pieces = try await lab.log(of: id)
        #expect(pieces.map(\.content.bytes) == [noise, [0x80, 0xFE], Array("plain\n".utf8)])
        #expect(pieces.map(\.text) == ["a\u{FFFD}\u{FFFD}\u{FFFD}\n", "\u{FFFD}\u{FFFD}", "plain\n"])
        #expect(pieces.map(\.content.base64) == ["YQD/wwo=", "gP4=", nil])
    }

    @Test("begins anew with each lease", arguments: TestDatabase.all)
    func leases(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let first = try await lab.claim()
        try await lab.progress(first, log: "first\n", at: 0)
        try await lab.release(first)
        try await lab.promote()
        let second = try await lab.claim()
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.progress(first, log: "late\n", at: 6) }
        for _ in 0..<2 { try await lab.progress(second, log: "second\n", at: 0) }
        let pieces = try await lab.log(of: id)
        #expect(pieces.map(\.text) == ["first\n", "second\n"])
        #expect(pieces.map(\.fence) == [1, 2])
    }

    @Test("says once that it is full, and counts on", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let size: Int64 = 262_144
        let piece = RawText(String(repeating: "x", count: Int(size)))
        for number in 0..<20 as Range<Int64> { try await lab.progress(lease, log: piece, at: number * size) }
        try await lab.progress(lease, log: piece, at: 19 * size)
        let before = try await lab.log(of: id).count
        #expect(before == 17)
        #expect(try await lab.log(of: id).last?.text == "[log full: the rest is not kept]\n")
        // Its next lease says so too: a reader of that attempt alone should know.
        try await lab.release(lease)
        try await lab.promote()
        let next = try await lab.claim()
        for number in 0..<3 as Range<Int64> { try await lab.progress(next, log: piece, at: number * size) }
        let pieces = try await lab.log(of: id)
        #expect(pieces.count == before + 1)
        #expect((pieces.last?.fence, pieces.last?.text) == (2, "[log full: the rest is not kept]\n"))
    }

    @Test("has each line once when its pieces arrive twice at the same moment", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        for number in 0..<20 as Range<Int64> {
            async let one: Void = lab.progress(lease, log: "line \(number % 10)\n", at: number * 7)
            async let two: Void = lab.progress(lease, log: "line \(number % 10)\n", at: number * 7)
            _ = try await (one, two)
        }
        let expected = (0..<20).map { "line \($0 % 10)\n" }.joined()
        #expect(try await text(lab, id) == expected)
    }

    @Test("takes the next piece at the same cost, however many came before", arguments: TestDatabase.all)
    func cost(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        try await lab.database.write { tx in
            for number in 0..<3_000 as Range<Int64> {
                try tx.appendLog("line\n", offset: number * 5, job: id, fence: lease.fence)
            }
        }
        let size: Int64 = 15_000
        try await CostedList.expectBounded(
            [
                CostedList("a piece of a log") { tx in
                    try tx.appendLog("next\n", offset: size, job: id, fence: lease.fence)
                }
            ], in: lab, isWriting: true)
        #expect(try await text(lab, id).contains("line\nnext\n"))
    }

    @Test("from before the sums were kept goes on where it was", arguments: TestDatabase.all)
    func older(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        for number in 0..<3 as Range<Int64> { try await lab.progress(lease, log: "line\n", at: number * 5) }
        try await lab.database.write { tx in
            try tx.execute("UPDATE job_logs SET total = NULL, lease_total = NULL WHERE job_id = \(id.text)")
        }
        for _ in 0..<2 { try await lab.progress(lease, log: "line\nlast\n", at: 10) }
        #expect(try await text(lab, id) == "line\nline\nline\nlast\n")
    }
}
