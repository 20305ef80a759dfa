import Bytes
import Glibc
import Support
import Synchronization
import Testing

extension OneByOne {
    @Suite("A daemon behind a bad line", .timeLimit(.minutes(2)))
    struct BadLine {
        private static let bytes = 24 << 20

        @Test(
            "uploads a large output piece by piece, and what arrived once isn't sent again", arguments: TestDatabase.all
        )
        func upload(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                let proxy = try FaultProxy(to: farm.server.port)
                defer { proxy.close() }
                let line = Line(everyBytes: 7 << 20)
                proxy.apply { fromClient, bytes in fromClient ? line.judge(bytes.count) : .pass }
                var owner = farm.owner
                owner.client.url = "http://127.0.0.1:\(proxy.port)"
                let daemon = try await FarmDaemon("far away", for: owner)
                let script = "head -c \(Self.bytes) /dev/urandom > out; sha256sum out"
                let job = try await farm.owner.submitted(
                    "large", [.init("command", ["sh", "-c", .string(script)]), .init("outputs", ["out"])])
                try await eventually("it is done", within: .seconds(60)) {
                    try await farm.owner.status(of: job) == "completed"
                }
                let kept = try await farm.owner.client.get("/api/v1/jobs/\(job)/artifacts/out").expecting(200).body
                let logs = try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json["logs"]
                #expect(kept.count == Self.bytes)
                #expect(logs?.array?.first?["text"]?.string?.hasPrefix(SHA256.hex(kept)) == true)
                #expect(line.cuts >= 3)
                // Whole files would never have come through; a cut costs a piece and what lies in buffers.
                #expect(line.carried < Self.bytes + (line.cuts + 1) * (2 << 20))
                print("measured: \(line.carried) bytes sent for \(Self.bytes), \(line.cuts) cuts, \(database)")
                daemon.signal(SIGTERM)
                #expect(try await daemon.end() == .exited(0))
            }
        }
    }
}

/// A line that breaks each time it has carried so many bytes.
private final class Line: Sendable {
    private let every: Int
    private let state = Mutex((carried: 0, since: 0, cuts: 0))

    init(everyBytes: Int) {
        every = everyBytes
    }

    var carried: Int { state.withLock(\.carried) }
    var cuts: Int { state.withLock(\.cuts) }

    func judge(_ count: Int) -> FaultProxy.Verdict {
        state.withLock { state in
            state.carried += count
            state.since += count
            guard state.since >= every else { return .pass }
            state.since = 0
            state.cuts += 1
            return .cut
        }
    }
}
