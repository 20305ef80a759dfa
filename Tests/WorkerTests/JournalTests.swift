import Bytes
import Domain
import Foundation
@testable import Runtime
import Support
import Testing
import Wire

@Suite("A worker's journal", .timeLimit(.minutes(1)))
struct JournalTests {
    private let folder = Scratch.path("journal")

    private func journal(_ worker: MachineID = "wrk_1") throws -> Journal {
        try Journal(in: folder, workerID: worker)
    }

    private func result(_ job: JobID) -> ResultReport {
        ResultReport(
            jobID: job, claimToken: "token-\(job)", status: .success, exitCode: 0, output: "ä\n\"\u{1}",
            executedAt: 1_000, durationMilliseconds: 5)
    }

    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).map { "\(folder)/\($0)" }
    }

    @Test("what a daemon held and hadn't told when it was killed, the next one owes, until it is settled")
    func debts() throws {
        do {
            let first = try journal()
            for job: JobID in ["a", "b", "c"] { first.recordLease(.sample(job)) }
            first.recordResult(result("b"))
            first.resolve("token-c")
            #expect(first.takeUnreported() == .init())
        }
        do {
            let second = try journal()
            let debts = second.takeUnreported()
            #expect(debts.lost == ["token-a": "a"])
            #expect(debts.results == [result("b")])
            #expect(second.takeUnreported() == .init())
            second.resolve("token-b")
        }
        let third = try journal()
        #expect(third.takeUnreported() == .init(lost: ["token-a": "a"], results: []))
        third.resolve("token-a")
        third.close()
        #expect(files == [])
    }

    @Test("a claim that was not answered is asked again by the next life, as the same one")
    func claims() throws {
        do {
            let first = try journal()
            first.recordClaim("answered")
            first.resolve("answered")
            first.recordClaim("open")
        }
        do {
            let second = try journal()
            #expect(second.takeUnreported() == .init(claims: ["open"]))
            second.recordClaim("open")
        }
        let third = try journal()
        #expect(third.takeUnreported() == .init(claims: ["open"]))
        third.resolve("open")
        third.close()
        #expect(files == [])
    }

    @Test("a living daemon's journal is nobody else's, and another worker's tokens are of no use")
    func others() throws {
        let alive = try journal()
        alive.recordLease(.sample("a"))
        let second = try journal()
        #expect(second.takeUnreported() == .init())
        do {
            let other = try journal("wrk_2")
            other.recordLease(.sample("b"))
        }
        #expect(try journal().takeUnreported() == .init())
    }

    @Test("a line torn by the kill, and whatever else is no line, costs only itself")
    func torn() throws {
        do {
            let first = try journal()
            first.recordLease(.sample("a"))
            first.recordLease(.sample("b"))
        }
        let path = try #require(files.first)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try ("null\n[]\n\0\n" + text + #"{"settled":"token-"#).write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try journal().takeUnreported().lost == ["token-a": "a", "token-b": "b"])
    }

    @Test("only its user may read it, and it doesn't grow with the jobs that are done")
    func bounds() throws {
        let journal = try journal()
        journal.recordLease(.sample("open"))
        let path = try #require(files.first)
        for number in 0..<30_000 {
            journal.recordLease(.sample("\(number)"))
            journal.resolve("token-\(number)")
        }
        let size = { try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) }
        #expect(try size() <= 5 << 20)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        journal.resolve("token-open")
        #expect(try size() < 100)
    }
}
