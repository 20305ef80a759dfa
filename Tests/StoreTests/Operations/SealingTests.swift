import Bytes
import Domain
import Support
import Testing
@testable import Store

@Suite("Sealing")
struct SealingTests {
    private static let start = String(repeating: "0", count: 64)

    private func record(_ count: Int, of owner: OwnerID, in lab: Lab) async throws {
        try await lab.database.write { tx in try tx.record((0..<count).map { Self.event($0, of: owner) }) }
    }

    private static func event(_ number: Int, of owner: OwnerID) -> Event {
        Event(owner: owner, type: .jobEnded, actor: "é", object: "\(number)", metadata: #"{"n":\#(number)}"#)
    }

    private func waiting(in lab: Lab) async throws -> [String: Int64] {
        let found = try await lab.database.read { tx in
            try tx.rows("SELECT owner_id, SUM(events) FROM unsealed_events GROUP BY owner_id") {
                try ($0.text(), $0.integer())
            }
        }
        return Dictionary(uniqueKeysWithValues: found)
    }

    @Test("whoever reads his chain seals that one and no other", arguments: TestDatabase.all)
    func own(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await record(3, of: Lab.alice, in: lab)
        try await record(1_200, of: Lab.bob, in: lab)
        #expect(try await lab.database.chain(of: Lab.alice).map(\.object) == ["0", "1", "2"])
        #expect(try await waiting(in: lab) == ["bob": 1_200])
        #expect(try await lab.database.chain(of: Lab.bob).map(\.object) == (0..<1_200).map { "\($0)" })
        #expect(try await waiting(in: lab).isEmpty)
        try await lab.expectBooksBalance()
    }

    @Test("the chains of many owners hold each event once, whatever the rounds are like", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let owners = (0..<40).map { OwnerID("owner-\($0)") }
        var counts: [OwnerID: Int] = [:]
        for round in 0..<6 {
            let events = (0..<300).map { number in
                // Some own nearly all of them, some a few.
                let place = number % 3 == 0 ? (number * 7 + round) % owners.count : number % 2
                return Self.event(number, of: owners[place])
            }
            for event in events { counts[event.owner, default: 0] += 1 }
            let recorded = events
            try await lab.database.write { try $0.record(recorded) }
            for limit in [1, 7, 130, 1_000].prefix(round) { try await lab.seal(limit: limit) }
        }
        for owner in owners {
            try await lab.expectChain(of: owner)
            #expect(try await lab.chain(of: owner).count == counts[owner] ?? 0)
        }
        try await lab.expectBooksBalance()
    }

    @Test("any page is that part of the chain, also inside of links", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for count in [1, 130, 300, 2] {
            try await record(count, of: Lab.alice, in: lab)
            try await lab.seal()
        }
        let all = try await lab.sealedChain(of: Lab.alice)
        #expect(all.count == 433)
        for (offset, limit) in [
            (0, 1), (1, 1), (120, 20), (128, 3), (129, 1), (130, 3), (131, 302), (258, 2), (259, 1), (386, 50),
            (432, 1), (433, 5), (.max, 1), (.max - 1, .max), (0, .max), (5, 0),
        ] as [(Int64, Int64)] {
            let page = try await lab.database.read { try $0.chainPage(of: Lab.alice, offset: offset, limit: limit) }
            let part = all.dropFirst(Int(clamping: offset)).prefix(Int(clamping: limit))
            #expect(try page.events().map(\.hash) == part.map(\.hash), "\(limit) after \(offset)")
            #expect(try page.events().map(\.prevHash) == part.map(\.prevHash), "\(limit) after \(offset)")
        }
    }

    @Test("what commits late, with lower numbers, comes into the chain after all")
    func late() async throws {
        let lab = try await Lab(.postgres)
        let (hasNumbers, mayCommit) = (Gate(), Gate())
        let late = Task {
            try await lab.database.write { tx in
                try tx.record([Self.event(1, of: Lab.alice), Self.event(2, of: Lab.bob)])
                try tx.execute("SELECT 1")
                hasNumbers.open()
                mayCommit.wait()
            }
        }
        while !hasNumbers.isOpen { try await World.live.sleep(.milliseconds(2)) }
        try await record(2, of: Lab.alice, in: lab)
        #expect(try await lab.chain(of: Lab.alice).map(\.object) == ["0", "1"])
        mayCommit.open()
        try await late.value
        #expect(try await lab.database.chain(of: Lab.alice).map(\.object) == ["0", "1", "1"])
        #expect(try await lab.chain(of: Lab.bob).map(\.object) == ["2"])
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        let numbers = try await lab.database.read { tx in
            try tx.rows("SELECT numbers FROM chain_links WHERE owner_id = 'alice' ORDER BY position") { try $0.text() }
        }
        #expect(numbers == ["3-4", "1"])
        try await lab.expectBooksBalance()
    }

    @Test("two who seal the same at once seal it once", arguments: TestDatabase.all)
    func same(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        for round in 1...20 {
            try await record(30, of: Lab.alice, in: lab)
            try await record(3, of: Lab.bob, in: lab)
            var batch = try await lab.database.read { try $0.sealable(from: .min, limit: 1_000) }
            try batch.prepare()
            let prepared = batch
            async let one = lab.database.write { try $0.seal(prepared) }
            async let two = other.database.write { try $0.seal(prepared) }
            #expect(try await one + two == 33)
            #expect(try await lab.chain(of: Lab.alice).count == 30 * round)
        }
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        try await lab.expectBooksBalance()
    }

    @Test("of two who go on with one chain at once, one is told so, and nothing of his has happened")
    func fork() async throws {
        let lab = try await Lab(.postgres)
        let other = try await lab.neighbour()
        let (hasSealed, mayCommit) = (Gate(), Gate())
        try await record(2, of: Lab.alice, in: lab)
        var first = try await lab.database.read { try $0.sealable(of: Lab.alice, limit: 10) }
        try first.prepare()
        try await record(3, of: Lab.alice, in: lab)
        var both = try await lab.database.read { try $0.sealable(of: Lab.alice, limit: 10) }
        try both.prepare()
        #expect((first.count, both.count) == (2, 5))
        // As a sealer would that read from behind the first two.
        let seq = try #require(both.unsealed.last?.seq)
        var second = try await lab.database.read { try $0.sealable(from: seq, limit: 10) }
        try second.prepare()
        let (one, two) = (first, second)
        let slow = Task {
            try await lab.database.write { tx in
                let count = try tx.seal(one)
                try tx.execute("SELECT 1")
                hasSealed.open()
                mayCommit.wait()
                return count
            }
        }
        while !hasSealed.isOpen { try await World.live.sleep(.milliseconds(2)) }
        let quick = Task { try await other.database.write { try $0.seal(two) } }
        try await eventually("the other waits for the place") {
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            return try await TestDatabase.psql(lab.url, "\(waiting) AND wait_event_type = 'Lock'").contains("1")
        }
        mayCommit.open()
        #expect(try await slow.value == 2)
        await #expect(throws: DatabaseError.self) { try await quick.value }
        #expect(try await waiting(in: lab) == ["alice": 3])
        #expect(try await lab.chain(of: Lab.alice).count == 5)
        try await lab.expectChain(of: Lab.alice)
        try await lab.expectBooksBalance()
    }

    @Test("chains from before go on, every hash as it was shown", arguments: TestDatabase.all)
    func migrated(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let store = try await database.open(url)
        _ = try await store.migrate(Migration.all.filter { $0.name < "0019" })
        let (shown, loose) = try await store.write { try Self.fillOld($0) }
        _ = try await store.migrate(Migration.all)
        await store.close()
        let lab = try await Lab(database, url: url)
        for (owner, events) in shown {
            let chain = try await lab.sealedChain(of: owner)
            #expect(chain.prefix(events.count).map(\.event.id) == events.map(\.event.id))
            #expect(chain.prefix(events.count).map(\.hash) == events.map(\.hash))
            #expect(chain.prefix(events.count).map(\.prevHash) == events.map(\.prevHash))
            #expect(chain.dropFirst(events.count).map(\.event.id).sorted() == loose[owner] ?? [])
            try await lab.expectChain(of: owner)
            try await record(2, of: owner, in: lab)
            #expect(try await lab.chain(of: owner).count == chain.count + 2)
            try await lab.expectChain(of: owner)
        }
        try await lab.expectBooksBalance()
    }

    @Test("what a server of the version before records beside us comes into the chain")
    func old() async throws {
        let lab = try await Lab(.postgres)
        try await record(1, of: Lab.alice, in: lab)
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO events (id, owner_id, type, actor, object_id, metadata, created_at)
                VALUES ('aud_1', 'alice', 'job_ended', 'a', 'old 1', '{}', 1),
                    ('aud_2', 'alice', 'job_ended', 'a', 'old 2', '{}', 1)
                """)
        }
        try await record(1, of: Lab.alice, in: lab)
        #expect(try await lab.chain(of: Lab.alice).map(\.object) == ["0", "old 1", "old 2", "0"])
        try await lab.expectChain(of: Lab.alice)
        try await lab.expectBooksBalance()
    }

    /// As the program of then wrote them: 300 of one owner, 128 of another, 1 of a third, in places that aren't in the
    /// order of their numbers, and some without a place.
    private static func fillOld(
        _ tx: Transaction
    ) throws -> (shown: [OwnerID: [SealedEvent]], loose: [OwnerID: [String]]) {
        var shown: [OwnerID: [SealedEvent]] = [:]
        var loose: [OwnerID: [String]] = [:]
        for (owner, count) in [("alice", 300), ("bob", 128), ("carol", 1), ("dave", 0)] {
            var last = start
            var sealed: [SealedEvent] = []
            for position in 1...(count + 3) {
                let event = RecordedEvent(
                    id: "aud_\(owner)_\(position)", type: "job_ended", actor: "ü", object: "\(position)",
                    metadata: #"{"b":1,"a":"\u00e9"}"#, createdAt: tx.now + Int64(position))
                // Each tenth was late: its number is higher than that of the next.
                let seq = Int64(position % 10 == 0 ? position + 1 : position % 10 == 1 ? position - 1 : position)
                let number = seq * 4 + Int64(["alice", "bob", "carol", "dave"].firstIndex(of: owner) ?? 0)
                let isSealed = position <= count
                let hash = SHA256.hex(Array(last.utf8) + (try event.canonical()))
                try tx.execute(
                    """
                    INSERT INTO events (seq, id, owner_id, type, actor, object_id, metadata, created_at, position,
                        prev_hash, hash)
                    VALUES (\(number), \(event.id), \(owner), \(event.type), \(event.actor), \(event.object),
                        \(event.metadata), \(event.createdAt), \(isSealed ? Int64(position) : nil),
                        \(isSealed ? last : nil), \(isSealed ? hash : nil))
                    """)
                if isSealed {
                    sealed.append(SealedEvent(event: event, prevHash: last, hash: hash))
                    last = hash
                } else {
                    loose[OwnerID(owner), default: []].append(event.id)
                }
            }
            shown[OwnerID(owner)] = sealed
        }
        if tx.sqlEngine == .postgres {
            _ = try tx.first("SELECT setval(pg_get_serial_sequence('events', 'seq'), 10000)") { try $0.integer() }
        }
        return (shown, loose)
    }
}

@Suite("What sealing reads")
struct SealingCostTests {
    @Test("no statement of sealers and readers reads more than 1,000 rows", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        let lab = try await Lab(database, settings: settings)
        func record(_ count: Int) async throws {
            for round in 0..<count {
                try await lab.database.write { tx in
                    try tx.record(
                        (0..<600).map { number in
                            let owner = OwnerID(number % 2 == 0 ? "alice" : "owner-\((number + round) % 500)")
                            return Event(owner: owner, type: .jobEnded, actor: "a", object: "\(number)")
                        })
                }
            }
        }
        try await record(30)
        while try await lab.seal() > 0 {}
        try await record(5)
        let lists = [
            CostedList("sealable") { tx in
                for seq in [Int64.min, 20_000] {
                    let batch = try tx.sealable(from: seq, limit: 300)
                    _ = try tx.chainEnds(of: Array(Set(batch.unsealed.map(\.owner))))
                    _ = try tx.takeUnsealed(batch.unsealed.map(\.seq))
                }
            },
            CostedList("own") { tx in _ = try tx.sealable(of: Lab.alice, limit: 300) },
            CostedList("page") { tx in
                for (owner, offset) in [(Lab.alice, 0), (Lab.alice, 7_000), (OwnerID("owner-7"), 0)] {
                    let page = try tx.chainPage(of: owner, offset: Int64(offset), limit: 500)
                    #expect(try !page.events().isEmpty)
                }
            },
        ]
        try await CostedList.expectBounded(lists, in: lab, isWriting: true)
    }
}
