import Bytes
import Domain
import Engine
import Support
import Testing
@testable import Store

@Suite("The market")
struct MarketTests {
    private static let fourCores = Capacity(milliCores: 4_000, memoryMiB: 8_000)

    /// What the attempt that runs costs by the hour.
    private func rate(of job: JobID, in lab: Lab) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT hourly_price FROM live_jobs WHERE id = \(job.text)") { try $0.optionalInteger() }
                ?? nil
        }
    }

    /// A machine that is heard of.
    private func enroll(
        _ name: String, in lab: Lab, owner: OwnerID = Lab.farmer, capacity: Capacity? = fourCores, price: Int64? = nil
    ) async throws {
        let worker = try await lab.enroll(name, owner: owner, capacity: capacity, hourlyPrice: price)
        try await beat(worker, in: lab)
    }

    private func beat(_ worker: LabWorker, in lab: Lab) async throws {
        _ = try await lab.database.write { tx in
            try tx.heartbeat(
                worker: worker.id, owner: worker.owner, policy: worker.policy,
                nonce: Hex.encode(World.live.random(8)), nonceLifetime: 1_000, metrics: nil)
        }
    }

    @Test("a machine that states a price asks that, whatever the job's size", arguments: TestDatabase.all)
    func stated(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await enroll("stated", in: lab, price: 500_000)
        try await lab.submit { $0.maxHourlyPrice = 499_999 }
        try await lab.submit { $0.maxHourlyPrice = 0 }
        #expect(try await lab.claim(by: "stated", upTo: 9).isEmpty)
        let small = try await lab.submit { $0.maxHourlyPrice = 500_000 }
        let large = try await lab.submit { ($0.maxHourlyPrice, $0.milliCores) = (9_000_000, 3_000) }
        #expect(Set(try await lab.claim(by: "stated", upTo: 9).map(\.job)) == [small, large])
        for job in [small, large] { #expect(try await rate(of: job, in: lab) == 500_000) }
        try await lab.expectBooksBalance()
    }

    @Test("one that states none asks the market's price of what each job needs", arguments: TestDatabase.all)
    func market(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await enroll("market", in: lab, capacity: Capacity(milliCores: 8_000, memoryMiB: 64_000))
        // A core at 0.02 and a GB at 0.004; two cores; a core and eight GB.
        let plain = try await lab.submit { $0.maxHourlyPrice = 24_000 }
        let wide = try await lab.submit { ($0.maxHourlyPrice, $0.milliCores) = (100_000, 2_000) }
        let deep = try await lab.submit { ($0.maxHourlyPrice, $0.memoryMiB) = (52_000, 7_629) }
        let free = try await lab.submit { $0.maxHourlyPrice = 0 }
        let short = try await lab.submit { ($0.maxHourlyPrice, $0.milliCores) = (43_000, 2_000) }
        let held = try await lab.claim(by: "market", upTo: 9).map(\.job)
        #expect(Set(held) == [plain, wide, deep, free])
        for (job, price) in [(plain, 24_000), (wide, 44_000), (deep, 52_000), (free, 0)] as [(JobID, Int64)] {
            #expect(try await rate(of: job, in: lab) == price)
        }
        #expect(try await lab.state(short) == .pending)
        try await lab.expectBooksBalance()
    }

    @Test("the price of an attempt stays what it was at its claim", arguments: TestDatabase.all)
    func fixed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await enroll("market", in: lab)
        try await lab.fund(Lab.alice, 1_000_000)
        let first = try await lab.submit { ($0.maxHourlyPrice, $0.maxPrice) = (1_000_000, 1_000_000) }
        try await lab.claim(by: "market")
        let dear = UnitPrices(core: 200_000, gigabyte: 40_000, gpu: 0)
        #expect(try await lab.database.write { try $0.stepPrices(base: dear) }.base == dear)
        let second = try await lab.submit { $0.maxHourlyPrice = 1_000_000 }
        try await lab.claim(by: "market")
        #expect(try await rate(of: first, in: lab) == 24_000)
        // One of four cores is in use, of the one owner who counts: as a quarter.
        #expect(try await rate(of: second, in: lab) == 224_880)
    }

    @Test("what others pay for moves the prices, on machines that are there and may work", arguments: TestDatabase.all)
    func utilisation(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 10_000_000)
        try await enroll("busy", in: lab)
        try await enroll("idle", in: lab)
        // None of these counts.
        try await lab.enroll("silent", capacity: Self.fourCores)
        try await enroll("away", in: lab)
        try await enroll("draining", in: lab)
        try await lab.drain("draining")
        try await enroll("revoked", in: lab)
        try await lab.revoke("revoked")
        try await enroll("unstated", in: lab, capacity: nil)
        lab.clock.advance(by: .seconds(91))
        for name in ["busy", "idle", "draining", "unstated"] { try await beat(lab.worker(name), in: lab) }
        try await lab.submit { ($0.milliCores, $0.maxPrice) = (3_000, 1_000_000) }
        try await lab.submit { $0.maxPrice = 1_000_000 }
        #expect(try await lab.claim(by: "busy", upTo: 2).count == 2)
        try await lab.submit { ($0.milliCores, $0.maxPrice) = (3_000, 1_000_000) }
        #expect(try await lab.claim(by: "unstated", upTo: 1).count == 1)
        // What nobody pays for.
        try await lab.submit { $0.milliCores = 4_000 }
        #expect(try await lab.claim(by: "idle", upTo: 1).count == 1)
        let prices = try await lab.database.write { try $0.stepPrices(base: .standard) }
        #expect((prices.utilisation, prices.factor) == (500, 1_000))
        #expect(prices.since == prices.steppedAt && prices.nextStep == prices.since + 60_000)
        try await lab.expectBooksBalance()
    }

    /// As the next step of the prices will see it.
    private func utilisation(in lab: Lab) async throws -> Int64? {
        try await lab.database.read { tx in
            let now = tx.now
            return MarketVotes.utilisation(try tx.marketVotes().filter { $0.isValid(at: now) }.map(\.load))
        }
    }

    /// One job of an owner's, for this machine, which pays; nil for one that doesn't.
    private func run(
        _ milliCores: Int64, by owner: OwnerID, on machine: String, price: Int64? = 1_000_000, in lab: Lab
    ) async throws -> LabLease {
        try await lab.submit(by: owner) { ($0.milliCores, $0.maxPrice) = (milliCores, price) }
        return try await lab.claim(by: machine)
    }

    @Test("invented machines, and trade with oneself or a friend, are one vote of many", arguments: TestDatabase.all)
    func hostile(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (mallory, friend) = (OwnerID("mallory"), OwnerID("friend"))
        for owner in [Lab.alice, mallory, friend] { try await lab.fund(owner, 100_000_000) }
        #expect(try await utilisation(in: lab) == nil)
        let invented = Capacity(milliCores: 4_000_000, memoryMiB: 8_000_000_000)
        for number in 0..<20 { try await enroll("invented \(number)", in: lab, owner: mallory, capacity: invented) }
        #expect(try await utilisation(in: lab) == nil, "nobody sells anything")
        for number in 0..<4 {
            try await enroll("honest \(number)", in: lab, owner: OwnerID("honest \(number)"))
            _ = try await run(2_000, by: Lab.alice, on: "honest \(number)", in: lab)
        }
        #expect(try await utilisation(in: lab) == 500, "machines that sell nothing don't count")
        // With itself, and for nothing with others.
        for number in 0..<5 {
            _ = try await run(4_000_000, by: mallory, on: "invented \(number)", in: lab)
            _ = try await run(4_000_000, by: friend, on: "invented \(number + 5)", price: nil, in: lab)
        }
        #expect(try await utilisation(in: lab) == 500)
        // A friend buys a little of very much: a vote that all is idle.
        let small = try await run(1_000, by: friend, on: "invented 19", in: lab)
        #expect(try await utilisation(in: lab) == 400)
        // And all of it: a vote that all is in use.
        var large: [LabLease] = []
        for number in 0..<5 {
            let lease = try await run(4_000_000, by: friend, on: "invented \(number + 10)", in: lab)
            large.append(lease)
        }
        let used = try #require(try await utilisation(in: lab))
        #expect((400...600).contains(used))
        // What it had sold counts for a day, as a vote that its machines are idle.
        let prices = try await lab.database.write { try $0.stepPrices(base: .standard) }
        #expect(prices.utilisation == used && (900...1_100).contains(prices.factor))
        for lease in large + [small] { try await lab.finish(lease) }
        #expect(try await utilisation(in: lab) == 400)
        lab.clock.advance(by: .seconds(80_000))
        for number in 0..<20 { try await beat(lab.worker("invented \(number)"), in: lab) }
        #expect(try await utilisation(in: lab) == 375, "of those who are there it is the only one")
        lab.clock.advance(by: .seconds(6_400))
        for number in 0..<20 { try await beat(lab.worker("invented \(number)"), in: lab) }
        #expect(try await utilisation(in: lab) == nil)
        lab.clock.advance(by: .seconds(1))
        _ = try await lab.database.write { try $0.stepPrices(base: .standard) }
        let left = try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM market_earners") { try $0.integer() }
        }
        #expect(left == 0)
        try await lab.expectBooksBalance()
    }

    @Test("many setters side by side take one step a minute", arguments: TestDatabase.all)
    func setters(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        try await enroll("idle", in: lab)
        // Nobody sells anything, so prices go back to the base.
        try await lab.database.write { tx in try tx.execute("UPDATE market_prices SET factor = 2000") }
        var factors: [Int64] = []
        for _ in 0..<3 {
            try await beat(lab.worker("idle"), in: lab)
            try await withThrowingTaskGroup(of: Duration.self) { group in
                for number in 0..<12 {
                    let setter = PriceSetter(number % 2 == 0 ? lab.database : other.database, base: .standard)
                    group.addTask { try await setter.round() }
                }
                for try await wait in group { #expect(wait > .seconds(50) && wait <= .seconds(60)) }
            }
            factors.append(try await lab.database.read { try $0.marketPrices() }.factor)
            lab.clock.advance(by: .seconds(61))
        }
        #expect(factors == [1_800, 1_620, 1_458])
    }

    @Test("other base prices hold at once, without a step", arguments: TestDatabase.all)
    func base(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.database.write { try $0.stepPrices(base: .standard) }
        lab.clock.advance(by: .seconds(5))
        let dear = UnitPrices(core: 30_000, gigabyte: 4_000, gpu: 400_000)
        let second = try await lab.database.write { try $0.stepPrices(base: dear) }
        #expect((second.base, second.factor, second.steppedAt) == (dear, first.factor, first.steppedAt))
        #expect(second.since >= first.since + 5_000)
        #expect(try await lab.database.write { try $0.stepPrices(base: dear) } == second)
    }

    @Test("machines are told by class: what they have, what is free, what they ask", arguments: TestDatabase.all)
    func classes(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await enroll("a", in: lab, price: 300_000)
        try await enroll("b", in: lab, price: 200_000)
        try await enroll("c", in: lab)
        try await enroll("gpu", in: lab, capacity: Capacity(gpus: 2, labels: ["eu", "ssd"], isolation: .vm))
        try await lab.enroll("silent", capacity: Self.fourCores)
        try await lab.submit { ($0.maxHourlyPrice, $0.milliCores, $0.memoryMiB) = (900_000, 3_000, 1_000) }
        try await lab.claim(by: "a")
        let classes = try await lab.database.read { try $0.resourceClasses(offset: 0, limit: 10) }
        #expect(classes.map(\.machines) == [1, 3])
        #expect(classes[0].each == Capacity(gpus: 2, labels: ["eu", "ssd"], isolation: .vm))
        #expect((classes[0].total.gpus, classes[0].free.gpus, classes[0].lowestPrice) == (2, 2, nil))
        #expect(classes[1].each == Self.fourCores)
        #expect(classes[1].total == Capacity(milliCores: 12_000, memoryMiB: 24_000))
        #expect(classes[1].free == Capacity(milliCores: 9_000, memoryMiB: 23_000))
        #expect((classes[1].lowestPrice, classes[1].atMarketPrice) == (200_000, 1))
        #expect(try await lab.database.read { try $0.resourceClasses(offset: 1, limit: 1) }.map(\.machines) == [3])
    }

    @Test("machines that stated a price before keep it, the others ask the market's", arguments: TestDatabase.all)
    func migrated(on database: TestDatabase) async throws {
        let store = try await database.open()
        _ = try await store.migrate(Migration.all.filter { $0.name < "0008" })
        try await store.write { tx in
            for price in [0, 5] as [Int64] {
                try tx.execute(
                    """
                    INSERT INTO machines (id, owner_id, name, token_hash, hourly_price, created_at)
                    VALUES (\("wrk_\(price)"), 'alice', 'm', 'h', \(price), 0)
                    """)
            }
        }
        _ = try await store.migrate(Migration.all)
        let machines = try await store.read { try $0.machines(of: OwnerID("alice"), after: nil, limit: 9) }
        #expect(machines.map(\.machine.hourlyPrice) == [nil, 5])
        await store.close()
    }
}
