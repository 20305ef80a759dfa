import Bytes
import Domain
import Testing
@testable import Runtime

@Suite("What a worker sends")
struct UploadTests {
    private func upload(_ bytes: [UInt8]) async -> Upload {
        await Upload(bytes, to: "a", of: JobID("j"), claimToken: "t")
    }

    @Test("is packed where that saves something, and not so tightly that the server takes it for a bomb")
    func packed() async throws {
        let text = Array(String(repeating: "the quick brown fox ", count: 20_000).utf8)
        let zeros = [UInt8](repeating: 0, count: 3 << 20)
        for (bytes, isCompressed) in [
            (text, true), (Array(zeros.prefix(1 << 20)), true), (zeros, false), (World.live.random(100_000), false),
            (zeros + World.live.random(50_000), true), ([], false),
        ] as [([UInt8], Bool)] {
            let upload = await upload(bytes)
            #expect(upload.isCompressed == isCompressed, "\(bytes.count)")
            #expect(upload.sha256 == SHA256.hex(bytes))
            let content =
                upload.isCompressed ? try Zstd.decompress(upload.body, limit: bytes.count) : upload.body
            #expect(content == bytes)
        }
    }
}
