import Bytes
import Domain
import Store
import Support
import Testing

/// Each way in which points move, with both balances, what is held, the stage, the lines of both, and the sum of all.
@Suite("The money of tasks", .timeLimit(.minutes(4)))
struct BountyMoneyTests {
    private func check(_ cases: [MoneyCase], on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            for (number, money) in cases.enumerated() { try await money.check(lab, number: number) }
        }
    }

    @Test("settled, by the queenbee", arguments: TestDatabase.all)
    func settled(on database: TestDatabase) async throws {
        try await check(
            [
                MoneyCase(
                    "all", balances: [75, 125], "0/0 settled", "done", poster: [MoneyCase.hold],
                    assignee: [MoneyCase.deposit, "bounty_payout +25", "escrow_release +3"]
                ) {
                    try await $0.bring(to: .inReview)
                    try await $0.settle(25, 0, 3, 0)
                },
                MoneyCase(
                    "a part", balances: [92, 108], "0/0 settled", "done",
                    poster: [MoneyCase.hold, "refund +15", "escrow_forfeit +2"],
                    assignee: [MoneyCase.deposit, "bounty_payout +10", "escrow_release +1"]
                ) {
                    try await $0.bring(to: .inProgress)
                    try await $0.settle(10, 15, 1, 2)
                },
                MoneyCase(
                    "none", balances: [103, 97], "0/0 settled", "done", poster: MoneyCase.forfeited,
                    assignee: [MoneyCase.deposit]
                ) {
                    try await $0.bring(to: .claimed)
                    try await $0.settle(0, 25, 0, 3)
                },
                MoneyCase(
                    "all, and the deposit forfeited", balances: [78, 122], "0/0 settled", "done",
                    poster: [MoneyCase.hold, "escrow_forfeit +3"], assignee: [MoneyCase.deposit, "bounty_payout +25"]
                ) {
                    try await $0.bring(to: .claimed)
                    try await $0.settle(25, 0, 0, 3)
                    $0.refuse(409, try await $0.lab.settle($0.id, Split(25, 0, 3, 0)))
                    $0.refuse(409, try await $0.lab.move($0.id, to: .cancelled, by: $0.assignee))
                },
                MoneyCase(
                    "without a deposit, as a tenth of 4 is none", ["escrow": true, "points": 4], balances: [97, 103],
                    "0/0 settled", "done", poster: ["escrow_hold -4", "refund +1"], assignee: ["bounty_payout +3"]
                ) {
                    try await $0.bring(to: .inReview)
                    #expect(try await $0.lab.escrow($0.id) == "4/0 both_held")
                    try await $0.settle(3, 1, 0, 0)
                },
            ], on: database)
    }

    @Test("held, and moved by nobody who may not", arguments: TestDatabase.all)
    func held(on database: TestDatabase) async throws {
        var cases = [
            MoneyCase("posted", balances: [75, 100], "25/0 poster_held", "open", poster: [MoneyCase.hold]) {
                $0.refuse(400, try await $0.lab.complete($0.id, by: $0.poster))
                $0.refuse(403, try await $0.lab.move($0.id, to: .cancelled, by: $0.assignee))
                $0.refuse(400, try await $0.lab.settle($0.id, Split(0, 25, 0, 0)))
            }
        ]
        for stage in [Stage.claimed, .inProgress, .inReview] {
            cases.append(
                MoneyCase(
                    "\(stage)", balances: [75, 97], "25/3 both_held", stage.rawValue, poster: [MoneyCase.hold],
                    assignee: [MoneyCase.deposit]
                ) {
                    try await $0.bring(to: stage)
                    $0.refuse(403, try await $0.lab.move($0.id, to: .cancelled, by: $0.poster))
                    $0.refuse(409, try await $0.lab.delete($0.id, by: $0.poster))
                    $0.refuse(409, try await $0.lab.move($0.id, to: .done, by: $0.poster))
                    $0.refuse(409, try await $0.lab.move($0.id, to: .done, by: $0.assignee))
                    $0.refuse(400, try await $0.lab.complete($0.id, by: $0.poster))
                    $0.refuse(403, try await $0.lab.settle($0.id, by: $0.poster, Split(0, 25, 0, 3)))
                    $0.refuse(403, try await $0.lab.settle($0.id, by: $0.assignee, Split(25, 0, 3, 0)))
                    $0.refuse(409, try await $0.lab.assign($0.id, to: $0.assignee.handle, by: $0.poster))
                    try $0.lab.must(await $0.lab.claim($0.id, by: $0.assignee))
                })
        }
        try await check(cases, on: database)
    }

    @Test("cancelled or deleted", arguments: TestDatabase.all)
    func cancelled(on database: TestDatabase) async throws {
        var cases = [
            MoneyCase(
                "cancelled while open", balances: [100, 100], "0/0 refunded", "cancelled",
                poster: [MoneyCase.hold, "refund +25"]
            ) {
                try $0.lab.must(await $0.lab.move($0.id, to: .cancelled, by: $0.poster))
                $0.refuse(409, try await $0.lab.settle($0.id, Split(0, 25, 0, 0)))
            },
            MoneyCase(
                "deleted while open", balances: [100, 100], "404", "none", poster: [MoneyCase.hold, "refund +25"]
            ) {
                try $0.lab.must(await $0.lab.delete($0.id, by: $0.poster))
                $0.refuse(404, try await $0.lab.delete($0.id, by: $0.poster))
            },
            MoneyCase(
                "deleted when settled", balances: [75, 125], "404", "none", poster: [MoneyCase.hold],
                assignee: [MoneyCase.deposit, "bounty_payout +25", "escrow_release +3"]
            ) {
                try await $0.bring(to: .claimed)
                try await $0.settle(25, 0, 3, 0)
                try $0.lab.must(await $0.lab.delete($0.id, by: $0.poster))
            },
            MoneyCase(
                "deleted when cancelled", balances: [103, 97], "404", "none", poster: MoneyCase.forfeited,
                assignee: [MoneyCase.deposit]
            ) {
                try await $0.bring(to: .cancelled)
                try $0.lab.must(await $0.lab.delete($0.id, by: $0.poster))
            },
        ]
        for stage in [Stage.claimed, .inProgress, .inReview] {
            cases.append(
                MoneyCase(
                    "cancelled by the assignee, \(stage)", balances: [103, 97], "0/0 refunded", "cancelled",
                    poster: MoneyCase.forfeited, assignee: [MoneyCase.deposit]
                ) {
                    try await $0.bring(to: stage)
                    try $0.lab.must(await $0.lab.move($0.id, to: .cancelled, by: $0.assignee))
                })
        }
        try await check(cases, on: database)
    }

    @Test("without escrow, where only completing pays", arguments: TestDatabase.all)
    func plain(on database: TestDatabase) async throws {
        var cases: [MoneyCase] = []
        for stage in Stage.allCases {
            cases.append(
                MoneyCase("deleted, \(stage)", MoneyCase.plain, balances: [100, 100], "404", "none") {
                    try await $0.bring(to: stage, escrow: false)
                    try $0.lab.must(await $0.lab.delete($0.id, by: $0.poster))
                })
            cases.append(
                MoneyCase("late, \(stage)", MoneyCase.plain, balances: [100, 100], "0/0 none", stage.rawValue) {
                    try await $0.bring(to: stage, escrow: false)
                    try await $0.pass()
                })
        }
        for stage in [Stage.claimed, .inProgress, .inReview] {
            for byPoster in [true, false] {
                cases.append(
                    MoneyCase(
                        "cancelled, \(stage)", MoneyCase.plain, balances: [100, 100], "0/0 none", "cancelled"
                    ) {
                        try await $0.bring(to: stage, escrow: false)
                        let bee = byPoster ? $0.poster : $0.assignee
                        try $0.lab.must(await $0.lab.move($0.id, to: .cancelled, by: bee))
                    })
            }
            cases.append(
                MoneyCase(
                    "completed, \(stage)", MoneyCase.plain, balances: [75, 125], "0/0 none", "done",
                    poster: ["bounty_payout -25"], assignee: ["bounty_payout +25"]
                ) {
                    try await $0.bring(to: stage, escrow: false)
                    try $0.lab.must(await $0.lab.complete($0.id, by: $0.poster))
                    $0.refuse(409, try await $0.lab.complete($0.id, by: $0.poster))
                })
        }
        try await check(cases, on: database)
    }

    @Test("when the deadline has passed", arguments: TestDatabase.all)
    func late(on database: TestDatabase) async throws {
        var cases = [
            MoneyCase(
                "open", balances: [100, 100], "0/0 refunded", "cancelled", poster: [MoneyCase.hold, "refund +25"]
            ) { try await $0.pass() },
            MoneyCase(
                "in review", balances: [75, 97], "25/3 both_held", "in_review", poster: [MoneyCase.hold],
                assignee: [MoneyCase.deposit]
            ) {
                try await $0.bring(to: .inReview)
                try await $0.pass()
            },
            MoneyCase(
                "in review, and settled after it", balances: [75, 125], "0/0 settled", "done",
                poster: [MoneyCase.hold], assignee: [MoneyCase.deposit, "bounty_payout +25", "escrow_release +3"]
            ) {
                try await $0.bring(to: .inReview)
                try await $0.pass()
                try await $0.settle(25, 0, 3, 0)
            },
            MoneyCase(
                "a second before it", balances: [75, 97], "25/3 both_held", "claimed", poster: [MoneyCase.hold],
                assignee: [MoneyCase.deposit]
            ) {
                try await $0.bring(to: .claimed)
                // Slow machines take their time as well.
                $0.lab.plane.clock.advance(by: .seconds(3_540))
                try await $0.lab.sweep()
            },
            MoneyCase(
                "settled before it", balances: [100, 100], "0/0 settled", "done",
                poster: [MoneyCase.hold, "refund +25"], assignee: [MoneyCase.deposit, "escrow_release +3"]
            ) {
                try await $0.bring(to: .done)
                try await $0.pass()
            },
        ]
        for stage in [Stage.claimed, .inProgress] {
            cases.append(
                MoneyCase(
                    "\(stage)", balances: [103, 97], "0/0 refunded", "cancelled", poster: MoneyCase.forfeited,
                    assignee: [MoneyCase.deposit]
                ) {
                    try await $0.bring(to: stage)
                    try await $0.pass()
                    $0.refuse(409, try await $0.lab.move($0.id, to: .inReview, by: $0.assignee))
                    $0.refuse(409, try await $0.lab.settle($0.id, Split(25, 0, 3, 0)))
                })
        }
        try await check(cases, on: database)
    }

    @Test("audited", arguments: TestDatabase.all)
    func audited(on database: TestDatabase) async throws {
        var cases: [MoneyCase] = []
        for (passed, total, payout, isReturned) in [
            (4, 4, 25, true), (2, 3, 16, true), (1, 2, 12, true), (3, 4, 18, true), (49, 100, 12, false),
            (1, 3, 8, false), (1, 4, 6, false), (0, 3, 0, false), (0, 1, 0, false), (1, 1, 25, true),
        ] as [(Int64, Int64, Int64, Bool)] {
            cases.append(Self.audit(passed, of: total, payout: payout, isReturned: isReturned))
        }
        cases.append(
            MoneyCase(
                "settled by hand while it runs", BeeHackLab.audited, balances: [85, 115], "0/0 settled", "done",
                poster: [MoneyCase.hold, "refund +10"],
                assignee: [MoneyCase.deposit, "bounty_payout +15", "escrow_release +3"]
            ) {
                let held = try await $0.audit()
                try await $0.settle(15, 10, 3, 0)
                let reply = try await $0.lab.plane.report(held, "result", BeeHackLab.verdict(0, of: 4))
                #expect(reply.status >= 400 && reply.status < 500, "it has been decided: \(reply.text)")
            })
        cases.append(
            MoneyCase(
                "cancelled by the assignee while it runs", BeeHackLab.audited, balances: [103, 97], "0/0 refunded",
                "cancelled", poster: MoneyCase.forfeited, assignee: [MoneyCase.deposit]
            ) {
                let held = try await $0.audit()
                try $0.lab.must(await $0.lab.move($0.id, to: .cancelled, by: $0.assignee))
                let reply = try await $0.lab.plane.report(held, "result", BeeHackLab.verdict(4, of: 4))
                #expect(reply.status >= 400 && reply.status < 500, "there is nothing to settle: \(reply.text)")
            })
        cases.append(
            MoneyCase(
                "late while it runs", BeeHackLab.audited, balances: [75, 125], "0/0 settled", "done",
                poster: [MoneyCase.hold], assignee: [MoneyCase.deposit, "bounty_payout +25", "escrow_release +3"]
            ) {
                try await $0.bring(to: .inReview)
                try await $0.pass()
                let held = try await $0.lab.audit(by: $0.lab.auditor())
                try await $0.lab.plane.finish(held, BeeHackLab.verdict(9, of: 9))
            })
        try await check(cases, on: database)
    }

    private static func audit(_ passed: Int64, of total: Int64, payout: Int64, isReturned: Bool) -> MoneyCase {
        let (refund, back, penalty) = (25 - payout, isReturned ? 3 : 0, isReturned ? 0 : 3) as (Int64, Int64, Int64)
        let poster = [refund > 0 ? "refund +\(refund)" : "", penalty > 0 ? "escrow_forfeit +\(penalty)" : ""]
        let assignee = [payout > 0 ? "bounty_payout +\(payout)" : "", back > 0 ? "escrow_release +\(back)" : ""]
        return MoneyCase(
            "\(passed) of \(total) passed", BeeHackLab.audited, balances: [75 + refund + penalty, 97 + payout + back],
            "0/0 settled", "done", poster: [MoneyCase.hold] + poster.filter { !$0.isEmpty },
            assignee: [MoneyCase.deposit] + assignee.filter { !$0.isEmpty }
        ) { try await $0.audit(passed, of: total) }
    }
}
