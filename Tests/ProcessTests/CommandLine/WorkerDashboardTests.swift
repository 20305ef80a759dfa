import Bytes
import Domain
import Runtime
import Testing
import Wire

@testable import hatchfarm

@Suite("What a worker's screen shows")
struct WorkerDashboardTests {
    private func job(_ id: String, _ title: String, attempt: Int = 1) -> WorkerEvent {
        .claimed(
            ClaimedJob(
                id: JobID(id), claimToken: "t", attempt: attempt, visibleUntil: 0,
                visibilityTimeoutMilliseconds: 60_000,
                leaseEnds: 0, title: title, command: ["true"]))
    }

    private func board(_ events: [WorkerEvent], slots: Int = 4) -> WorkerDashboard {
        var board = WorkerDashboard(server: "https://farm.example", slots: slots)
        for event in events { board.update(event, at: 0) }
        return board
    }

    @Test("a job's line has its title, a bar, what has passed and what is left, and its attempt")
    func line() {
        let board = board([job("1", "sort", attempt: 2), .progress(job: JobID("1"), percent: 25, message: nil)])
        let lines = board.lines(columns: 80, rows: 24, at: 61_000)
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("sort "))
        #expect(lines[0].hasSuffix("██░░░░░░░░   25 %     1:01     3:03 left  attempt 2"))
        #expect(lines[1] == "https://farm.example · 1/4 running · 0 done · 0 failed")
    }

    @Test("nothing is said of what is left before there is a second and a percent")
    func left() {
        #expect(WorkerDashboard.remaining(nil, 60_000) == nil)
        #expect(WorkerDashboard.remaining(0.5, 60_000) == nil)
        #expect(WorkerDashboard.remaining(50, 500) == nil)
        #expect(WorkerDashboard.remaining(100, 60_000) == nil)
        #expect(WorkerDashboard.remaining(.nan, 60_000) == nil)
        #expect(WorkerDashboard.remaining(10, 60_000) == 540_000)
        #expect(WorkerDashboard.remaining(10, .max) == nil)
        #expect(WorkerDashboard.formatElapsed(3_723_000) == "1:02:03")
    }

    @Test("endings are counted, and what was said of the server last stands there")
    func status() {
        var board = board([
            job("1", "a"), job("2", "b"), job("3", "c"), job("4", "d"),
            .finished(job: JobID("1"), status: .success, exitCode: 0, durationMilliseconds: 1),
            .finished(job: JobID("2"), status: .failure, exitCode: 7, durationMilliseconds: 1),
            .lost(job: JobID("3"), reason: "late"), .heartbeat(pendingJobs: 12),
        ])
        let status = "https://farm.example · 1/4 running · 1 done · 1 failed · 12 pending"
        #expect(board.lines(columns: 120, rows: 24, at: 0).last == status)
        board.update(.backoff(call: "claim", error: .unreachable("connection refused"), milliseconds: 500), at: 0)
        #expect(board.lines(columns: 120, rows: 24, at: 0).last == status + " · claim: connection refused")
        board.update(.heartbeat(pendingJobs: 12), at: 0)
        board.update(.draining(running: 1), at: 0)
        #expect(board.lines(columns: 120, rows: 24, at: 0).last == status + " · draining")
    }

    @Test("what results earned is added up, where the server says so and it is an amount")
    func earnings() throws {
        func finished(_ paid: String?) -> WorkerEvent {
            .finished(job: JobID("1"), status: .success, exitCode: 0, durationMilliseconds: 1_500, paidUSDT: paid)
        }
        var events = [finished(nil), finished("0")]
        let nothing = board(events).lines(columns: 120, rows: 24, at: 0).last
        #expect(nothing == "https://farm.example · 0/4 running · 2 done · 0 failed")
        events += [
            finished("0.0125"), finished("0.01"), .paid(job: JobID("0"), usdt: "1"), finished("-5"), finished("1e9"),
            finished("\u{1B}[2J"),
        ]
        let lines = board(events).lines(columns: 120, rows: 24, at: 0)
        #expect(lines.last == "https://farm.example · 0/4 running · 7 done · 0 failed · earned 1.0225 USDT")
        #expect(WorkerLogEntry.event(events[0]).text == "1 success in 1.5 s, exit code 0")
        #expect(WorkerLogEntry.event(events[2]).text == "1 success in 1.5 s, exit code 0, earned 0.0125 USDT")
        #expect(WorkerLogEntry.event(events[7]).text == "1 success in 1.5 s, exit code 0")
        #expect(WorkerLogEntry.event(events[2]).json(at: 0)?["paid_usdt"] == "0.0125")
        #expect(try #require(WorkerLogEntry.event(events[0]).json(at: 0))["paid_usdt"] == nil)
        let counter = EarningsCounter()
        for event in events { counter.record(event) }
        #expect(WorkerLogEntry.ended(counter.total).text == "7 done, 0 failed, earned 1.0225 USDT")
        #expect(WorkerLogEntry.ended(counter.total).json(at: 0)?["earned_usdt"] == "1.0225")
        #expect(WorkerLogEntry.ended(Earnings()).text == "0 done, 0 failed")
        for _ in 0..<20 { counter.record(finished("1000000")) }
        #expect(counter.total.usdt == "20000001.0225")
    }

    @Test("no line is wider than the terminal, whatever jobs are called", arguments: [1, 2, 10, 33, 60, 79, 200])
    func width(columns: Int) {
        let titles = ["sort", String(repeating: "long ", count: 80), "鶏小屋の夜明け鶏小屋の夜明け鶏小屋の夜明け", "👩‍🌾🐣🐔", ""]
        var board = board(titles.enumerated().map { job("\($0)", $1, attempt: 3) }, slots: 9)
        board.update(.progress(job: JobID("1"), percent: 99.9, message: "nearly there"), at: 0)
        board.update(.progress(job: JobID("2"), percent: 1e300, message: "完了"), at: 0)
        for line in board.lines(columns: columns, rows: 24, at: 7_200_000) {
            #expect(Text.columns(line) <= max(1, columns - 1), "\(line)")
        }
    }

    @Test("titles and messages can't steer the terminal, nor can a server's words")
    func sanitized() {
        let evil = "\u{1B}]0;owned\u{7}\u{1B}[2J\r\nready\u{202E}abc\u{9B}31m"
        var board = board([job("1", evil), .progress(job: JobID("1"), percent: 5, message: evil)])
        board.update(.backoff(call: "claim", error: .unreachable(evil), milliseconds: 500), at: 0)
        let text = board.lines(columns: 300, rows: 24, at: 0).joined()
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        #expect(!text.contains("\u{202E}"))
        let sentence = WorkerLogEntry.event(job("1", evil)).text ?? ""
        #expect(!sentence.contains("\n") && !sentence.contains("\u{1B}"))
    }

    @Test("jobs that find no room are counted")
    func rows() {
        let board = board((0..<40).map { job("\($0)", "job \($0)") }, slots: 40)
        let lines = board.lines(columns: 80, rows: 10, at: 0)
        #expect(lines.count == 8)
        #expect(lines[6] == "… and 34 more")
    }

    @Test("colours only when asked for, and never in the count of columns")
    func colour() {
        let board = board([job("1", "sort"), .progress(job: JobID("1"), percent: 50, message: nil)])
        let plain = board.lines(columns: 80, rows: 24, at: 5_000)
        let painted = board.lines(columns: 80, rows: 24, at: 5_000, colour: true)
        #expect(!plain.joined().contains("\u{1B}"))
        #expect(painted[0].contains("\u{1B}[32m█████░░░░░"))
        #expect(painted.map { $0.replacing(#/\u{1B}\[\d+m/#, with: "") } == plain)
    }

    @Test("every piece of news is one JSON object with its time and its job, or none")
    func json() throws {
        let events: [WorkerEvent] = [
            .started(isolation: .sandbox, missing: ["cgroup"]), .heartbeat(pendingJobs: 3), job("1", "a\nb"),
            .progress(job: JobID("1"), percent: 12.5, message: nil), .lost(job: JobID("1"), reason: "late"),
            .finished(job: JobID("1"), status: .failure, exitCode: 2, durationMilliseconds: 31),
            .cancelled(job: JobID("1")),
            .released(job: JobID("1"), reason: "drain"), .draining(running: 0), .stopped,
            .unreported(job: JobID("1")), .recovered(results: 1, lost: 2), .outsideHours(running: 1), .withinHours,
            .backoff(call: "claim", error: .lost, milliseconds: 5),
        ]
        for event in events {
            let json = try #require(WorkerLogEntry.event(event).json(at: 0))
            let read = try JSON(parsing: json.bytes(.compact))
            #expect(read["ts"] == "1970-01-01T00:00:00.000Z" && read["event"]?.string != nil)
            #expect(!json.text(.compact).contains("\n"))
        }
        let finished = try #require(WorkerLogEntry.event(events[5]).json(at: 0))
        #expect(finished["job"] == "1" && finished["status"] == "failure" && finished["exit_code"] == 2)
        #expect(WorkerLogEntry.event(.log(job: JobID("1"), text: "secret of the job")).json(at: 0) == nil)
    }
}
