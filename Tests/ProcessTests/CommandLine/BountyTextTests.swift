import Bytes
import Testing

@testable import hatchfarm

@Suite("Bounties and verdicts as text")
struct BountyTextTests {
    private func audit(_ status: String, _ more: [JSON.Member] = []) -> JSON {
        .object([.init("status", .string(status))] + more)
    }

    private let report: [JSON.Member] = [
        .init("passed", 1), .init("total", 2), .init("settles_at", "2026-01-01T00:00:00Z"),
        .init(
            "split",
            [
                "assignee_payout": 20, "poster_refund": 20, "assignee_escrow_return": 4, "assignee_escrow_penalty": 0,
            ]),
    ]

    @Test("a verdict says what it does to the money, and only when it does")
    func verdicts() {
        let split = "split: 20 paid, 20 refunded; of the deposit 4 returned, 0 forfeited"
        #expect(BountyText.verdict(audit("settled", report)) == ["audit: 1 of 2 passed", split])
        #expect(
            BountyText.verdict(audit("reported", report)) == [
                "audit: 1 of 2 passed, settles at 2026-01-01T00:00:00Z unless disputed", split,
            ])
        let disputed = audit("disputed", report + [.init("reason", "flaky")])
        #expect(BountyText.verdict(disputed) == ["audit: 1 of 2 passed, disputed: flaky"])
        #expect(
            BountyText.verdict(audit("superseded", report)) == ["audit: 1 of 2 passed, but the bounty ended otherwise"])
        let dryRun = audit("settled", [.init("dry_run", true), .init("passed", 0), .init("total", 2)])
        #expect(BountyText.verdict(dryRun) == ["dry run: 0 of 2 passed"])
    }

    @Test("without a report there is a reason")
    func withoutReport() {
        #expect(BountyText.verdict(audit("waiting")) == ["audit: waits for a worker's verdict"])
        let failed = audit("failed", [.init("reason", "poison"), .init("passed", .null), .init("total", .null)])
        #expect(BountyText.verdict(failed) == ["audit: no verdict: poison"])
        #expect(BountyText.verdict(audit("superseded")) == ["audit: no verdict, the bounty ended first"])
    }

    @Test("of a log only the end is shown")
    func logs() {
        let log = (1...30).map { "line \($0)\n" }.joined()
        let shown = BountyText.endOfLog(["log": .string(log)])
        #expect(shown.count == 20 && shown.first == "  line 11" && shown.last == "  line 30")
        #expect(BountyText.endOfLog(["log": .null]).isEmpty)
    }

    @Test("a status names who has it and what is held")
    func statuses() {
        let task: JSON = [
            "task_status": "claimed", "claimed_by_handle": "bob", "escrow_status": "both_held", "assignee_escrow": 4,
        ]
        #expect(BountyText.status(task) == "claimed by bob, a deposit of 4 held")
        #expect(BountyText.status(["task_status": "done", "escrow_status": "settled"]) == "done, settled")
        #expect(BountyText.status(["task_status": "done", "escrow_status": "none"]) == "done")
        var handed: JSON = [
            "task_status": "in_review", "escrow_status": "both_held", "repo_url": "https://x.example/a", "tests": "a",
        ]
        #expect(BountyText.status(handed) == "in_review, waits for its audit")
        handed = ["task_status": "in_review", "escrow_status": "both_held", "repo_url": .null, "tests": "make"]
        #expect(BountyText.status(handed) == "in_review, without repo or tests, so @queenbee decides")
    }
}
