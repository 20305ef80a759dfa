import Bytes
import Domain
import Store
import Support
import Testing

@Suite("A policy's hours and network")
struct PolicyHoursTests {
    private static let hour: Int64 = 3_600_000

    /// Moves the lab's time to the middle of an hour of UTC, and returns it.
    private func hour(of lab: Lab) -> Int64 {
        lab.clock.advance(milliseconds: (3 * Self.hour / 2 - lab.now % Self.hour) % Self.hour)
        return lab.now / Self.hour % 24
    }

    @Test("nothing is claimed outside of them", arguments: TestDatabase.all)
    func outside(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let now = hour(of: lab)
        try await lab.submit((0..<8).map { _ in Lab.job() })
        try await lab.enroll("later") { $0.allowedHours = [(now + 1) % 24, (now + 2) % 24] }
        try await lab.enroll("now") { $0.allowedHours = [now, now, (now + 12) % 24] }
        try await lab.enroll("never") { $0.allowedHours = [] }
        try await lab.enroll("always") { $0.timezone = "Asia/Kathmandu" }
        for (worker, count) in [("later", 0), ("now", 1), ("never", 0), ("always", 1)] {
            #expect(try await lab.claim(by: worker, upTo: 1).count == count, "\(worker)")
        }
        try await lab.pass(.seconds(3_600))
        for (worker, count) in [("later", 1), ("now", 0), ("never", 0), ("always", 1)] {
            #expect(try await lab.claim(by: worker, upTo: 1).count == count, "\(worker) an hour later")
        }
        try await lab.expectBooksBalance()
    }

    @Test("they are those of its time zone", arguments: TestDatabase.all)
    func zones(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let now = hour(of: lab)
        try await lab.submit((0..<4).map { _ in Lab.job() })
        // Ten hours behind Greenwich all year, and half an hour more than five ahead.
        for (zone, there) in [("Pacific/Honolulu", (now + 14) % 24), ("Asia/Kolkata", (now + 6) % 24), ("UTC", now)] {
            try await lab.enroll("in \(zone)") {
                $0.timezone = zone
                $0.allowedHours = [there]
            }
            try await lab.enroll("out of \(zone)") {
                $0.timezone = zone
                $0.allowedHours = (0..<24).filter { $0 != there }
            }
            #expect(try await lab.claim(by: "in \(zone)", upTo: 1).count == 1)
            #expect(try await lab.claim(by: "out of \(zone)", upTo: 1).isEmpty)
        }
        try await lab.enroll("nowhere") {
            $0.timezone = "Mars/Phobos"
            $0.allowedHours = Array(0..<24)
        }
        #expect(try await lab.claim(by: "nowhere", upTo: 1).isEmpty, "what can't be judged isn't allowed")
    }

    @Test("what was claimed within them may be asked for again, and ended", arguments: TestDatabase.all)
    func after(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let now = hour(of: lab)
        try await lab.submit([Lab.job(), Lab.job()])
        try await lab.enroll("worker") {
            $0.allowedHours = [now]
            $0.network = true
        }
        let lease = try #require(
            try await lab.claim(upTo: 1, for: .seconds(7_200), request: "r").first)
        #expect(lease.network)
        try await lab.pass(.seconds(3_600))
        let again = try #require(try await lab.claim(upTo: 2, request: "r").first)
        #expect((again.job, again.token, again.network) == (lease.job, lease.token, true))
        #expect(try await lab.claim(upTo: 2).isEmpty)
        guard case .extended = try await lab.extend(lease) else { throw NothingToClaim() }
        #expect(try await lab.finish(lease).state == .completed)
    }

    @Test("jobs get a network where the policy says so, and only there", arguments: TestDatabase.all)
    func network(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<3).map { _ in Lab.job() })
        try await lab.enroll("open") { $0.network = true }
        try await lab.enroll("shut") { $0.network = false }
        #expect(try await lab.claim(by: "open").network)
        #expect(try await !lab.claim(by: "shut").network)
        #expect(try await !lab.claim(by: "silent").network)
    }

    @Test("those of policies that are older than the columns are found in their rules", arguments: TestDatabase.all)
    func migrated(on database: TestDatabase) async throws {
        let store = try await database.open()
        let before = Migration.all.prefix { $0.name < "0004" }
        _ = try await store.migrate(Array(before))
        let rules = [
            #"{"max_cpu_percent":1}"#, #"{"allowed_hours":[0,23,5,5],"timezone":"Europe/Zurich"}"#,
            #"{"allowed_hours":[]}"#, #"{"allowed_hours":null,"timezone":null}"#,
        ]
        try await store.write { tx in
            for (number, text) in rules.enumerated() {
                try tx.execute(
                    """
                    INSERT INTO policies (id, owner_id, version, state, rules, created_at)
                    VALUES (\("pol_\(number)"), 'alice', \(number), 'active', \(text), 0)
                    """)
            }
        }
        #expect(try await store.migrate(Migration.all).first == "0004_policy_hours")
        let found = try await store.read { tx in
            try tx.rows("SELECT allowed_hours, timezone FROM policies ORDER BY id") { row in
                try [row.optionalInteger().map(String.init), row.optionalText()]
            }
        }
        #expect(found == [[nil, nil], [String(1 | 1 << 5 | 1 << 23), "Europe/Zurich"], ["0", nil], [nil, nil]])
    }
}
