import API
import Bytes
import Store
import Support
import Testing

@Suite("The oracle's limits of a day", .timeLimit(.minutes(4)))
struct OracleLimitTests {
    private static let day: Int64 = 10_000

    @Test("a hundred calls, and not one more, until the next day", arguments: TestDatabase.all)
    func calls(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            let replies = try await atOnce(60) { number in
                try await lab.askAtOnce("anthropic=ok:1:1 \(number)", by: device, tokens: 1)
            }
            var left = replies.compactMap { $0.json["remaining_calls"]?.int }
            #expect(replies.allSatisfy { $0.status == 200 }, "\(Set(replies.map(\.outcome)))")
            var number = 60
            while left.count < 110 {
                let reply = try await lab.ask("anthropic=ok:1:1 \(number)", by: device, tokens: 1)
                guard reply.status == 200 else {
                    #expect(reply.outcome == "429 RATE_LIMITED", "\(reply.text)")
                    #expect(reply["X-RateLimit-Remaining"] == "0")
                    #expect(reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)" && reply["Retry-After"] != nil)
                    break
                }
                left.append(try #require(reply.json["remaining_calls"]?.int))
                number += 1
            }
            #expect(left.sorted() == [Int64](0..<100))
            #expect(upstream.calls.count == 100)
            lab.clock.advance(by: .seconds(lab.clock.midnight - lab.now + 1))
            let next = try lab.must(await lab.ask("Good morning!", by: device))
            #expect(next["remaining_calls"] == 99)
        }
    }

    @Test("a hundred at once come to the limit exactly", arguments: TestDatabase.all)
    func callsAtOnce(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            for number in 0..<70 {
                try lab.must(await lab.ask("anthropic=ok:1:1 first \(number)", by: device, tokens: 1))
            }
            let replies = try await atOnce(60) { number in
                try await lab.askAtOnce("anthropic=ok:1:1 \(number)", by: device, tokens: 1)
            }
            #expect(replies.count { $0.status == 200 } == 30, "\(Set(replies.map(\.outcome)))")
            #expect(replies.count { $0.outcome == "429 RATE_LIMITED" } == 30)
            #expect(upstream.calls.count == 100)
        }
    }

    @Test("tokens that were reserved and not used are there again", arguments: TestDatabase.all)
    func corrected(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, _ in
            let device = InklingDevice()
            for number in 0..<10 {
                let answer = try lab.must(await lab.ask("anthropic=ok:10:10 \(number)", by: device, tokens: 4_096))
                #expect(answer["tokens_used"] == 20)
            }
            // 200 are used: what is left is left to the last one.
            let prompt = "anthropic=ok:1:1 what is left"
            let rest = Self.day - 200 - Int64(prompt.utf8.count / 4) - 1
            var open = rest
            while open > 4_096 {
                let text = "anthropic=ok:0:4096 \(open)"
                let answer = try lab.must(await lab.ask(text, by: device, tokens: 4_096))
                open -= try #require(answer["tokens_used"]?.int)
            }
            #expect(try await lab.ask(prompt, by: device, tokens: Int(open) + 1).outcome == "429 RATE_LIMITED")
            try lab.must(await lab.ask(prompt, by: device, tokens: Int(open)))
        }
    }

    @Test("tokens reach the day's limit and not beyond", arguments: TestDatabase.all)
    func tokens(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, _ in
            let (device, other) = (InklingDevice(), InklingDevice())
            var used: Int64 = 0
            for number in 0..<20 {
                let reply = try await lab.ask("anthropic=ok:2:1024 \(number)", by: device)
                guard reply.status == 200 else {
                    #expect(reply.outcome == "429 RATE_LIMITED", "\(reply.text)")
                    #expect(reply["Retry-After"] != nil && reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)")
                    break
                }
                used += try #require(reply.json["tokens_used"]?.int)
            }
            #expect((Self.day - 1_100...Self.day).contains(used), "\(used)")
            try lab.must(await lab.ask("Hello!", by: other))
            lab.clock.advance(by: .seconds(lab.clock.midnight - lab.now + 1))
            try lab.must(await lab.ask("Good morning!", by: device))
        }
    }

    @Test("calls at once can't spend the same tokens", arguments: TestDatabase.all)
    func tokensAtOnce(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            let replies = try await atOnce(60) { number in
                try await lab.askAtOnce("anthropic=wait:300 anthropic=ok:2:1024 \(number)", by: device)
            }
            let used = replies.filter { $0.status == 200 }.compactMap { $0.json["tokens_used"]?.int }.reduce(0, +)
            #expect((1...Self.day).contains(used), "\(used)")
            #expect(replies.allSatisfy { $0.status == 200 || $0.outcome == "429 RATE_LIMITED" })
            #expect(upstream.calls.count == replies.count { $0.status == 200 })
        }
    }

    @Test("counts of tokens that can't be are not believed", arguments: TestDatabase.all)
    func absurd(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, _ in
            for counts in [
                "-5:-7", "-1000000:0", "0:-1", "9223372036854775807:9223372036854775807", "1e400:1", "1e3:5",
                "\"many\":5", "null:null", "99999999999999999999999:1", "0.5:0.5", "true:false",
            ] {
                let device = InklingDevice()
                let text = "anthropic=ok:\(counts) Hello!"
                let reply = try await lab.ask(text, by: device, tokens: 100)
                let answer = try lab.must(reply)
                // What isn't told counts as what was reserved.
                let used = answer["tokens_used"]?.int ?? -1
                #expect((0...Self.day).contains(used), "\(counts): \(reply.text)")
                var sum = used
                for number in 0..<20 {
                    let next = try await lab.ask("anthropic=ok:2:1024 \(number)", by: device)
                    guard next.status == 200 else { break }
                    sum += next.json["tokens_used"]?.int ?? 0
                }
                #expect((Self.day - 1_300...Self.day).contains(sum), "\(counts): \(sum)")
            }
            let uncounted = try lab.must(await lab.ask("anthropic=uncounted", by: InklingDevice(), tokens: 100))
            #expect((100...200).contains(uncounted["tokens_used"]?.int ?? 0))
        }
    }

    @Test("a call over midnight is the day's on which it began", arguments: TestDatabase.all)
    func midnight(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, _ in
            let device = try await lab.enroll()
            let end = lab.clock.midnight
            lab.clock.advance(by: .seconds(end - lab.now - 20))
            async let late = lab.askAtOnce(
                "anthropic=wait:700 anthropic=ok:2:4000", by: device, tokens: 4_096)
            try await World.live.sleep(.milliseconds(300))
            lab.clock.advance(by: .seconds(21))
            let reply = try await late
            #expect(reply.status == 200 && reply["X-RateLimit-Reset"] == "\(end)", "\(reply.text)")
            // The new day is whole.
            for left: Int64 in [99, 98] {
                let answer = try lab.must(await lab.ask("anthropic=ok:1:1 \(left)", by: device, tokens: 4_096))
                #expect(answer["remaining_calls"]?.int == left)
            }
            let rest = try await lab.ask("anthropic=ok:1:1 all", by: device, tokens: 4_096)
            #expect(rest.status == 200, "\(rest.text)")
        }
    }
}
