import API
import Bytes
import Store
import Support
import Testing

extension InklingLab {
    static let anthropicKey = "sk-ant-the-secret-of-the-first"
    static let openAIKey = "sk-the-secret-of-the-other"

    /// Serves with an oracle that asks both styles of an upstream, or those that are named, for four seconds each.
    static func runOracle(
        _ database: TestDatabase, asking styles: [OracleUpstream.Style] = [.anthropic, .openAI],
        body: (InklingLab, TestUpstream) async throws -> Void
    ) async throws {
        let upstream = try TestUpstream()
        var oracle = OracleSettings()
        oracle.timeoutSeconds = 4
        oracle.upstreams = styles.map { style in
            style == .anthropic
                ? OracleUpstream(.anthropic, key: anthropicKey, base: upstream.url, model: "model-1")
                : OracleUpstream(.openAI, key: openAIKey, base: "\(upstream.url)/v1", model: "model-2")
        }
        try await run(database, .set(\.oracle, oracle)) { lab in try await body(lab, upstream) }
    }

    static func question(_ text: String, tokens: Int = 1_024) -> JSON {
        ["messages": [["role": "user", "content": .string(text)]], "max_tokens": JSON(tokens)]
    }

    func ask(_ text: String, by device: InklingDevice, tokens: Int = 1_024) async throws -> PlaneReply {
        try await send("/api/oracle", by: device, Self.question(text, tokens: tokens))
    }

    /// As `ask`, for many at once.
    func askAtOnce(_ text: String, by device: InklingDevice, tokens: Int = 1_024) async throws -> FarmReply {
        try await client.post("/api/oracle", message(by: device, Self.question(text, tokens: tokens)))
    }
}

