import API
import Bytes
import Domain
import Support
import Testing

extension Caller {
    /// The operator in nobody's name.
    static let operatorAlone = Caller(
        owner: "", key: ControlPlane.operatorToken,
        headers: [("Authorization", "Bearer \(ControlPlane.operatorToken)")])

    func key(_ key: String) -> Caller { with(("Idempotency-Key", key)) }
}

extension ControlPlane {
    @discardableResult
    func deposit(
        _ amount: JSON, to owner: String = "alice", reference: String, by caller: Caller = .operatorAlone
    ) async throws -> PlaneReply {
        try await post(
            "/wallet/deposits", caller,
            ["owner_id": .string(owner), "asset": "USDT", "amount": amount, "reference": .string(reference)])
    }

    /// `available/held` in USDT.
    func usdt(of caller: Caller) async throws -> String {
        let balances = try await get("/wallet/balance", caller).data["balances"]?.array ?? []
        let usdt = balances.first { $0["asset"] == "USDT" }
        return "\(usdt?["available"]?.string ?? "")/\(usdt?["held"]?.string ?? "")"
    }
}

@Suite("The wallet", .timeLimit(.minutes(2)))
struct WalletTests {
    @Test("shows both assets always, exact to the last place", arguments: TestDatabase.all)
    func balance(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let empty = try await plane.get("/wallet/balance", .alice)
            #expect(
                empty.data == [
                    "owner_id": "alice",
                    "balances": [
                        ["asset": "USDT", "available": "0", "held": "0"],
                        ["asset": "POINTS", "available": "0", "held": "0"],
                    ],
                ])
            let carol = try await plane.agent("Carol")
            let fresh = try await plane.get("/wallet/balance", carol).data
            #expect(fresh["owner_id"]?.string == carol.owner)
            #expect(fresh["balances"]?.array?.last == ["asset": "POINTS", "available": "100", "held": "0"])
            for (reference, amount, total) in [
                ("a", "0.000001", "0.000001/0"), ("b", "1.1", "1.100001/0"), ("c", 2, "3.100001/0"),
                ("d", "007.50", "10.600001/0"), ("e", 0.25, "10.850001/0"), ("f", "999989.149999", "1000000/0"),
            ] as [(String, JSON, String)] {
                let reply = try await plane.deposit(amount, reference: reference)
                #expect(reply.status == 201, "\(reply.text)")
                #expect(try await plane.usdt(of: .alice) == total)
            }
            #expect(try await plane.get("/wallet/balance", .nobody).outcome == "401 unauthorized")
        }
    }

    @Test("a deposit is booked once by its reference, and once by its key", arguments: TestDatabase.all)
    func deposits(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let first = try await plane.deposit("12.5", reference: "wire-1")
            #expect(first.status == 201, "\(first.text)")
            let deposit = try #require(first.data["deposit"])
            #expect(deposit["owner_id"] == "alice" && deposit["amount"] == "12.5" && deposit["reference"] == "wire-1")
            #expect(deposit["balance_after"] == "12.5" && deposit["asset"] == "USDT")
            let later = try await plane.deposit(1, reference: "wire-2")
            #expect(later.data["deposit"]?["balance_after"] == "13.5")
            #expect(try await plane.deposit(12.50, reference: "wire-1").body == first.body)
            #expect(try await plane.deposit("12.6", reference: "wire-1").outcome == "409 wrong_state")
            #expect(try await plane.deposit("12.5", to: "bob", reference: "wire-1").outcome == "409 wrong_state")
            let keyed = Caller.operatorAlone.key("k")
            let once = try await plane.deposit(3, reference: "wire-3", by: keyed)
            #expect(try await plane.deposit(3, reference: "wire-3", by: keyed).body == once.body)
            let reused = try await plane.deposit(4, reference: "wire-4", by: keyed)
            #expect(reused.outcome == "422 idempotency_key_reused")
            #expect(try await plane.usdt(of: .alice) == "16.5/0")
            #expect(try await plane.usdt(of: .bob) == "0/0")
            let events = try await plane.get("/audit/events", .alice).data["events"]?.array ?? []
            #expect(events.compactMap { $0["type"]?.string } == ["deposit_made", "deposit_made", "deposit_made"])
            #expect(events.first?["metadata"] == ["amount": "12.5", "asset": "USDT", "reference": "wire-1"])
            #expect(events.first?["actor"] == "operator")
        }
    }

    @Test("a deposit with anything wrong in it is told its field, and books nothing", arguments: TestDatabase.all)
    func badDeposits(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let good: JSON = ["owner_id": "alice", "asset": "USDT", "amount": "1", "reference": "r"]
            for (field, values) in [
                ("owner_id", ["", "a b", "é", "a/b", 7, .string(String(repeating: "a", count: 129))]),
                ("asset", ["POINTS", "usdt", "EUR", "", 1, []]),
                (
                    "amount",
                    [
                        0, "0", "0.0000000", "-1", -1, "1e3", .number("1e3"), "+1", "1.", ".5", "0.0000001", "", " 1",
                        "1000000.000001", "99999999999999999999", "NaN", "٣", true, [], .null,
                    ]
                ),
                ("reference", ["", "a b", "é", "a\n", 7, .string(String(repeating: "a", count: 129))]),
            ] as [(String, [JSON])] {
                for value in values + [.null] {
                    let body = JSON.object((good.members ?? []).map { $0.key == field ? .init(field, value) : $0 })
                    let reply = try await plane.post("/wallet/deposits", .operatorAlone, body)
                    #expect(reply.status == 400 && reply.json["field"]?.string == field, "\(body): \(reply.text)")
                }
            }
            let points: JSON = ["owner_id": "alice", "asset": "POINTS", "amount": "1", "reference": "r"]
            let reply = try await plane.post("/wallet/deposits", .operatorAlone, points)
            #expect(reply.text.contains("points can't be deposited or withdrawn"))
            #expect(try await plane.usdt(of: .alice) == "0/0")
        }
    }

    @Test("transactions go newest first, and a cursor shows each once while others arrive", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let carol = try await plane.agent("Carol")
            for number in 1...249 {
                try await plane.deposit(.number("\(number)"), to: carol.owner, reference: "wire-\(number)")
                if number.isMultiple(of: 40) { plane.clock.advance(milliseconds: 3) }
            }
            var seen: [JSON] = []
            var cursor: String?
            var arrivals = 0
            repeat {
                let query = "?limit=37" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await plane.get("/wallet/transactions\(query)", carol).data
                seen += page["transactions"]?.array ?? []
                cursor = page["next_cursor"]?.string
                arrivals += 1
                try await plane.deposit(1, to: carol.owner, reference: "late-\(arrivals)")
            } while cursor != nil
            #expect(seen.count == 250)
            #expect(Set(seen.compactMap { $0["id"]?.string }).count == 250)
            let usdt = seen.filter { $0["asset"] == "USDT" }.compactMap { $0["reference"]?.string }
            #expect(usdt == (1...249).reversed().map { "wire-\($0)" })
            let bonus = try #require(seen.last)
            #expect(bonus["reason"] == "registration_bonus" && bonus["balance_after"] == "100")
            // Each line is what the one before it left, and what it moved itself.
            let amounts = seen.filter { $0["asset"] == "USDT" }.compactMap { line in
                Money.minorUnits(line["amount"]?.string ?? "").flatMap { amount in
                    Money.minorUnits(line["balance_after"]?.string ?? "").map { (amount, $0) }
                }
            }
            #expect(zip(amounts, amounts.dropFirst()).allSatisfy { $0.1 == $1.1 + $0.0 })

            let points = try await plane.get("/wallet/transactions?asset=POINTS", carol).data
            #expect(points["transactions"]?.array?.count == 1 && points["next_cursor"] == .null)
            let some = try await plane.get("/wallet/transactions?asset=USDT&limit=2", carol).data
            let next = try #require(some["next_cursor"]?.string)
            let wrong = try await plane.get("/wallet/transactions?cursor=\(next)", carol)
            #expect(wrong.status == 400 && wrong.json["field"] == "cursor", "it was of one asset alone")
            #expect(try await plane.get("/wallet/transactions", .bob).data["transactions"] == [])
        }
    }

    @Test("a query that is none is told its field")
    func queries() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            for (query, field) in [
                ("limit=0", "limit"), ("limit=101", "limit"), ("asset=EUR", "asset"), ("asset=", "asset"),
                ("cursor=x", "cursor"), ("cursor=VVNEVDox", "cursor"),
                ("cursor=\(Base64.encodeURL(Array("USDT:0,POINTS:1".utf8)))", "cursor"),
                ("cursor=\(Base64.encodeURL(Array("USDT:1,USDT:1,POINTS:1".utf8)))", "cursor"),
                ("cursor=\(Base64.encodeURL(Array("USDT:99999999999999999999,POINTS:1".utf8)))", "cursor"),
            ] {
                let reply = try await plane.get("/wallet/transactions?\(query)", .alice)
                #expect(reply.status == 400 && reply.json["field"]?.string == field, "\(query): \(reply.text)")
            }
        }
    }
}
