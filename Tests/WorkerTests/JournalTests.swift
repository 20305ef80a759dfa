import Bytes
import Foundation
@testable import Runtime
import Support
import Testing
import Wire

@Suite("A worker's journal", .timeLimit(.minutes(1)))
struct JournalTests {
    private let folder = Scratch.path("journal")

    private func journal(_ worker: String = "wrk_1") throws -> Journal {
        try Journal(in: folder, workerID: worker)
    }

    private func result(_ job: String) -> ResultReport {
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
            for job in ["a", "b", "c"] { first.hold(.sample(job)) }
            first.keep(result("b"))
            first.settle("token-c")
            #expect(first.takeUnreported() == .init())
        }
        do {
            let second = try journal()
            let debts = second.takeUnreported()
            #expect(debts.lost == ["token-a": "a"])
            #expect(debts.results == [result("b")])
            #expect(second.takeUnreported() == .init())
            second.settle("token-b")
        }
        let third = try journal()
        #expect(third.takeUnreported() == .init(lost: ["token-a": "a"], results: []))
        third.settle("token-a")
        third.close()
        #expect(files == [])
    }

    @Test("a claim that was not answered is asked again by the next life, as the same one")
    func claims() throws {
        do {
            let first = try journal()
            first.ask("answered")
            first.settle("answered")
            first.ask("open")
        }
        do {
            let second = try journal()
            #expect(second.takeUnreported() == .init(claims: ["open"]))
            second.ask("open")
        }
        let third = try journal()
        #expect(third.takeUnreported() == .init(claims: ["open"]))
        third.settle("open")
        third.close()
        #expect(files == [])
    }

    @Test("a living daemon's journal is nobody else's, and another worker's tokens are of no use")
    func others() throws {
        let alive = try journal()
        alive.hold(.sample("a"))
        let second = try journal()
        #expect(second.takeUnreported() == .init())
        do {
            let other = try journal("wrk_2")
            other.hold(.sample("b"))
        }
        #expect(try journal().takeUnreported() == .init())
    }

    @Test("a line torn by the kill, and whatever else is no line, costs only itself")
    func torn() throws {
        do {
            let first = try journal()
            first.hold(.sample("a"))
            first.hold(.sample("b"))
        }
        let path = try #require(files.first)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try ("null\n[]\n\0\n" + text + #"{"settled":"token-"#).write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try journal().takeUnreported().lost == ["token-a": "a", "token-b": "b"])
    }

    @Test("only its user may read it, and it doesn't grow with the jobs that are done")
    func bounds() throws {
        let journal = try journal()
        journal.hold(.sample("open"))
        let path = try #require(files.first)
        for number in 0..<30_000 {
            journal.hold(.sample("\(number)"))
            journal.settle("token-\(number)")
        }
        let size = { try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) }
        #expect(try size() <= 5 << 20)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        journal.settle("token-open")
        #expect(try size() < 100)
    }
}
