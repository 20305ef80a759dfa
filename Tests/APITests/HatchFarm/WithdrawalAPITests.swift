import API
import Bytes
import Support
import Testing

@Suite("Withdrawals over HTTP", .timeLimit(.minutes(2)))
struct WithdrawalAPITests {
    private let body: JSON = ["amount": "30", "address": "0xabc", "asset": "USDT"]

    private func request(_ plane: ControlPlane, by caller: Caller = .alice, _ key: String) async throws -> PlaneReply {
        try await plane.post("/wallet/withdraw", caller.key(key), body)
    }

    private func requested(
        _ plane: ControlPlane, _ caller: Caller = .alice, _ key: String = "k"
    ) async throws -> String {
        let reply = try await request(plane, by: caller, key)
        return try #require(reply.data["withdrawal"]?["id"]?.string, "\(reply.text)")
    }

    private func act(
        _ plane: ControlPlane, _ id: String, _ action: String, _ body: JSON? = nil, by caller: Caller = .operatorAlone
    ) async throws -> PlaneReply {
        try await plane.post("/wallet/withdrawals/\(id)/\(action)", caller, body)
    }

    @Test("one is held when it is requested, and gone when it is paid", arguments: TestDatabase.all)
    func life(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.deposit(100, reference: "w")
            let first = try await request(plane, "k")
            #expect(first.status == 201, "\(first.text)")
            let id = try #require(first.data["withdrawal"]?["id"]?.string)
            #expect(first["Location"] == "/api/v1/wallet/withdrawals/\(id)")
            let shown = try #require(first.data["withdrawal"])
            #expect(shown["status"] == "requested" && shown["amount"] == "30" && shown["address"] == "0xabc")
            #expect(shown["reason"] == .null && shown["txid"] == .null && shown["owner_id"] == "alice")
            #expect(try await plane.usdt(of: .alice) == "70/30")
            #expect(try await request(plane, "k").body == first.body, "the same call, the same answer")
            #expect(try await plane.usdt(of: .alice) == "70/30")
            #expect(try await act(plane, id, "paid", ["txid": "0x1"]).outcome == "409 wrong_state")
            let approved = try await act(plane, id, "approve")
            #expect(approved.status == 200 && approved.data["withdrawal"]?["status"] == "approved")
            #expect(try await act(plane, id, "approve").body == approved.body)
            let paid = try await act(plane, id, "paid", ["txid": "0x1"])
            #expect(paid.data["withdrawal"]?["status"] == "paid" && paid.data["withdrawal"]?["txid"] == "0x1")
            #expect(try await act(plane, id, "paid", ["txid": "0x1"]).body == paid.body)
            let other = try await act(plane, id, "paid", ["txid": "0x2"])
            #expect(other.outcome == "409 wrong_state" && other.text.contains("0x1"))
            #expect(try await act(plane, id, "reject", ["reason": "r"]).outcome == "409 wrong_state")
            #expect(try await plane.usdt(of: .alice) == "70/0")
            #expect(try await plane.get("/wallet/withdrawals/\(id)", .alice).data == paid.data)
            let lines = try await plane.get("/wallet/transactions?asset=USDT", .alice).data["transactions"]?.array
            #expect(lines?.compactMap { $0["reason"]?.string } == ["withdrawal_hold", "deposit"])
            #expect(lines?.first?["amount"] == "-30" && lines?.first?["reference"]?.string == id)
            let events = try await plane.get("/audit/events", .alice).data["events"]?.array ?? []
            let mine = events.filter { $0["object_id"]?.string == id }
            #expect(
                mine.compactMap { $0["type"]?.string }
                    == ["withdrawal_requested", "withdrawal_approved", "withdrawal_paid"])
            #expect(
                mine.last?["metadata"] == ["amount": "30", "asset": "USDT", "address": "0xabc", "txid": "0x1"])
            #expect(mine.first?["actor"] == "operator", "in her name: \(mine)")
        }
    }

    @Test("one that is asked for many times at once, where there is money for one", arguments: TestDatabase.all)
    func twins(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for round in 0..<8 {
                try await plane.deposit(30, reference: "crowd-\(round)")
                let replies = try await withThrowingTaskGroup(of: PlaneReply.self) { group in
                    for _ in 0..<8 { group.addTask { try await request(plane, "crowd-\(round)") } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(replies.allSatisfy { $0.status == 201 }, "\(replies.map(\.text))")
                #expect(Set(replies.map(\.text)).count == 1)
                #expect(try await plane.usdt(of: .alice) == "0/\(30 * (round + 1))")
            }
        }
    }

    @Test("a rejected one comes back whole, with the reason", arguments: TestDatabase.all)
    func rejection(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.deposit("30.000001", reference: "w")
            let id = try await requested(plane)
            let rejected = try await act(plane, id, "reject", ["reason": "no such address"])
            #expect(rejected.data["withdrawal"]?["status"] == "rejected")
            #expect(rejected.data["withdrawal"]?["reason"] == "no such address")
            #expect(try await act(plane, id, "reject", ["reason": "no such address"]).body == rejected.body)
            #expect(try await act(plane, id, "reject", ["reason": "other"]).outcome == "409 wrong_state")
            #expect(try await act(plane, id, "approve").outcome == "409 wrong_state")
            #expect(try await plane.usdt(of: .alice) == "30.000001/0")
            // What it answered then is what it answers to the same key, whatever became of it.
            #expect(try await request(plane, "k").data["withdrawal"]?["status"] == "requested")
            #expect(try await plane.usdt(of: .alice) == "30.000001/0")
        }
    }

    @Test("without a key, money or sense nothing happens, and the answer says why", arguments: TestDatabase.all)
    func refusals(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let keyless = try await plane.post("/wallet/withdraw", .alice, body)
            #expect(keyless.outcome == "400 missing_idempotency_key" && keyless.text.contains("Idempotency-Key"))
            let short = try await request(plane, "k")
            #expect(short.outcome == "400 insufficient_funds", "\(short.text)")
            #expect(short.text.contains("30 USDT") && short.text.contains("0 is available"), "\(short.text)")
            try await plane.deposit(29, reference: "w")
            #expect(try await request(plane, "k").outcome == "400 insufficient_funds")
            try await plane.deposit(1, reference: "x")
            for (field, values) in [
                ("amount", [0, "-1", "0.0000001", "1e1", .number("1e1"), [], true, "10000.000001"]),
                ("asset", ["POINTS", "EUR", "usdt", 1]),
                ("address", ["", "a b", "é", "a\n", 7, .string(String(repeating: "a", count: 129))]),
            ] as [(String, [JSON])] {
                for value in values + [.null] {
                    let bad = JSON.object((body.members ?? []).map { $0.key == field ? .init(field, value) : $0 })
                    let reply = try await plane.post("/wallet/withdraw", Caller.alice.key("bad"), bad)
                    #expect(reply.status == 400 && reply.json["field"]?.string == field, "\(bad): \(reply.text)")
                }
            }
            #expect(try await plane.usdt(of: .alice) == "30/0")
            #expect(try await request(plane, "k").status == 201, "a refused call leaves its key unused")
            let other: JSON = ["amount": "1", "address": "0xabc", "asset": "USDT"]
            let reused = try await plane.post("/wallet/withdraw", Caller.alice.key("k"), other)
            #expect(reused.outcome == "422 idempotency_key_reused")
            for (path, wrong) in [
                ("reject", [:]), ("reject", ["reason": ""]), ("reject", ["reason": " "]), ("paid", [:]),
                ("paid", ["txid": "a b"]), ("paid", ["txid": "x", "more": 1]), ("approve", ["x": 1]),
            ] as [(String, JSON)] {
                let reply = try await act(plane, "wdr_0123456789abcdef", path, wrong)
                #expect(reply.status == 400, "\(path) \(wrong)")
            }
            #expect(try await act(plane, "wdr_0123456789abcdef", "approve").outcome == "404 not_found")
        }
    }

    @Test("a day's cap is told with what is left of it and when there is more")
    func cap() async throws {
        try await ControlPlane.run(.sqlite, .set(\.withdrawDailyCap, 50_000_000)) { plane in
            try await plane.deposit(1_000, reference: "w")
            let id = try await requested(plane)
            let over = try await request(plane, "l")
            #expect(over.outcome == "429 quota_exceeded" && over.text.contains("20 of 50 are left"), "\(over.text)")
            let wait = try #require(over["Retry-After"].flatMap { Int64($0) })
            #expect((86_300...86_400).contains(wait))
            #expect(try await act(plane, id, "reject", ["reason": "r"]).status == 200)
            #expect(try await request(plane, "l").status == 201)
        }
    }

    @Test("nobody sees, requests or decides what isn't theirs to", arguments: TestDatabase.all)
    func tenants(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let (carol, dave) = (try await plane.agent("Carol"), try await plane.agent("Dave"))
            for owner in ["alice", carol.owner, dave.owner] {
                try await plane.deposit(100, to: owner, reference: "w-\(owner)")
            }
            let id = try await requested(plane, carol)
            for caller in [Caller.bob, dave] {
                #expect(try await plane.get("/wallet/withdrawals/\(id)", caller).outcome == "404 not_found")
                #expect(try await plane.get("/wallet/withdrawals", caller).data["withdrawals"] == [])
            }
            let theirs = try await requested(plane, dave)
            #expect(theirs != id, "a key is private to its owner")
            for (method, path, body) in [
                ("GET", "/admin/withdrawals", nil), ("POST", "/wallet/withdrawals/\(id)/approve", nil),
                ("POST", "/wallet/withdrawals/\(id)/reject", ["reason": "r"]),
                ("POST", "/wallet/withdrawals/\(id)/paid", ["txid": "x"]),
                (
                    "POST", "/wallet/deposits",
                    ["owner_id": .string(carol.owner), "asset": "USDT", "amount": 1, "reference": "mine"]
                ),
            ] as [(String, String, JSON?)] {
                #expect(
                    try await plane.send(method, path, carol.headers, bytes: body?.bytes()).status == 403, "\(path)")
                #expect(try await plane.send(method, path, [], bytes: body?.bytes()).status == 401, "\(path)")
            }
            let foreign = dave.headers + [("X-Owner-ID", carol.owner), ("Idempotency-Key", "f")]
            for path in ["/wallet/balance", "/wallet/transactions", "/wallet/withdrawals"] {
                #expect(try await plane.send("GET", path, foreign).outcome == "403 forbidden")
            }
            #expect(try await plane.send("POST", "/wallet/withdraw", foreign, bytes: body.bytes()).status == 403)
            #expect(try await plane.usdt(of: carol) == "70/30")
            // One key for two withdrawals: each is decided on by itself.
            for id in [id, theirs] {
                let reply = try await act(plane, id, "approve", by: .operatorAlone.key("same"))
                #expect(reply.data["withdrawal"]?["id"]?.string == id)
            }
            #expect(
                try await plane.get("/wallet/withdrawals", .operator(for: carol.owner)).data["withdrawals"]?
                    .array?.count == 1)
        }
    }

    @Test("lists go newest first, by state, in pages that new ones don't shift", arguments: TestDatabase.all)
    func lists(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.deposit(1_000, reference: "w")
            try await plane.deposit(1_000, to: "bob", reference: "v")
            var ids: [String] = []
            for number in 0..<7 {
                ids.insert(try await requested(plane, number.isMultiple(of: 3) ? .bob : .alice, "k\(number)"), at: 0)
                plane.clock.advance(milliseconds: 5)
            }
            func list(_ path: String, _ caller: Caller, _ query: String) async throws -> (ids: [String], next: String?)
            {
                let page = try await plane.get("\(path)?\(query)", caller).data
                return (
                    (page["withdrawals"]?.array ?? []).compactMap { $0["id"]?.string }, page["next_cursor"]?.string
                )
            }
            let first = try await list("/admin/withdrawals", .operatorAlone, "limit=4")
            #expect(first.ids == Array(ids[0..<4]))
            _ = try await requested(plane, .alice, "late")
            let next = try #require(first.next)
            let second = try await list("/admin/withdrawals", .operatorAlone, "limit=4&cursor=\(next)")
            #expect(second.ids == Array(ids[4...]) && second.next == nil)
            let mine = try await list("/wallet/withdrawals", .bob, "limit=3")
            #expect(mine.ids == [ids[0], ids[3], ids[6]] && mine.next == nil)
            #expect(try await act(plane, ids[2], "approve").status == 200)
            #expect(try await list("/admin/withdrawals", .operatorAlone, "status=approved").ids == [ids[2]])
            #expect(try await list("/wallet/withdrawals", .bob, "status=approved").ids == [])
            for query in ["status=lost", "limit=0", "cursor=x", "cursor=\(Base64.encodeURL(Array("wdr_1".utf8)))"] {
                #expect(try await plane.get("/admin/withdrawals?\(query)", .operatorAlone).status == 400, "\(query)")
            }
        }
    }

    @Test("of 16 calls with one key one withdraws", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.deposit(1_000, reference: "w")
            let replies = try await withThrowingTaskGroup(of: PlaneReply.self) { group in
                for _ in 0..<16 { group.addTask { try await request(plane, "k") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(replies.allSatisfy { $0.status == 201 } && Set(replies.map(\.text)).count == 1)
            #expect(try await plane.usdt(of: .alice) == "970/30")
        }
    }
}
