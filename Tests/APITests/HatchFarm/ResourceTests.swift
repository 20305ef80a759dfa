import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("Resources and prices", .timeLimit(.minutes(2)))
struct ResourceTests {
    private static let capacity: JSON = [
        "cpu_cores": 4, "memory_gb": 8, "gpu": 1, "labels": ["eu"], "isolation": "sandbox",
    ]

    /// A machine that is heard of, asking this.
    private func worker(_ plane: ControlPlane, of caller: Caller, price: JSON) async throws -> Worker {
        let reply = try await plane.post(
            "/machines/register", caller,
            [
                "owner_id": .string(caller.owner), "name": "m", "capacity": Self.capacity,
                "price_usdt_per_hour": price,
            ])
        #expect(reply.data["machine"]?["price_usdt_per_hour"] == price)
        let id = try #require(reply.data["machine"]?["id"]?.string, "\(reply.text)")
        let policy = try await plane.policy(of: caller)
        let worker = Worker(
            id: id, token: try #require(reply.data["machine_token"]?.string), policy: policy,
            consent: try await plane.consent(of: caller, worker: id, policy: policy))
        #expect(try await plane.send(plane.beat(worker)).status == 200)
        return worker
    }

    @Test("what machines offer is told by class, to any member", arguments: TestDatabase.all)
    func offers(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            #expect(try await plane.get("/resources", .bob).data == ["resources": [], "next_cursor": .null])
            let stated = try await worker(plane, of: .alice, price: "0.3")
            _ = try await worker(plane, of: .bob, price: .null)
            _ = try await plane.worker()
            try await plane.fund(.alice, "1")
            // Ten minutes at what it states.
            let job = try await plane.job(
                ["resources": ["cpu_cores": 1.5, "gpu": 1], "max_price_usdt": "0.05"], of: .alice)
            #expect(try await plane.claim(stated).map(\.job) == [job])
            let data = try await plane.get("/resources", .bob).data
            #expect(
                data["resources"] == [
                    [
                        "machines": 2, "each": ["cpu_cores": .number("4"), "memory_gb": .number("8"), "gpu": 1],
                        "total": ["cpu_cores": .number("8"), "memory_gb": .number("16"), "gpu": 2],
                        "free": ["cpu_cores": .number("6.5"), "memory_gb": .number("16"), "gpu": 1],
                        "labels": ["eu"], "isolation": "sandbox", "price_usdt_per_hour": "0.3", "at_market_price": 1,
                    ]
                ])
            #expect(try await plane.get("/resources", .nobody).status == 401)
        }
    }

    @Test("a list of classes goes on where it ended", arguments: TestDatabase.all)
    func pages(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let classes = (1...5).map { Domain.Capacity(milliCores: 1_000 * $0, labels: ["l\($0)"]) }
            for capacity in classes {
                _ = try await plane.dependencies.database.write { tx in
                    let alice = OwnerID("alice")
                    let machine = try tx.registerMachine(
                        owner: alice, actor: "alice", name: "m", capacity: capacity, hourlyPrice: nil, tokenHash: "h")
                    let policy = try tx.createPolicy(
                        owner: alice, actor: "alice", rules: PolicyRules(maxCPUPercent: 1), text: "{}")
                    _ = try tx.activatePolicy(policy.id, owner: alice, actor: "alice")
                    _ = try tx.createConsent(owner: alice, actor: "alice", worker: machine.id, policy: policy.id)
                    return try tx.heartbeat(
                        worker: machine.id, owner: alice, policy: policy.id, nonce: "n", nonceLifetime: 1, metrics: nil)
                }
            }
            var seen: [String] = []
            var path: String? = "/resources?limit=2"
            while let next = path {
                let data = try await plane.get(next, .bob).data
                seen += (data["resources"]?.array ?? []).compactMap { $0["labels"]?.array?.first?.string }
                path = data["next_cursor"]?.string.map { "/resources?limit=2&cursor=\($0)" }
            }
            #expect(seen == ["l5", "l4", "l3", "l2", "l1"])
            for cursor in ["x", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk", "MA"] {
                #expect(
                    try await plane.get("/resources?cursor=\(cursor)", .bob).outcome == "400 invalid_field", "\(cursor)"
                )
            }
        }
    }

    @Test("prices are told with the time they hold from, and follow what is in use", arguments: TestDatabase.all)
    func prices(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let setter = PriceSetter(plane.dependencies.database, base: .standard)
            let worker = try await worker(plane, of: .alice, price: .null)
            try await plane.fund(.bob, "1")
            for _ in 0..<4 {
                _ = try await plane.job(["resources": ["cpu_cores": 1], "max_price_usdt": "0.1"], of: .bob)
            }
            #expect(try await plane.claim(worker, ["limit": 4]).count == 4)
            _ = try await setter.round()
            let data = try await plane.get("/resources/prices", .bob).data
            #expect(data["base"] == ["cpu_core_hour": "0.02", "gb_hour": "0.004", "gpu_hour": "0.4"])
            #expect(data["current"] == ["cpu_core_hour": "0.022", "gb_hour": "0.0044", "gpu_hour": "0.44"])
            // The one owner who sells counts as a quarter.
            #expect(data["utilisation"] == "0.625" && data["factor"] == "1.1")
            let since = try #require(data["since"]?.string.flatMap(RFC3339.parse))
            let next = try #require(data["next_change"]?.string.flatMap(RFC3339.parse))
            #expect(next - since == 60_000)
        }
    }

    @Test("a job that waits tells what is missing, on how many machines", arguments: TestDatabase.all)
    func missing(on database: TestDatabase) async throws {
        let needs: JSON = ["resources": ["memory_gb": 16, "labels": ["eu", "ssd"]]]
        try await ControlPlane.run(database) { plane in
            let job = try await plane.job(needs)
            #expect(try await plane.show(job)["pending_reason"] == "no machine is live")
        }
        // Machines are looked at every two seconds, however often somebody asks, and here time stands still.
        try await ControlPlane.run(database) { plane in
            func reason(_ job: String) async throws -> String? { try await plane.show(job)["pending_reason"]?.string }
            for _ in 0..<2 { _ = try await worker(plane, of: .bob, price: "0") }
            let words = "no live machine fits: of 2, 2 have too little memory_gb; 2 do not have the label ssd"
            let told = try await reason(plane.job(needs))
            #expect(told == words)
            #expect(try await reason(plane.job([:])) == "waits for a worker to be free: 2 of 2 live machines fit")
            let later = try await plane.job(["run_at": "2100-01-01T00:00:00Z"])
            #expect(try await reason(later) == "waits for its run_at")
        }
    }

    @Test("a job shows what it costs while it runs", arguments: TestDatabase.all)
    func running(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await worker(plane, of: .bob, price: .null)
            try await plane.fund(.alice, "1")
            // Exactly what ten minutes of a core and a GB cost.
            let dear = try await plane.job(["max_price_usdt": "0.004"])
            let short = try await plane.job(["max_price_usdt": "0.0039"])
            let held = try #require(try await plane.claim(worker, ["limit": 9]).first)
            #expect(held.job == dear)
            #expect(
                try await plane.show(dear)["price"] == [
                    "max_usdt": "0.004", "usdt_per_hour": "0.024", "paid_usdt": "0",
                ])
            #expect(try await plane.show(short)["price"]?["usdt_per_hour"] == .null)
            #expect(
                try await plane.show(short)["pending_reason"]
                    == "no live machine fits: of 1, 1 asks more than max_price_usdt pays")
            plane.clock.advance(by: .seconds(30))
            let paid = try #require(try await plane.finish(held).data["paid_usdt"]?.string)
            // Half a minute at the market's price, and what the calls took.
            #expect((200...300).contains(try #require(Money.minorUnits(paid))), "\(paid)")
            let price = try await plane.show(dear)["price"]
            #expect(price?["paid_usdt"] == .string(paid) && price?["usdt_per_hour"] == .null)
        }
    }
}
