import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The events of a round")
struct RoundEventTests {
    @Test("what ends together is one event an owner, that names each job", arguments: TestDatabase.all)
    func ends(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("worker", hourlyPrice: Lab.aDollarASecond)
        try await lab.fund(Lab.alice, 1_000 * Money.usdt)
        let paid = Lab.job(.compute) { $0.maxPrice = Money.usdt }
        let mine = try await lab.submit(Array(repeating: paid, count: 130))
        let others = try await lab.submit([Lab.job(.compute, by: Lab.bob)])
        let leases = try await lab.claim(upTo: 131)
        #expect(leases.count == 131)
        try await lab.pass(.seconds(1))
        let reports = leases.map { Report(key: $0.key, outcome: Outcome(status: .success)) }
        let answers = try await lab.database.write { try $0.finish(reports) }
        let earned = try answers.map { try $0.get().paid }

        let ended = try await lab.chain(of: Lab.alice).filter { $0.type == "jobs_ended" }
        let named = try ended.map { try JSON(parsing: Array($0.metadata.utf8))["jobs"]?.array ?? [] }
        #expect(named.map(\.count) == [100, 30], "an event is bounded")
        #expect(Set(named.joined().compactMap { $0["id"]?.string }) == Set(mine.map(\.text)))
        #expect(named.joined().allSatisfy { $0["state"] == "completed" && $0["fence"] == 1 && $0["attempt"] == 1 })
        #expect(named.joined().allSatisfy { $0["paid_usdt"] != nil })
        let single = try await lab.chain(of: Lab.bob).last
        #expect(single?.type == "job_ended")
        #expect(single?.object == others.first?.text)
        let payments = try await lab.chain(of: Lab.farmer).filter { $0.type == "jobs_paid" }
        let amounts = try payments.map { try JSON(parsing: Array($0.metadata.utf8))["amount"]?.string ?? "" }
        #expect(amounts.compactMap { Money.minorUnits($0) }.reduce(0, +) == earned.reduce(0, +))
        #expect(ended.first?.actor == leases.first?.worker.id.text)
        try await lab.expectBooksBalance()
    }
}
