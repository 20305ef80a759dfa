import Domain
import Store
import Support
import Testing

@Suite("Content that is written while it comes")
struct StagedContentTests {
    private func count(_ lab: Lab, _ table: StaticString) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM \(raw: table)") { try $0.integer() }
        }
    }

    private func stage(_ lab: Lab, _ id: String, _ chunks: [[UInt8]]) async throws -> Blob.Staged {
        var staged = Blob.Staged(id: id)
        for chunk in chunks {
            let before = staged
            try await lab.database.write { try $0.stage([chunk], of: before) }
            staged.count += 1
            staged.bytes += Int64(chunk.count)
        }
        return staged
    }

    @Test("is a file once its lease is found to hold, and is stored once", arguments: TestDatabase.all)
    func stored(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        for id in ["one", "two"] {
            let staged = try await stage(lab, id, [[1, 2], [3], [4, 5]])
            let blob = Blob(hash: "hash", size: 5, chunks: [], staged: staged)
            try await lab.database.write { try $0.storeArtifact(lease.key, path: id, blob: blob) }
            try await lab.database.write { try $0.discardStaged(id) }
        }
        let chunks = try await lab.database.read { tx in try (0..<4).map { try tx.blobChunk("hash", number: $0) } }
        #expect(chunks == [[1, 2], [3], [4, 5], nil])
        #expect(try await count(lab, "blob_chunks") == 3)
        #expect(try await count(lab, "staged_contents") == 0)
        #expect(try await lab.database.read { try $0.artifacts(of: lease.job).map(\.hash) } == ["hash", "hash"])
    }

    @Test("leaves nothing when the lease is over by then", arguments: TestDatabase.all)
    func lost(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim(for: .seconds(10))
        let staged = try await stage(lab, "late", [[1], [2]])
        try await lab.pass(.seconds(20))
        let blob = Blob(hash: "hash", size: 2, chunks: [], staged: staged)
        await #expect(throws: Refusal.leaseLost(lease.job)) {
            try await lab.database.write { try $0.storeArtifact(lease.key, path: "a", blob: blob) }
        }
        try await lab.database.write { try $0.discardStaged("late") }
        for table in ["blobs", "blob_chunks", "staged_contents"] as [StaticString] {
            #expect(try await count(lab, table) == 0, "\(table)")
        }
    }

    @Test("is pruned when nobody goes on with it, and is no file any more", arguments: TestDatabase.all)
    func pruned(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        let staged = try await stage(lab, "old", [[1]])
        lab.clock.advance(by: .seconds(10))
        let young = try await stage(lab, "young", [[2]])
        lab.clock.advance(by: .seconds(10))
        let gone = try await lab.database.write { try $0.pruneStaged(limit: 10, olderThan: $0.now - 15_000) }
        #expect(gone == 1)
        #expect(try await count(lab, "blob_chunks") == 1)
        let blob = Blob(hash: "hash", size: 1, chunks: [], staged: staged)
        await #expect(throws: DatabaseError.self) {
            try await lab.database.write { try $0.storeArtifact(lease.key, path: "a", blob: blob) }
        }
        await #expect(throws: DatabaseError.self) { try await lab.database.write { try $0.stage([[3]], of: staged) } }
        #expect(try await count(lab, "blobs") == 0)
        let other = Blob(hash: "other", size: 1, chunks: [], staged: young)
        try await lab.database.write { try $0.storeArtifact(lease.key, path: "a", blob: other) }
        #expect(try await lab.database.read { try $0.blobChunk("other", number: 0) } == [2])
    }
}
