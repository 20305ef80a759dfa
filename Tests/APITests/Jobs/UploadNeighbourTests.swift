import API
import Bytes
import Domain
import Store
import Support
import Synchronization
import Testing

/// Large files of one tenant, and what others notice of them.
@Suite("Beside large uploads", .timeLimit(.minutes(3)))
struct UploadNeighbourTests {
    private final class Flag: Sendable {
        private let state = Atomic(false)

        var isRaised: Bool { state.load(ordering: .relaxed) }
        func raise() { state.store(true, ordering: .relaxed) }
    }

    /// A call of another tenant, and how long it took.
    private func timed(
        _ times: inout [Int64], _ call: () async throws -> PlaneReply
    ) async throws -> PlaneReply {
        let start = World.live.monotonic()
        let reply = try await call()
        times.append(World.live.monotonic() - start)
        #expect(reply.status < 300, "\(reply.text)")
        return reply
    }

    /// Submit, claim, extend and result, one after the other.
    private func work(_ plane: ControlPlane, _ worker: Worker, _ times: inout [Int64]) async throws {
        let reply = try await timed(&times) {
            try await plane.post("/jobs", .bob, ControlPlane.request(["queue": "bobs"]))
        }
        let id = try #require(reply.json["id"]?.string)
        let claimed = try await timed(&times) {
            try await plane.call(worker, "jobs/claim", ["limit": 1, "queues": ["bobs"]])
        }
        let grant = try #require(claimed.data["jobs"]?.array?.first)
        let held = Held(worker: worker, grant: grant)
        #expect(held.job == id)
        _ = try await timed(&times) { try await plane.report(held, "extend", ["extension_ms": 60_000]) }
        _ = try await timed(&times) { try await plane.report(held, "result", ControlPlane.success) }
    }

    @Test(
        "submit, claim, extend and result of others take their usual time", .tags(.timed), arguments: TestDatabase.all)
    func others(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let alices = try await plane.worker()
            let held = try await plane.held(by: alices, ["outputs": ["large-0", "large-1"]])
            let bobs = try await plane.worker(of: .bob)
            let bytes = World.live.random(64 << 20)
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2 {
                    group.addTask {
                        defer { isOver.raise() }
                        // The byte makes it content of its own.
                        let reply = try await plane.keep(
                            held, "large-\(number)", [UInt8(number)] + bytes.dropFirst())
                        #expect(reply.status == 200, "\(reply.text)")
                    }
                }
                // Its own lease can be extended meanwhile.
                group.addTask {
                    while !isOver.isRaised {
                        let reply = try await plane.report(held, "extend", ["extension_ms": 60_000])
                        #expect(reply.status == 200, "\(reply.text)")
                    }
                }
                var times: [Int64] = []
                while !isOver.isRaised { try await work(plane, bobs, &times) }
                try await group.waitForAll()
                times.sort()
                let late = times[times.count - 1 - times.count / 100]
                print("\(database): \(times.count) calls beside uploads: p99 \(late) ms, at most \(times.last ?? 0) ms")
                #expect(late < 250)
            }
            let left = try await plane.dependencies.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM staged_contents") { try $0.integer() }
            }
            #expect(left == 0)
        }
    }

    @Test("one that is refused leaves nothing behind", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let held = try await plane.held(by: try await plane.worker())
            let bytes = World.live.random(3 << 20)
            let wrong = String(repeating: "0", count: 64)
            let reply = try await plane.keep(held, "large", bytes, [("X-Content-SHA256", wrong)])
            #expect(reply.outcome == "400 wrong_digest")
            func rows(_ table: StaticString) async throws -> Int64? {
                try await plane.dependencies.database.read { tx in
                    try tx.first("SELECT COUNT(*) FROM \(raw: table)") { try $0.integer() }
                }
            }
            for table in ["blobs", "blob_chunks", "staged_contents"] as [StaticString] {
                #expect(try await rows(table) == 0, "\(table)")
            }
            for path in ["one", "two"] {
                #expect(try await plane.keep(held, path, bytes).status == 200)
                let back = try await plane.get("/jobs/\(held.job)/artifacts/\(path)", .alice)
                #expect(back.body == bytes)
            }
            #expect(try await rows("blobs") == 1)
            #expect(try await rows("staged_contents") == 0)
            #expect(try await rows("blob_chunks") ?? 0 >= 12)
        }
    }
}
