import API
import Bytes
import HTTPTypes

/// A language model on a port of its own, in Anthropic's style, that always says the same.
enum TourOracle {
    static func run(_ body: (OracleSettings) async throws -> Void) async throws {
        let answer = Route(
            .post, "/v1/messages", "answerTour", "Answers.", rawBody: true, answers: [.ok(.anything)], metering: .free
        ) { (call: Call, _: PublicContext) async throws -> Reply in
            _ = try await call.bytes(upTo: 100_000)
            return .json(
                .ok,
                ["content": [["type": "text", "text": "Hello!"]], "usage": ["input_tokens": 3, "output_tokens": 4]])
        }
        let system = APISystem(
            name: "Upstream", envelope: .bare(failure: .located("UpstreamError")), bases: [""], routes: [answer])
        try await TestServer.run(systems: [system]) { server async throws in
            var settings = OracleSettings()
            settings.upstreams = [OracleUpstream(.anthropic, key: "tour", base: server.url, model: "tour")]
            try await body(settings)
        }
    }
}
