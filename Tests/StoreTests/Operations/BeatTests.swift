import Bytes
import Domain
import Support
import Testing
@testable import Store

@Suite("Heartbeats that come together")
struct BeatTests {
    private func beat(
        _ worker: LabWorker, _ nonce: String, policy: PolicyID? = nil, metrics: String? = nil
    ) -> MachineBeat {
        MachineBeat(
            worker: worker.id, owner: worker.owner, policy: policy ?? worker.policy, nonce: nonce, metrics: metrics)
    }

    private func send(_ beats: [MachineBeat], in lab: Lab) async throws -> [String] {
        try await lab.database.write { tx in
            try tx.beat(beats, nonceLifetime: 1_000).map { answer in
                switch answer {
                case .success?: "good"
                case .failure(let refusal)?: "\(refusal)"
                case nil: "taken"
                }
            }
        }
    }

    @Test("each has an answer of its own, and only good ones spend their nonces", arguments: TestDatabase.all)
    func answers(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two) = (try await lab.enroll("one"), try await lab.enroll("two"))
        let without = try await lab.enroll("three", hasConsent: false)
        #expect(try await send([beat(two, "old")], in: lab) == ["good"])
        let round = [
            beat(one, "n", metrics: #"{"load":1}"#), beat(without, "n"), beat(two, "n"), beat(one, "n"),
            beat(two, "old"), beat(one, "m", policy: two.policy), beat(one, "m", metrics: #"{"load":2}"#),
        ]
        #expect(
            try await send(round, in: lab)
                == ["good", "noConsent", "good", "nonceSeen", "nonceSeen", "noConsent", "good"])
        let spent = try await lab.database.read { tx in
            try tx.rows("SELECT scope, nonce FROM nonces ORDER BY scope, nonce") { try "\($0.text()) \($0.text())" }
        }
        #expect(spent == ["\(one.id) m", "\(one.id) n", "\(two.id) n", "\(two.id) old"].sorted())
        let metrics = try await lab.database.read { tx in
            try tx.first("SELECT metrics FROM machines WHERE id = \(one.id.text)") { try $0.text() }
        }
        #expect(metrics == #"{"load":2}"#)
        let events = try await lab.chain(of: Lab.farmer).filter { $0.type == "worker_heartbeat" }.map(\.object)
        #expect(events.sorted() == [one.id.text, two.id.text].sorted())
    }

    @Test("a hundred machines are heard of in one commit, each with an event", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        var workers: [LabWorker] = []
        for number in 0..<100 { workers.append(try await lab.enroll("w\(number)", owner: OwnerID("o\(number % 3)"))) }
        for nonce in ["1", "2"] {
            let answers = try await send(workers.map { beat($0, nonce) }, in: lab)
            #expect(answers == Array(repeating: "good", count: workers.count))
        }
        let unheard = try await lab.database.read { tx in
            try tx.rows("SELECT id FROM machines WHERE COALESCE(last_heartbeat_at, 0) = 0") { try $0.text() }
        }
        #expect(unheard.isEmpty)
        for number in 0..<3 {
            let events = try await lab.chain(of: OwnerID("o\(number)")).filter { $0.type == "worker_heartbeat" }
            #expect(events.count == (number == 0 ? 34 : 33))
        }
    }

    @Test("whose row another has is left out, and nothing has happened to it")
    func taken() async throws {
        let lab = try await Lab(.postgres)
        let (one, two) = (try await lab.enroll("one"), try await lab.enroll("two"))
        let (has, mayEnd) = (Gate(), Gate())
        let holder = Task {
            try await lab.database.write { tx in
                _ = try tx.lockBeatTrails([one.id], waits: true)
                has.open()
                mayEnd.wait()
            }
        }
        while !has.isOpen { try await World.live.sleep(.milliseconds(2)) }
        #expect(try await send([beat(one, "n"), beat(two, "n")], in: lab) == ["taken", "good"])
        mayEnd.open()
        try await holder.value
        #expect(try await send([beat(one, "n"), beat(two, "n")], in: lab) == ["good", "nonceSeen"])
    }

    @Test("no statement of theirs reads more than 1,000 rows", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        let lab = try await Lab(database, settings: settings)
        try await lab.database.write { tx in
            let numbers: SQL =
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)"
            try tx.execute(
                """
                INSERT INTO machines (id, owner_id, name, token_hash, created_at)
                \(sql: numbers) SELECT 'wrk_' || n, 'alice', 'm', 'h', 0 FROM numbers
                """)
            // One machine has consented very often, and taken most of that back.
            try tx.execute(
                """
                INSERT INTO consents (id, owner_id, worker_id, policy_id, created_at, revoked_at)
                \(sql: numbers) SELECT 'con_' || n, 'alice', 'wrk_1', 'pol_1', n, n FROM numbers
                """)
            try tx.execute(
                """
                INSERT INTO consents (id, owner_id, worker_id, policy_id, created_at)
                \(sql: numbers) SELECT 'con_s' || n, 'alice', 'wrk_' || n, 'pol_1', n FROM numbers
                """)
            try tx.execute(
                """
                INSERT INTO cancel_notices (worker_id, job_id, expires_at)
                \(sql: numbers) SELECT 'wrk_' || n, 'job', \(Int64.max) FROM numbers
                """)
            try tx.execute(
                """
                INSERT INTO nonces (scope, nonce, expires_at)
                \(sql: numbers) SELECT 'wrk_' || n, 'n', \(Int64.max) FROM numbers
                """)
        }
        let beats = (1...64).map { number in
            MachineBeat(
                worker: MachineID("wrk_\(number)"), owner: Lab.alice, policy: PolicyID("pol_1"), nonce: "m",
                metrics: "{}")
        }
        let workers = Set(beats.map(\.worker))
        let lists = [
            CostedList("check") { tx in
                let credentials = try tx.machineCredentials(workers)
                let standing = try tx.standingConsents(Set(beats.map(\.terms)))
                let notices = try tx.cancelNotices(for: workers)
                #expect(credentials.count == 64 && standing.count == 64 && notices.count == 64)
            },
            CostedList("write") { tx in
                let trails = try tx.lockBeatTrails(workers, waits: false)
                #expect(trails.count == 64)
                try tx.writeBeats(beats, trails)
                _ = try tx.spendNonces(
                    Set(beats.map { SpentNonce(scope: $0.worker.text, nonce: $0.nonce) }), expiresAt: 1)
            },
        ]
        try await CostedList.expectBounded(lists, in: lab, isWriting: true)
    }
}
