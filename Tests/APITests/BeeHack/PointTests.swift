import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("bee:hack: transactions of points", .timeLimit(.minutes(2)))
struct PointTests {
    /// Books transfers of points beside the books: what a list shows is what stands there.
    private func book(_ count: Int, for caller: Caller, _ lab: SocialLab) async throws {
        let account = Account(OwnerID(caller.owner), .points, .available)
        try await lab.database.write { tx in
            for number in 0..<Int64(count) {
                let taken = number % 2 == 0
                let (line, reference) = (number + 2, number == 3 ? "elsewhere:7" : "post:\(101 + number)")
                try tx.execute(
                    """
                    INSERT INTO ledger_transfers (id, asset, debit, credit, amount, debit_after, credit_after,
                        debit_line, credit_line, reason, reference, created_at)
                    VALUES (\("t\(number)"), 'POINTS', \(taken ? account.id : "x/POINTS/held"),
                        \(taken ? "x/POINTS/held" : account.id), 3, \(97 + number % 2 * 3), \(97 + number % 2 * 3),
                        \(line), \(line), \(taken ? "escrow_hold" : "bounty_payout"), \(reference), \(tx.now))
                    """)
            }
        }
    }

    @Test("the list has one's own lines, newest first, as the seed names them", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let fresh = try await lab.get("/users/maya/transactions", maya).json
            #expect(fresh.members?.map(\.key) == ["handle", "transactions", "next_cursor"])
            #expect(fresh["handle"] == "maya" && fresh["next_cursor"] == .null)
            let bonus = try #require(fresh["transactions"]?.array?.first)
            #expect(
                bonus.members?.map(\.key)
                    == ["id", "amount", "reason", "balance_after", "post_id", "meta", "created_at"])
            #expect(bonus["id"] == "1" && bonus["amount"] == 100 && bonus["reason"] == "registration_bonus")
            #expect(bonus["balance_after"] == 100 && bonus["post_id"] == .null)
            try await book(4, for: maya, lab)
            let lines = try await lab.get("/users/%20MAYA/transactions", maya).json["transactions"]?.array ?? []
            #expect(lines.map { $0["id"] } == ["5", "4", "3", "2", "1"])
            #expect(lines.map { $0["amount"] } == [3, -3, 3, -3, 100])
            #expect(lines.map { $0["balance_after"] } == [100, 97, 100, 97, 100])
            #expect(lines.map { $0["post_id"] } == [.null, "103", "102", "101", .null])
            #expect(
                lines.map { $0["reason"] }.dropLast()
                    == ["bounty_payout", "escrow_hold", "bounty_payout", "escrow_hold"])
            #expect(lines.first?["meta"] == ["transfer_id": "t3"])
            for limit in ["1", "2", "5", "0", "x"] {
                let seen = try await lab.walk(
                    "/users/maya/transactions?limit=\(limit)", maya, key: "transactions")
                #expect(seen == ["5", "4", "3", "2", "1"], "\(limit)")
            }
            // By the id, as who has no handle.
            #expect(try await lab.get("/users/\(maya.owner)/transactions", maya).json["handle"] == "maya")
        }
    }

    @Test("what a post holds and gives back is a line of it", arguments: TestDatabase.all)
    func escrow(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let maya = try await lab.join("maya")
            let post = try await lab.post(by: maya, escrow: true)
            try await lab.delete(post, by: maya)
            let lines = try await lab.get("/users/maya/transactions", maya).json["transactions"]?.array ?? []
            #expect(lines.map { $0["amount"] } == [25, -25, 100])
            #expect(lines.map { $0["reason"] } == ["refund", "escrow_hold", "registration_bonus"])
            #expect(lines.map { $0["balance_after"] } == [100, 75, 100])
            #expect(lines.map { $0["post_id"]?.string } == [post, post, nil])
        }
    }

    @Test("50 are shown when no limit is given, and never more than 100")
    func limits() async throws {
        try await SocialLab.run(.sqlite) { lab in
            let maya = try await lab.join("maya")
            try await book(120, for: maya, lab)
            for (query, count) in [("", 50), ("?limit=0", 1), ("?limit=-9", 1), ("?limit=101", 100), ("?limit=a", 50)] {
                let lines = try await lab.get("/users/maya/transactions\(query)", maya).json["transactions"]?.array
                #expect(lines?.count == count, "\(query)")
            }
            #expect(
                try await lab.walk("/users/maya/transactions?limit=7", maya, key: "transactions").count == 121)
        }
    }

    @Test("others' lines are 403, whoever they are", arguments: TestDatabase.all)
    func others(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
            for name in ["maya", "nobody", "queenbee", "%20", maya.owner] {
                let reply = try await lab.get("/users/\(name)/transactions", noor)
                #expect(reply.refusal == "403 You can only see your own transactions", "\(name)")
            }
            #expect(try await lab.get("/users/maya/transactions").status == 401)
            #expect(try await lab.get("/users/maya/transactions", .alice).status == 403)
            #expect(try await lab.get("/users/maya/transactions", .operator(for: maya.owner)).status == 200)
            for query in ["cursor=0", "cursor=x", "cursor=", "cursor=\(Base64.encodeURL(Array("0".utf8)))"] {
                #expect(try await lab.get("/users/maya/transactions?\(query)", maya).status == 400, "\(query)")
            }
        }
    }
}
