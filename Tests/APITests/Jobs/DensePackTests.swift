import API
import Bytes
import Support
import Testing

@Suite("Bodies that unpack to very much", .timeLimit(.minutes(2)), .tags(.timed))
struct DensePackTests {
    /// Some hundred times as large unpacked as packed, which is within the ratio.
    private static let dense: [UInt8] = {
        let line = Array(String(repeating: "0123456789abcdef", count: 512).utf8)
        var content: [UInt8] = []
        while content.count < 48 << 20 { content += line + World.live.random(64) }
        return content
    }()

    @Test("keep nobody else waiting: they are unpacked, hashed and packed away from the event loops")
    func others() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let packed = try Zstd.compress(Self.dense)
            #expect(Zstd.allows(Self.dense.count, from: packed.count))
            let bomb = try Zstd.compress([UInt8](repeating: 0, count: 64 << 20))
            let headers = Caller.alice.headers + [("Content-Encoding", "zstd")]
            let uploads = Task {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for body in [packed, packed, packed, bomb, bomb, bomb] {
                        group.addTask { try await plane.send("POST", "/artifacts", headers, bytes: body).status }
                    }
                    return try await group.reduce(into: [Int]()) { $0.append($1) }.sorted()
                }
            }
            var worst = Duration.zero
            for _ in 0..<60 {
                let start = ContinuousClock.now
                #expect(try await plane.send("GET", "/health", base: "").status == 200)
                worst = max(worst, ContinuousClock.now - start)
                try await World.live.sleep(.milliseconds(20))
            }
            #expect(worst < .milliseconds(250))
            #expect(try await uploads.value == [201, 201, 201, 413, 413, 413])
        }
    }
}
