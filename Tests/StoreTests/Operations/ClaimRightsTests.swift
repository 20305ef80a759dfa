import Domain
import Store
import Support
import Testing

@Suite("What a worker may be given")
struct ClaimRightsTests {
    @Test("nothing without consent, nothing under a draft", arguments: TestDatabase.all)
    func consent(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.enroll("no consent", hasConsent: false)
        try await lab.enroll("a draft", isActive: false)
        #expect(try await lab.claim(by: "no consent", upTo: 1).isEmpty)
        #expect(try await lab.claim(by: "a draft", upTo: 1).isEmpty)
        try await lab.consent("no consent")
        #expect(try await lab.claim(by: "no consent", upTo: 1).count == 1)
    }

    @Test("nothing after the consent is revoked, and what runs goes back", arguments: TestDatabase.all)
    func revoked(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        try await lab.revoke("worker")
        #expect(try await lab.claim(upTo: 1).isEmpty)
        #expect(try await lab.extend(lease) == .cancelled)
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.finish(lease) }
        try await lab.promote()
        let other = try await lab.claim(by: "another")
        #expect((other.job, other.fence, other.attempt) == (id, 2, 1))
        try await lab.expectBooksBalance()
    }

    @Test("a consent to another policy keeps a worker at work when the first is revoked", arguments: TestDatabase.all)
    func second(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        let worker = lease.worker
        try await lab.database.write { tx in
            let rules = PolicyRules(maxCPUPercent: 50)
            let policy = try tx.createPolicy(owner: worker.owner, actor: "farmer", rules: rules, text: "{}")
            _ = try tx.activatePolicy(policy.id, owner: worker.owner, actor: "farmer")
            _ = try tx.createConsent(owner: worker.owner, actor: "farmer", worker: worker.id, policy: policy.id)
        }
        try await lab.revoke("worker")
        #expect(try await lab.finish(lease).state == .completed)
    }

    @Test("a worker that gets a job again is not told to stop it", arguments: TestDatabase.all)
    func again(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let old = try await lab.claim()
        try await lab.revoke("worker")
        try await lab.consent("worker")
        try await lab.promote()
        let lease = try await lab.claim()
        #expect(lease.job == id)
        let worker = lease.worker
        let told = try await lab.database.write { tx in
            try tx.heartbeat(
                worker: worker.id, owner: worker.owner, policy: worker.policy, nonce: "n", nonceLifetime: 1_000,
                metrics: nil)
        }
        #expect(told.isEmpty)
        #expect(try await lab.extend(old) == .lost)
        guard case .extended = try await lab.extend(lease) else { throw NothingToClaim() }
    }

    @Test("nothing while it drains, and what it holds it may end", arguments: TestDatabase.all)
    func draining(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit([Lab.job(), Lab.job()])
        let lease = try await lab.claim()
        try await lab.drain("worker")
        #expect(try await lab.claim(upTo: 1).isEmpty)
        guard case .extended = try await lab.extend(lease) else { throw NothingToClaim() }
        #expect(try await lab.finish(lease).state == .completed)
        try await lab.drain("worker", false)
        #expect(try await lab.claim(upTo: 1).count == 1)
    }

    @Test("as much as the machine has, counting what runs on it", arguments: TestDatabase.all)
    func capacity(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("four cores", capacity: Capacity(milliCores: 4_000, memoryMiB: 8_192, gpus: 1))
        try await lab.submit((0..<6).map { _ in Lab.job { $0.milliCores = 1_500 } })
        let two = try await lab.claim(by: "four cores", upTo: 10)
        #expect(two.count == 2)
        #expect(try await lab.claim(by: "four cores", upTo: 10).isEmpty)
        let small = try await lab.submit { $0.milliCores = 1_000 }
        #expect(try await lab.claim(by: "four cores", upTo: 10).map(\.job) == [small])
        try await lab.finish(two[0])
        #expect(try await lab.claim(by: "four cores", upTo: 10).count == 1)
        // GPUs and memory are counted too.
        let large = try await lab.submit { ($0.memoryMiB, $0.gpus) = (8_192, 1) }
        #expect(try await lab.claim(by: "four cores", upTo: 10).map(\.job) == [large])
        try await lab.submit { $0.gpus = 1 }
        #expect(try await lab.claim(by: "four cores", upTo: 10) { $0.offer.kinds = [.compute] }.isEmpty)
        try await lab.expectBooksBalance()
    }

    @Test("a worker may state less than its machine has, never more", arguments: TestDatabase.all)
    func stated(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll(
            "four cores", capacity: Capacity(milliCores: 4_000, memoryMiB: nil, gpus: 1, labels: ["eu"]))
        try await lab.submit((0..<6).map { _ in Lab.job { $0.milliCores = 1_000 } })
        let less = try await lab.claim(by: "four cores", upTo: 10) { claim in
            claim.statesCapacity = true
            claim.offer.milliCores = 1_000
        }
        #expect(less.count == 1)
        let more = try await lab.claim(by: "four cores", upTo: 10) { claim in
            claim.statesCapacity = true
            claim.offer.milliCores = 64_000
        }
        #expect(more.count == 3)
        let labelled = try await lab.submit { $0.labels = ["eu"] }
        #expect(try await lab.claim(by: "four cores", upTo: 10).map(\.job) == [labelled])
    }

    @Test("two claims of one worker at the same moment don't share its cores twice", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<200).map { _ in Lab.job { $0.milliCores = 1_000 } })
        for round in 0..<20 {
            let name = "worker \(round)"
            try await lab.enroll(name, capacity: Capacity(milliCores: 2_000))
            let granted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { try await lab.claim(by: name, upTo: 10).count } }
                return try await group.reduce(0, +)
            }
            #expect(granted == 2)
        }
        try await lab.expectBooksBalance()
    }

    @Test("no job longer than the policy allows", arguments: TestDatabase.all)
    func minutes(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("brief") { $0.maxJobMinutes = 30 }
        try await lab.submit { $0.minutes = 31 }
        #expect(try await lab.claim(by: "brief", upTo: 1).isEmpty)
        try await lab.submit { $0.minutes = 30 }
        #expect(try await lab.claim(by: "brief", upTo: 5).count == 1)
    }

    @Test("no shield weaker than the policy wants, none stronger than the machine has", arguments: TestDatabase.all)
    func isolation(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("careful", capacity: Capacity(isolation: .sandbox)) { $0.isolation = .sandbox }
        try await lab.submit { $0.isolation = .none }
        try await lab.submit { $0.isolation = .vm }
        #expect(try await lab.claim(by: "careful", upTo: 5).isEmpty)
        let fitting = try await lab.submit { $0.isolation = .sandbox }
        #expect(try await lab.claim(by: "careful", upTo: 5).map(\.job) == [fitting])
    }

    @Test("no machine dearer than the job pays", arguments: TestDatabase.all)
    func price(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.enroll("dear", hourlyPrice: 2_000_000)
        try await lab.enroll("cheap", hourlyPrice: 1_000_000)
        let id = try await lab.submit { $0.maxHourlyPrice = 1_500_000 }
        #expect(try await lab.claim(by: "dear", upTo: 1) { $0.offer.asking = .stated(1) }.isEmpty)
        #expect(try await lab.claim(by: "cheap").job == id)
    }

    @Test("revoking waits for a claim in flight, and then takes its jobs back", arguments: [TestDatabase.postgres])
    func revokeDuringClaim(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for round in 0..<30 {
            let name = "worker \(round)"
            try await lab.enroll(name)
            let id = try await lab.submit()
            async let claimed = lab.claim(by: name, upTo: 1)
            try await lab.revoke(name)
            _ = try await claimed
            #expect(try await lab.state(id) != .running)
            try await lab.cancel(id)
        }
        try await lab.expectBooksBalance()
    }
}
