import Bytes
import Foundation
import Store
import Support
import Testing

/// 42 clients at once and a server that is killed again and again (`Ops/chaos/README.md`).
@Suite("Money while everything fails", .serialized, .timeLimit(.minutes(20)))
struct MoneyChaosTests {
    private static let seconds = ChaosSize.isFull ? 120 : 12
    /// So much must have happened, and each of these.
    private static let (kills, snapshots, payments) = (seconds / 4, seconds, seconds * 5)
    private static let kindsDone: [MoneyRecord.Call.Kind] = [
        .deposit, .submit, .cancel, .withdraw, .reject, .pay, .result, .register, .post, .claim, .assign, .giveUp,
        .complete, .settle, .delete, .report,
    ]
    private static let kindsRefused: [MoneyRecord.Call.Kind] = [
        .submit, .cancel, .withdraw, .result, .post, .claim, .settle,
    ]
    private static let outcomes: Set<String> = ["success", "failure", "timeout", "released", "lost"]

    @Test("is never made, lost or paid twice", arguments: TestDatabase.all)
    func chaos(on database: TestDatabase) async throws {
        let seed = ChaosSize.seed
        print("measured: \(Self.seconds) s of 42 clients on \(database), HATCHFARM_CHAOS_SEED=\(seed)")
        let url = try await database.freshURL()
        try await Farm.run(at: url, environment: BountyCrowd.environment) { farm in
            let books = try await Database.open(url)
            let crowd = try await MoneyCrowd(farm, seed: seed)
            let auditor = MoneyAuditor(books)
            var chance = Chance(seed: seed)
            var kills = 0
            let end = ContinuousClock.now + .seconds(Self.seconds)
            try await crowd.run {
                let auditing = Task { await auditor.run() }
                while await isShort(of: crowd, auditor, books, kills: kills, since: end) {
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
            #expect(last.heldUSDT == 0 && last.heldPoints == 0, "money is held for nothing")
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

    /// Whether it must go on: until its time is over, and then as long as a slow machine has done too little, within
    /// reason.
    private func isShort(
        of crowd: MoneyCrowd, _ auditor: MoneyAuditor, _ books: Database, kills: Int, since end: ContinuousClock.Instant
    ) async -> Bool {
        let now = ContinuousClock.now
        guard now >= end else { return true }
        guard now < end + .seconds(120) else { return false }
        let payments = try? await books.read { tx in
            try tx.number("SELECT COUNT(*) FROM ledger_transfers WHERE reason = 'job_payment'")
        }
        let outcomes = try? await books.read { try $0.rows("SELECT DISTINCT outcome FROM attempts") { try $0.text() } }
        return kills < Self.kills || auditor.count < Self.snapshots || payments ?? 0 < Int64(Self.payments)
            || !crowd.record.all.contains { $0.wasUncertain }
            || !Self.kindsDone.allSatisfy { !crowd.record.done($0).isEmpty }
            || !Self.kindsRefused.allSatisfy { !crowd.record.refused($0).isEmpty }
            || !Set(outcomes ?? []).isSuperset(of: Self.outcomes.subtracting(["success"]))
    }

    /// It was a history worth checking.
    private func expectWorthIt(_ checker: MoneyChecker, kills: Int, snapshots: Int) {
        let record = checker.record
        #expect(kills >= Self.kills && snapshots >= Self.snapshots)
        #expect(checker.books.payments.count >= Self.payments)
        #expect(record.all.contains { $0.wasUncertain })
        for kind in Self.kindsDone {
            #expect(!record.done(kind).isEmpty, "\(kind)")
        }
        for kind in Self.kindsRefused {
            #expect(!record.refused(kind).isEmpty, "\(kind)")
        }
        let outcomes = Set(checker.books.attempts.map(\.outcome))
        #expect(outcomes.isSuperset(of: Self.outcomes), "\(outcomes)")
    }
}
