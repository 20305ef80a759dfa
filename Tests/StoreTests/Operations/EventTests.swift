import Domain
import Store
import Support
import Testing

@Suite("The audit log")
struct EventTests {
    @Test("each owner's events are a chain of their own", arguments: TestDatabase.all)
    func chains(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for owner in [Lab.alice, Lab.bob, Lab.alice] { try await lab.submit(by: owner) }
        #expect(try await lab.chain(of: Lab.alice).count == 2)
        #expect(try await lab.chain(of: Lab.bob).count == 1)
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        try await lab.submit()
        #expect(try await lab.chain(of: Lab.alice).count == 3)
        try await lab.expectChain(of: Lab.alice)
        try await lab.expectBooksBalance()
    }

    @Test(
        "two sealers at once, while events come, break no chain", .timeLimit(.minutes(5)), arguments: TestDatabase.all)
    func sealers(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        let owners = (0..<4).map { OwnerID("owner-\($0)") }
        // Busy is nobody's fault: SQLite's lock is not handed out in turn, and one handle may not get it for long.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for owner in owners {
                group.addTask {
                    var left = 40
                    while left > 0 {
                        do {
                            try await lab.submit(by: owner)
                            left -= 1
                        } catch DatabaseError.busy { continue }
                    }
                }
            }
            for sealer in [lab, other, lab, other] {
                group.addTask {
                    for _ in 0..<60 {
                        do {
                            try await sealer.seal(limit: 7)
                        } catch DatabaseError.conflict, DatabaseError.busy { continue }
                    }
                }
            }
            try await group.waitForAll()
        }
        for owner in owners {
            #expect(try await lab.chain(of: owner).count == 40)
            try await lab.expectChain(of: owner)
        }
        try await lab.expectBooksBalance()
    }

    @Test("a chain that somebody changed is seen", arguments: TestDatabase.all)
    func changed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<3 { try await lab.submit() }
        try await lab.expectChain(of: Lab.alice)
        try await lab.database.write { tx in
            try tx.execute(
                """
                UPDATE recorded_events SET actor = 'mallory'
                WHERE seq = (SELECT seq FROM events WHERE owner_id = 'alice' ORDER BY seq LIMIT 1 OFFSET 1)
                """)
        }
        await #expect(throws: BooksDoNotBalance.self) { try await lab.expectChain(of: Lab.alice) }
    }

    @Test("events are read from an offset, oldest first", arguments: TestDatabase.all)
    func page(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<10 { try await lab.submit() }
        let all = try await lab.chain(of: Lab.alice)
        let page = try await lab.database.read { try $0.chainPage(of: Lab.alice, offset: 4, limit: 3) }.events()
        #expect(page.map(\.event.id) == all[4..<7].map(\.id))
        #expect(all.map(\.createdAt) == all.map(\.createdAt).sorted())
        let after = try await lab.database.read { try $0.chainPage(of: Lab.alice, offset: 10, limit: 3) }
        #expect(try after.events().isEmpty)
    }

    @Test("what is undone was never recorded", arguments: TestDatabase.all)
    func undone(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        struct Broken: Error {}
        await #expect(throws: Broken.self) {
            try await lab.database.write { tx in
                _ = try tx.registerMachine(
                    owner: Lab.alice, actor: "a", name: "o", capacity: nil, hourlyPrice: nil, tokenHash: "h")
                throw Broken()
            }
        }
        #expect(try await lab.chain(of: Lab.alice).isEmpty)
    }
}

@Suite("Artifacts")
struct ArtifactTests {
    private func blob(_ text: String) -> Blob {
        Blob(hash: "hash of \(text)", size: Int64(text.utf8.count), chunks: [Array(text.utf8), [0, 255]])
    }

    @Test("only the holder of the lease stores files, and the newest wins", arguments: TestDatabase.all)
    func fence(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let slow = try await lab.claim(by: "slow")
        let (old, new) = (blob("old"), blob("new"))
        try await lab.database.write { try $0.storeArtifact(slow.key, path: "out.txt", blob: old) }
        try await lab.pass(.seconds(90))
        let fast = try await lab.claim(by: "fast")
        await #expect(throws: Refusal.leaseLost(id)) {
            try await lab.database.write { try $0.storeArtifact(slow.key, path: "late.txt", blob: old) }
        }
        try await lab.database.write { try $0.storeArtifact(fast.key, path: "out.txt", blob: new) }
        try await lab.finish(fast)
        await #expect(throws: Refusal.jobEnded(id, .completed)) {
            try await lab.database.write { try $0.storeArtifact(fast.key, path: "out.txt", blob: old) }
        }
        let files = try await lab.database.read { try $0.artifacts(of: id) }
        #expect(files.map(\.path) == ["out.txt"])
        #expect((files.first?.hash, files.first?.fence) == ("hash of new", 2))
        let bytes = try await lab.database.read { tx in
            [try tx.blobChunk("hash of new", number: 0), try tx.blobChunk("hash of new", number: 1)]
        }
        #expect(bytes == [Array("new".utf8), [0, 255]])
    }

    @Test("a job brings forth 256 files at the most, and a file may be replaced", arguments: TestDatabase.all)
    func quota(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let key = try await lab.claim().key
        let blob = blob("x")
        try await lab.database.write { tx in
            for number in 0..<255 { try tx.storeArtifact(key, path: "\(number)", blob: blob) }
            try tx.storeArtifact(key, path: "7", blob: blob)
            try tx.storeArtifact(key, path: "255", blob: blob)
        }
        await #expect(throws: Refusal.noRoom("this is one file too many: a job may have 256")) {
            try await lab.database.write { try $0.storeArtifact(key, path: "256", blob: blob) }
        }
        try await lab.database.write { try $0.storeArtifact(key, path: "8", blob: blob) }
        #expect(try await lab.database.read { try $0.artifacts(of: key.job) }.count == 256)
    }

    @Test("what the job doesn't name has 64 MiB in all, what it names has more", arguments: TestDatabase.all)
    func unnamed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit { $0.spec = #"{"command":["true"],"outputs":["named"]}"# }
        let key = try await lab.claim().key
        func store(_ path: String, _ size: Int64) async throws {
            let blob = Blob(hash: "hash of \(path)", size: size, chunks: [[1]])
            try await lab.database.write { try $0.storeArtifact(key, path: path, blob: blob) }
        }
        try await store("named", 200 << 20)
        try await store("one", 63 << 20)
        try await store("one", 64 << 20)
        await #expect(throws: Refusal.self) { try await store("two", 1) }
        await #expect(throws: Refusal.self) {
            try await lab.database.write { tx in
                _ = try tx.storePiece(key, Piece(path: "two", coding: "identity", start: 0, total: 2, bytes: [1]))
            }
        }
        try await store("named", 300 << 20)
        try await store("one", 1 << 20)
        try await store("two", 1)
    }

    @Test("content is its uploader's to use, and stored once", arguments: TestDatabase.all)
    func uploads(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let blob = blob("input")
        try await lab.database.write { try $0.storeUpload(blob, owner: Lab.alice) }
        try await lab.database.write { try $0.storeUpload(blob, owner: Lab.alice) }
        #expect(try await lab.database.read { try $0.uploads([blob.hash], owner: Lab.alice)[blob.hash] } == 5)
        #expect(try await lab.database.read { try $0.uploads([blob.hash], owner: Lab.bob)[blob.hash] } == nil)
    }
}
