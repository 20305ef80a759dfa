import Bytes
import Foundation
import Store
import Support
import Testing

/// 32 clients at once and a server that is killed again and again (`Ops/chaos/README.md`).
@Suite("Money while everything fails", .serialized, .timeLimit(.minutes(20)))
struct MoneyChaosTests {
    private static let seconds = ChaosSize.isFull ? 120 : 12

    @Test("is never made, lost or paid twice", arguments: TestDatabase.all)
    func chaos(on database: TestDatabase) async throws {
        let seed = ChaosSize.seed
        print("measured: \(Self.seconds) s of 32 clients on \(database), HATCHFARM_CHAOS_SEED=\(seed)")
        let url = try await database.freshURL()
        try await Farm.run(at: url, environment: ["HATCHFARM_MEMBER_RATE": "0"]) { farm in
            let books = try await Database.open(url)
            let crowd = try await MoneyCrowd(farm, seed: seed)
            let auditor = MoneyAuditor(books)
            var chance = Chance(seed: seed)
            var kills = 0
            let end = ContinuousClock.now + .seconds(Self.seconds)
            try await crowd.run {
                let auditing = Task { await auditor.run() }
                while ContinuousClock.now < end {
                    try await World.live.sleep(.milliseconds(400 + chance.next(upTo: 1_600)))
                    try await farm.server.kill()
                    kills += 1
                    try await farm.server.start()
                }
                auditing.cancel()
                await auditing.value
            }
            let last = try await MoneySnapshot.take(books, full: true)
            #expect(last.flaws.isEmpty, "\(last.flaws)")
            #expect(last.heldUSDT == 0, "money is held for nothing")
            #expect(auditor.flaws.isEmpty, "\(auditor.flaws)")
            let checker = MoneyChecker(record: crowd.record, books: try await MoneyBooks.read(books))
            let violations = checker.violations
            #expect(violations.isEmpty, "seed \(seed): \(violations.count) in all, \(violations.prefix(10))")
            await books.close()
            print("measured: \(kills) kills, \(auditor.count) snapshots, \(last.transfers) transfers")
            print("measured: \(crowd.record.summary)")
            expectWorthIt(checker, kills: kills, snapshots: auditor.count)
        }
    }

    /// It was a history worth checking.
    private func expectWorthIt(_ checker: MoneyChecker, kills: Int, snapshots: Int) {
        let record = checker.record
        #expect(kills >= Self.seconds / 4 && snapshots >= Self.seconds)
        #expect(checker.books.payments.count >= Self.seconds * 5)
        #expect(record.all.contains { $0.wasUncertain })
        for kind in [MoneyRecord.Call.Kind.deposit, .submit, .cancel, .withdraw, .reject, .pay, .result] {
            #expect(!record.done(kind).isEmpty, "\(kind)")
        }
        for kind in [MoneyRecord.Call.Kind.submit, .cancel, .withdraw, .result] {
            #expect(!record.refused(kind).isEmpty, "\(kind)")
        }
        let outcomes = Set(checker.books.attempts.map(\.outcome))
        #expect(outcomes.isSuperset(of: ["success", "failure", "timeout", "released", "lost"]), "\(outcomes)")
    }
}