@Suite("POST /api/oracle and its upstreams", .timeLimit(.minutes(4)))
struct OracleUpstreamTests {
    @Test("answers by the first upstream, in its style", arguments: TestDatabase.all)
    func first(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            let payload: JSON = [
                "messages": [
                    ["role": "system", "content": "Be short."], ["role": "user", "content": "Hello (◉‿◉)!"],
                    ["role": "assistant", "content": "Hi."], ["role": "user", "content": "How are you?"],
                ]
            ]
            let reply = try await lab.send("/api/oracle", by: device, payload)
            let answer = try lab.must(reply)
            #expect(answer.keys == ["success", "response", "tokens_used", "remaining_calls"])
            #expect(answer["response"] == "the anthropic answer" && answer["tokens_used"] == 12)
            #expect(answer["remaining_calls"] == 99 && reply["X-RateLimit-Remaining"] == "99")
            #expect(reply["X-RateLimit-Reset"] == "\(lab.clock.midnight)" && reply["X-RateLimit-Limit"] == "100")
            try #require(upstream.calls.count == 1)
            let call = upstream.calls[0]
            #expect(call.style == "anthropic" && call.head.hasPrefix("post /v1/messages "))
            #expect(call.head.contains("x-api-key: \(InklingLab.anthropicKey)"))
            #expect(call.head.contains("anthropic-version: ") && !call.head.contains("authorization"))
            #expect(call.body["model"] == "model-1" && call.body["max_tokens"] == 1_024)
            #expect(call.body["system"] == "Be short." && call.body["stream"] != true)
            #expect(
                call.body["messages"]?.array?.map { $0["content"] } == ["Hello (◉‿◉)!", "Hi.", "How are you?"])
            for secret in [device.key, device.hash] { #expect(!call.body.text().contains(secret)) }
        }
    }

    @Test("answers by the other alone, when that is configured", arguments: TestDatabase.all)
    func other(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database, asking: [.openAI]) { lab, upstream in
            let answer = try lab.must(await lab.ask("openai=ok:30:12 Hello!", by: InklingDevice(), tokens: 77))
            #expect(answer["response"] == "the openai answer" && answer["tokens_used"] == 42)
            try #require(upstream.calls.count == 1)
            let call = upstream.calls[0]
            #expect(call.style == "openai" && call.head.hasPrefix("post /v1/chat/completions "))
            #expect(call.head.contains("authorization: bearer \(InklingLab.openAIKey)"))
            #expect(call.body["model"] == "model-2" && call.body["max_tokens"] == 77)
        }
    }

    @Test(
        "asks the other when the first fails, however it fails",
        arguments: [
            "status:500", "status:429", "status:401", "status:404", "status:204", "redirect", "cut", "half", "stream",
            "nonsense", "garbage", "empty", "silent", "types", "deep", "head", "large", "hang", "drip",
        ])
    func fallback(from fault: String) async throws {
        try await InklingLab.runOracle(.sqlite) { lab, upstream in
            let device = InklingDevice()
            let start = World.live.monotonic()
            let reply = try await lab.ask("anthropic=\(fault) Hello!", by: device)
            let answer = try lab.must(reply)
            // A stream may be put together; no part of an answer is one.
            let answers: Set<String> =
                fault == "stream" ? ["the openai answer", "the anthropic stream"] : ["the openai answer"]
            #expect(answers.contains(answer["response"]?.string ?? ""), "\(reply.text)")
            #expect(answer["remaining_calls"] == 99)
            #expect(World.live.monotonic() - start < 12_000)
            // What was not wanted wasn't read: the rest is what the kernel holds.
            #expect(upstream.largeBytes < 32 << 20, "\(upstream.largeBytes)")
            #expect(upstream.calls.count { $0.style == "anthropic" } == 1)
        }
    }

    @Test("is 503 when both fail, however they fail; no call is counted and no token", arguments: TestDatabase.all)
    func bothFail(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = try await lab.enroll()
            let faults = ["status:500", "cut", "half", "nonsense", "empty", "hang", "redirect"]
            let replies = try await atOnce(faults.count) { number in
                let fault = faults[number]
                return try await lab.askAtOnce("anthropic=\(fault) openai=\(fault)", by: device)
            }
            for (fault, reply) in zip(faults, replies) {
                #expect(reply.outcome == "503 ORACLE_UNAVAILABLE", "\(fault): \(reply.text)")
                #expect(reply["Retry-After"] != nil && reply.json.keys == ["error", "code"], "\(fault)")
                for secret in [InklingLab.anthropicKey, InklingLab.openAIKey, "127.0.0.1"] {
                    #expect(!reply.text.contains(secret), "\(fault): \(reply.text)")
                }
            }
            // More than half of the day's tokens, twice: nothing is reserved any more.
            for left: Int64 in [99, 98] {
                let answer = try lab.must(await lab.ask("Hello \(left)!", by: device, tokens: 4_096))
                #expect(answer["remaining_calls"]?.int == left)
            }
        }
    }

    @Test("a call that came to nothing may be repeated: message and nonce are unspent", arguments: TestDatabase.all)
    func again(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            let nonce = try await lab.nonce()
            for message in [
                lab.message(by: device, InklingLab.question("One")),
                lab.message(by: device, InklingLab.question("Two"), .whole, nonce: nonce),
            ] {
                upstream.setDown(true)
                for _ in 0..<2 {
                    let reply = try await lab.post("/api/oracle", message)
                    #expect(reply.outcome == "503 ORACLE_UNAVAILABLE", "\(reply.text)")
                }
                upstream.setDown(false)
                try lab.must(await lab.post("/api/oracle", message))
                #expect(try await lab.post("/api/oracle", message).status == 401)
            }
        }
    }

    @Test("what is refused never reaches an upstream", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let (device, banned) = (try await lab.enroll(), try await lab.enroll())
            try lab.must(await lab.admin("ban", banned.key))
            let payload = InklingLab.question("Hello!")
            let good = lab.message(by: device, payload)
            try lab.must(await lab.post("/api/oracle", good))
            for (outcome, message) in [
                ("401 REPLAYED", good), ("401 INVALID_SIGNATURE", good.forged),
                ("401 SIGNATURE_EXPIRED", lab.message(by: device, payload, in: -400)),
                ("401 INVALID_NONCE", lab.message(by: device, payload, .whole, nonce: SHA256.hex("made up"))),
                ("403 DEVICE_BANNED", lab.message(by: banned, payload)),
                ("400 MISSING_FIELDS", lab.message(by: device, [:])),
            ] {
                try await lab.expectRefusal(outcome) { try await lab.post("/api/oracle", message) }
            }
            #expect(upstream.calls.count == 1)
        }
    }

    @Test("one message fifty times at once is one call", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let message = lab.message(by: InklingDevice(), InklingLab.question("anthropic=wait:200 Hello!"))
            let replies = try await atOnce(50) { _ in try await lab.client.post("/api/oracle", message) }
            #expect(replies.count { $0.status == 200 } == 1, "\(Set(replies.map(\.outcome)))")
            #expect(replies.allSatisfy { $0.status == 200 || $0.outcome == "401 REPLAYED" })
            #expect(upstream.calls.count == 1)
        }
    }
}

@Suite("Upstreams that hang", .timeLimit(.minutes(1)), .tags(.timed))
struct OracleHangTests {
    @Test("keep nobody else waiting")
    func hanging() async throws {
        try await InklingLab.runOracle(.sqlite) { lab, _ in
            async let hanging = atOnce(30) { number in
                try await lab.askAtOnce("anthropic=hang openai=hang \(number)", by: InklingDevice())
            }
            try await World.live.sleep(.milliseconds(300))
            let start = World.live.monotonic()
            for number in 0..<20 {
                try lab.must(await lab.send("/api/plant", by: InklingDevice(), InklingLab.dream("\(number)")))
            }
            #expect(World.live.monotonic() - start < 1_500)
            #expect(try await hanging.allSatisfy { $0.outcome == "503 ORACLE_UNAVAILABLE" })
        }
    }
}
