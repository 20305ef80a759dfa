import Bytes
import Domain
import Support
import Testing
@testable import Store

@Suite("Content that nothing refers to", .timeLimit(.minutes(2)))
struct BlobCollectionTests {
    private func blob(_ text: String) -> Blob {
        Blob(hash: SHA256.hex(text), size: Int64(text.utf8.count), chunks: [Array(text.utf8)])
    }

    private func collect(_ lab: Lab) async throws {
        while try await lab.database.write({ try $0.collectBlobs(limit: 10, releasedBefore: $0.now).isMore }) {}
    }

    private func blobs(_ lab: Lab) async throws -> [String] {
        try await lab.database.read { tx in
            try tx.rows("SELECT DISTINCT hash FROM blob_chunks ORDER BY hash") { try $0.text() }
        }
    }

    @Test("goes when its last reference went, be it replaced or deleted", arguments: TestDatabase.all)
    func last(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two, shared) = (blob("one"), blob("two"), blob("shared"))
        var leases: [LabLease] = []
        for _ in 0..<2 {
            try await lab.submit()
            leases.append(try await lab.claim())
        }
        let (first, second) = (leases[0], leases[1])
        try await lab.database.write { tx in
            try tx.storeArtifact(first.key, path: "a", blob: one)
            try tx.storeArtifact(first.key, path: "b", blob: shared)
            try tx.storeArtifact(second.key, path: "b", blob: shared)
            try tx.storeArtifact(first.key, path: "a", blob: two)
        }
        try await collect(lab)
        #expect(try await blobs(lab) == [two.hash, shared.hash].sorted())
        for lease in leases { try await lab.finish(lease) }
        for (lease, left) in [(first, [shared.hash]), (second, [])] as [(LabLease, [String])] {
            try await lab.database.write { tx in
                try tx.deleteJob(lease.job, owner: Lab.alice, actor: "alice")
                _ = try tx.pruneDeletedJobs(limit: 10)
            }
            try await collect(lab)
            #expect(try await blobs(lab) == left)
        }
        let waiting = try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM released_blobs") { try $0.integer() }
        }
        #expect(waiting == 0)
        try await lab.expectBooksBalance()
    }

    @Test("stays when an upload brings it anew at that moment, whichever comes first")
    func race() async throws {
        let lab = try await Lab(.postgres)
        let content = blob("content")
        for uploadIsFirst in [true, false] {
            try await lab.database.write { tx in
                try tx.storeUpload(content, owner: Lab.alice)
                _ = try tx.deleteUploads([(Lab.alice.text, content.hash)])
                try tx.release([content.hash])
            }
            let (isAtWork, mayCommit) = (Gate(), Gate())
            let first = Task {
                try await lab.database.write { tx in
                    if uploadIsFirst {
                        try tx.storeUpload(content, owner: Lab.bob)
                    } else {
                        _ = try tx.collectBlobs(limit: 10, releasedBefore: tx.now)
                    }
                    try tx.execute("SELECT 1")
                    isAtWork.open()
                    mayCommit.wait()
                }
            }
            while !isAtWork.isOpen { try await World.live.sleep(.milliseconds(2)) }
            let second = Task {
                try await lab.database.write { tx in
                    if uploadIsFirst {
                        _ = try tx.collectBlobs(limit: 10, releasedBefore: tx.now)
                    } else {
                        try tx.storeUpload(content, owner: Lab.bob)
                    }
                }
            }
            try await World.live.sleep(.milliseconds(200))
            mayCommit.open()
            try await first.value
            try await second.value
            #expect(try await blobs(lab) == [content.hash])
            try await collect(lab)
            #expect(try await blobs(lab) == [content.hash])
            #expect(try await lab.database.read { try $0.uploads([content.hash], owner: Lab.bob)[content.hash] } == 7)
            try await lab.database.write { _ = try $0.deleteUploads([(Lab.bob.text, content.hash)]) }
        }
    }

    @Test("an upload stays while a job is given it, and goes with its time", arguments: TestDatabase.all)
    func uploads(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (used, unused) = (blob("used"), blob("unused"))
        try await lab.database.write { tx in
            for content in [used, unused] { try tx.storeUpload(content, owner: Lab.alice) }
        }
        var given = Lab.job()
        given.sources.uploads = [used.hash]
        let jobs = try await lab.submit([given])
        let day: Int64 = 86_400_000
        lab.clock.advance(milliseconds: day)
        try await lab.database.write { _ = try $0.pruneKeysAndUploads(limit: 10, olderThan: $0.now - day) }
        try await collect(lab)
        #expect(try await blobs(lab) == [used.hash])
        var late = Lab.job()
        late.sources.uploads = [unused.hash]
        let refused = late
        await #expect(throws: Refusal.self) { try await lab.submit([refused]) }
        for job in jobs {
            try await lab.cancel(job)
            try await lab.database.write { tx in
                try tx.deleteJob(job, owner: Lab.alice, actor: "alice")
                _ = try tx.pruneDeletedJobs(limit: 10)
            }
        }
        lab.clock.advance(milliseconds: day)
        try await lab.database.write { _ = try $0.pruneKeysAndUploads(limit: 10, olderThan: $0.now - day) }
        try await collect(lab)
        #expect(try await blobs(lab).isEmpty)
    }
}
