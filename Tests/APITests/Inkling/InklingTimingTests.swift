import API
import Bytes
import Store
import Support
import Testing

/// Two samples of durations, and how well one can be told from the other by them alone.
struct TimeBias {
    /// The probability that one of the first takes longer than one of the second, ties counted half (the Mann-Whitney
    /// statistic, over the product of the sizes): 0.5 when the two can't be told apart.
    let probability: Double
    /// How far from 0.5 that may be by chance: its standard deviation if both are alike.
    let deviation: Double

    init(_ first: [Double], _ second: [Double]) {
        let all = (first.map { ($0, true) } + second.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var (sum, start) = (0.0, 0)
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            let rank = Double(start + end + 1) / 2
            sum += rank * Double(all[start..<end].count { $0.1 })
            start = end
        }
        let (m, n) = (Double(first.count), Double(second.count))
        probability = (sum - m * (m + 1) / 2) / (m * n)
        deviation = ((m + n + 1) / (12 * m * n)).squareRoot()
    }

    /// Whether chance explains it: within 4.5 deviations, beyond which alike samples are once in 150,000 times.
    var isChance: Bool { abs(probability - 0.5) < 4.5 * deviation }
}

/// The bound: of N interleaved calls of each kind, the probability that one of the first kind takes longer than one of
/// the second lies within 0.5 ± 4.5 √((2N + 1) / 12N²). With N = 500 that is 0.5 ± 0.082, which a shift by a third of
/// the spread exceeds; with N = 60, for logins, 0.5 ± 0.238.
@Suite("Time tells nobody who is known", .serialized, .timeLimit(.minutes(5)), .tags(.timed))
struct InklingTimingTests {
    /// Calls both by turns, in an order that changes, and times them in microseconds.
    private func bias(
        _ count: Int, _ first: (Int) async throws -> Void, _ second: (Int) async throws -> Void
    ) async throws -> TimeBias {
        var times: ([Double], [Double]) = ([], [])
        let clock = ContinuousClock()
        func took(_ body: () async throws -> Void) async throws -> Double {
            let start = clock.now
            try await body()
            return (clock.now - start) / Duration.microseconds(1)
        }
        // What is slow because it is the first of its kind isn't measured.
        for number in -10..<0 {
            try await first(number)
            try await second(number)
        }
        let order = World.live.random(count)
        for number in 0..<count {
            if order[number] & 1 == 0 {
                times.0.append(try await took { try await first(number) })
                times.1.append(try await took { try await second(number) })
            } else {
                times.1.append(try await took { try await second(number) })
                times.0.append(try await took { try await first(number) })
            }
        }
        return TimeBias(times.0, times.1)
    }

    @Test("the measure finds a shift by a third of the spread, and none where there is none")
    func measure() {
        // Spread evenly over 0 to 1: its standard deviation is 0.29.
        let even = (0..<500).map { Double($0 * 317 % 500) / 500 }
        let other = (0..<500).map { (Double($0 * 191 % 500) + 0.5) / 500 }
        #expect(TimeBias(even, other).isChance && TimeBias(other, even).isChance)
        #expect(abs(TimeBias(even, even).probability - 0.5) < 1e-9)
        #expect(!TimeBias(even.map { $0 + 0.1 }, other).isChance)
        #expect(!TimeBias(even, other.map { $0 + 0.1 }).isChance)
        #expect(TimeBias([2, 2, 3], [1, 1, 1]).probability == 1)
    }

    @Test("a forged call of a known device takes as long as one of an unknown", arguments: TestDatabase.all)
    func devices(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let known = try await lab.enroll()
            try lab.must(await lab.send("/api/plant", by: known, InklingLab.dream()))
            func forge(_ device: InklingDevice, _ number: Int) async throws {
                let message = lab.message(by: device, InklingLab.dream("number \(number)")).forged
                let reply = try await lab.client.post("/api/plant", message)
                #expect(reply.status == 401)
            }
            let unknown = InklingDevice()
            let bias = try await bias(500, { try await forge(known, $0) }, { try await forge(unknown, $0) })
            #expect(bias.isChance, "\(bias)")
        }
    }

    @Test("a forged call of a banned device takes as long as one of an unknown", arguments: TestDatabase.all)
    func banned(on database: TestDatabase) async throws {
        try await InklingLab.run(database) { lab in
            let (banned, unknown) = (try await lab.enroll(), InklingDevice())
            try lab.must(await lab.admin("ban", banned.key))
            func forge(_ device: InklingDevice, _ number: Int) async throws {
                let message = lab.message(by: device, ["limit": JSON(1 + abs(number) % 50)]).forged
                #expect(try await lab.client.post("/api/fish", message).status == 401)
            }
            let bias = try await bias(500, { try await forge(banned, $0) }, { try await forge(unknown, $0) })
            #expect(bias.isChance, "\(bias)")
        }
    }

    @Test("a failed login of a known name takes as long as one of an unknown", arguments: TestDatabase.all)
    func logins(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, .set(\.loginQuota, Quota(limit: 100_000, seconds: 900))) { plane in
            try await plane.user("ann")
            let client = FarmClient("http://127.0.0.1:\(plane.port)")
            func login(_ name: String, _ number: Int) async throws {
                let body: JSON = ["username": .string(name), "password": .string("wrong \(number)")]
                #expect(try await client.post("/auth/login", body).status == 401)
            }
            let bias = try await bias(60, { try await login("ann", $0) }, { try await login("eve", $0) })
            #expect(bias.isChance, "\(bias)")
        }
    }
}
