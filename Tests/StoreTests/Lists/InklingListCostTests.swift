import Domain
import Support
import Testing
@testable import Store

/// What Inkling's lists read, however large the tables are: of a device whose mailbox is full, which has as many
/// children and endorsements as one may have.
@Suite("What Inkling's lists read")
struct InklingListCostTests {
    /// The most that a list asks for.
    private static let limit = 101
    private static let main = InklingSamples.main

    @Test("no statement reads more than 1,000 rows, or a table from its beginning", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        let lab = try await Lab(database, settings: settings)
        try await lab.database.write { try InklingSamples.fill($0) }
        try await CostedList.expectBounded(Self.reading, in: lab)
        try await CostedList.expectBounded(Self.writing, in: lab, isWriting: true)
    }

    private static let reading = mail + socket + trust

    private static let mail = [
        CostedList("telegrams") { tx in
            let first = try tx.telegrams(to: main, before: nil, limit: limit)
            #expect(first.count == limit)
            for position in [first.last?.position, 5_000] {
                #expect(try tx.telegrams(to: main, before: position, limit: limit).count == limit)
            }
            #expect(try tx.telegrams(to: InklingKey("none"), before: nil, limit: limit).isEmpty)
        },
        CostedList("unread telegrams") { tx in
            let unread = try tx.unreadTelegrams(to: main, limit: limit)
            #expect(unread.count == 30)
        },
        CostedList("postcards") { tx in
            for recipient in [main, nil] {
                let first = try tx.postcards(to: recipient, before: nil, limit: limit)
                #expect(first.count == limit)
                for id in [first.last?.id, InklingSamples.id(recipient == nil ? 20_000 : 5_000)] {
                    #expect(try tx.postcards(to: recipient, before: id, limit: limit).count == limit)
                }
            }
        },
    ]

    private static let socket = [
        CostedList("a socket's mail") { tx in
            let (oldest, last) = try tx.mailBounds(of: main)
            #expect(oldest == 1 && last == Inkling.mailboxLimit)
            for position in [0, 5_000, last - 10] {
                #expect(
                    try tx.mail(of: main, after: position, upTo: last, limit: 20).count == min(20, Int(last - position))
                )
            }
            _ = try tx.mailEnd(of: main)
            _ = try tx.mailBounds(of: InklingKey("none"))
        }
    ]

    private static let trust = [
        CostedList("endorsements") { tx in
            let first = try tx.endorsements(of: main, before: nil, limit: limit)
            #expect(first.count == limit)
            for id in [first.last?.id, InklingSamples.id(500)] {
                #expect(try tx.endorsements(of: main, before: id, limit: limit).count == limit)
            }
            _ = try tx.baptism(of: main)
        },
        CostedList("requests of baptism") { tx in
            let first = try tx.baptismRequests(before: nil, limit: limit)
            #expect(first.count == limit)
            for id in [first.last?.id, InklingSamples.id(2_000)] {
                #expect(try tx.baptismRequests(before: id, limit: limit).count == limit)
            }
        },
        CostedList("children") { tx in
            let first = try tx.children(of: main, before: nil, limit: limit)
            #expect(first.count == limit)
            for number in [first.last?.number, 500] {
                #expect(try tx.children(of: main, before: number, limit: limit).count == limit)
            }
            _ = try tx.knownInkling(main)
        },
    ]

    /// Those that write as well, and what a round takes away.
    private static let writing = [
        CostedList("dreams") { tx in
            let first = try tx.fishDreams(before: nil, limit: 50)
            #expect(first.dreams.count == 50 && first.hasMore)
            for id in [first.dreams.last?.id, InklingSamples.id(10_000)] {
                #expect(try tx.fishDreams(before: id, limit: 50).dreams.count == 50)
            }
        },
        CostedList("the inbox") { tx in _ = try tx.readTelegrams(of: main, limit: 10) },
        CostedList("what a new letter displaces") { tx in
            try tx.trimMailbox(of: main, last: try tx.nextPosition(for: main))
        },
        CostedList("what an unanswered question leaves") { tx in
            #expect(try !tx.deleteUnusedInkling(main))
            try tx.forgetHardwareHash(of: InklingSamples.key(3))
        },
        CostedList("what is pruned") { tx in
            for instant in [0, tx.now + 1] {
                _ = try tx.deleteDreams(olderThan: instant, limit: limit)
                _ = try tx.deleteTelegrams(olderThan: instant, limit: limit)
                _ = try tx.deletePostcards(olderThan: instant, limit: limit)
            }
            #expect(try tx.giveBackExpiredOracleCalls(limit: limit) == limit)
        },
    ]
}
