import Bytes
import Support
import Testing

@Suite("Large files of many at once", .tags(.timed), .timeLimit(.minutes(5)))
struct SlowUploadTests {
    private static let connections = 40
    /// Of each, of 256 KiB.
    private static let pieces = 32

    @Test("are in the server's memory only a little at a time, and hold up nobody", arguments: TestDatabase.all)
    func memory(on database: TestDatabase) async throws {
        try await Farm.run(on: database) { farm in
            let server = farm.server
            let before = try server.peakMemory
            var uploads: [FarmUpload] = []
            for number in 0..<Self.connections {
                let client = server.client(of: "owner-\(number % 5)")
                uploads.append(
                    try await FarmUpload("/api/v1/artifacts", of: client, port: server.port, length: 64 << 20))
            }
            let other = server.client(of: "other")
            var slowest = Duration.zero
            for _ in 0..<Self.pieces {
                let piece = World.live.random(256 << 10)
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for upload in uploads { group.addTask { try await upload.send(piece) } }
                    let job: JSON = ["title": "t", "command": ["true"]]
                    slowest = max(slowest, try await other.post("/api/v1/jobs", job).expecting(201).took)
                    for try await wasSent in group { #expect(wasSent, "it was hung up on") }
                }
            }
            let peak = try server.peakMemory
            print("\(database): \(peak >> 20) MiB at the most, \(before >> 20) before; a submit took \(slowest)")
            // Optimised it keeps to 300 MB; built for debugging it has had 292 MB, on a busy machine more.
            #expect(peak <= 400_000_000)
            for upload in uploads { upload.hangUp() }
            try await eventually("what counted is given back") {
                try await other.get("/metrics").text.contains("hatchfarm_body_bytes 0\n")
            }
        }
    }
}
