import Bytes
import Support
import Testing

/// What a job asks, against what a machine has: granted exactly when it fits.
@Suite("Jobs and machines", .timeLimit(.minutes(2)))
struct ClaimFilterTests {
    /// A job's fields, a claim's fields, and whether the claim is granted the job.
    private struct Pair {
        let job: JSON
        let claim: JSON
        let fits: Bool

        init(_ job: JSON, _ claim: JSON, _ fits: Bool) {
            self.job = job
            self.claim = claim
            self.fits = fits
        }
    }

    private static let capacity: [Pair] = [
        Pair(["resources": ["cpu_cores": 2]], ["capacity": ["cpu_cores": 1.9]], false),
        Pair(["resources": ["cpu_cores": 2]], ["capacity": ["cpu_cores": 2]], true),
        Pair(["resources": ["memory_gb": 4]], ["capacity": ["memory_gb": 3.9]], false),
        Pair(["resources": ["memory_gb": 4]], ["capacity": ["memory_gb": 4]], true),
        Pair(["resources": ["gpu": 1]], [:], false),
        Pair(["resources": ["gpu": 1]], ["capacity": ["gpu": 1]], true),
        Pair(["resources": ["labels": ["a", "b"]]], ["capacity": ["labels": ["b"]]], false),
        Pair(["resources": ["labels": ["a", "b"]]], ["capacity": ["labels": ["c", "b", "a"]]], true),
        Pair(["resources": ["labels": ["a"]]], ["capacity": ["labels": ["A"]]], false),
        Pair(["isolation": "vm"], [:], false),
        Pair(["isolation": "vm"], ["capacity": ["isolation": "sandbox"]], false),
        Pair(["isolation": "vm"], ["capacity": ["isolation": "vm"]], true),
        Pair(["isolation": "none"], [:], true),
    ]

    private static let others: [Pair] = [
        Pair(["queue": "night"], ["queues": ["day", "default"]], false),
        Pair(["queue": "night"], ["queues": []], false),
        Pair(["queue": "night"], ["queues": ["day", "night"]], true), Pair(["queue": "night"], [:], true),
        Pair([:], ["kinds": ["device", "audit"]], false), Pair([:], ["kinds": []], false),
        Pair([:], ["kinds": ["compute"]], true), Pair(["command": .null], [:], false),
        Pair(["run_at": "9999-01-01T00:00:00Z"], [:], false),
    ]

    @Test("meet when one has what the other asks", arguments: TestDatabase.all)
    func filters(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for pair in Self.capacity + Self.others {
                let id = try await plane.job(pair.job)
                let body = JSON.object([.init("limit", 10)] + (pair.claim.members ?? []))
                let held = try await plane.claim(worker, body)
                #expect(held.map(\.job) == (pair.fits ? [id] : []), "\(pair.job.text()) for \(pair.claim.text())")
                for lease in held { try await plane.finish(lease) }
                if !pair.fits {
                    #expect(try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers).status == 200)
                }
            }
        }
    }

    @Test("share what was registered among all that the machine holds", arguments: TestDatabase.all)
    func registered(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let reply = try await plane.post(
                "/machines/register", .bob,
                [
                    "owner_id": "bob", "name": "big",
                    "capacity": ["cpu_cores": 4, "memory_gb": 8, "gpu": 1, "labels": ["fast"]],
                    "price_usdt_per_hour": "0.6",
                ])
            let id = try #require(reply.data["machine"]?["id"]?.string)
            let policy = try await plane.policy(of: .bob)
            let worker = Worker(
                id: id, token: try #require(reply.data["machine_token"]?.string), policy: policy,
                consent: try await plane.consent(of: .bob, worker: id, policy: policy))
            try await plane.fund(.alice, "1")
            let need: JSON = ["resources": ["cpu_cores": 1.5, "labels": ["fast"]], "max_price_usdt": "0.1"]
            for _ in 0..<3 { _ = try await plane.job(need) }
            let held = try await plane.claim(worker, ["limit": 10])
            #expect(held.count == 2, "four cores, one and a half each")
            #expect(
                try await plane.claim(worker, ["limit": 10, "capacity": ["cpu_cores": 64]]).isEmpty,
                "its word can't enlarge it")
            try await plane.finish(try #require(held.first))
            #expect(try await plane.claim(worker, ["limit": 10]).count == 1)
            // Ten minutes at 0.6 USDT an hour are 0.1 USDT.
            for price in [JSON.null, "0.09", "0"] {
                let dear = try await plane.job(["max_price_usdt": price, "priority": 9])
                #expect(!(try await plane.claim(worker, ["limit": 10]).map(\.job).contains(dear)), "\(price.text())")
                _ = try await plane.send("DELETE", "/jobs/\(dear)", Caller.alice.headers)
            }
        }
    }

    @Test("are matched by priority first, then by age", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            var ids: [String] = []
            for priority in [5, 0, 9, 5, 9] { ids.append(try await plane.job(["priority": JSON(priority)])) }
            var order: [String] = []
            while let held = try await plane.claim(worker).first { order.append(held.job) }
            #expect(order == [2, 4, 0, 3, 1].map { ids[$0] })
        }
    }
}
