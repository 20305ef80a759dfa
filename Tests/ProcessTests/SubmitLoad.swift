import Bytes
import Support
import Synchronization
import Testing

/// Submits from many connections at once, each job under a key and a title of its own, and keeps what was answered.
final class SubmitLoad: Sendable {
    struct Try: Sendable {
        let name: String
        let start: ContinuousClock.Instant
        let end: ContinuousClock.Instant
        /// nil: nobody knows whether it happened.
        let reply: FarmReply?

        var status: Int? { reply?.status }
        var id: String? { status == 201 ? reply?.json["id"]?.string : nil }
    }

    private struct State {
        var begun = 0
        var tries: [Try] = []
        var isOver = false
    }

    private let owner: FarmOwner
    private let limit: Int
    private let state = Mutex(State())
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// Begins at once; ends after `limit` submits or when it is stopped.
    init(_ owner: FarmOwner, connections: Int, limit: Int = .max) {
        self.owner = owner
        self.limit = limit
        let task = Task {
            await withDiscardingTaskGroup { group in
                for _ in 0..<connections { group.addTask { await self.submit() } }
            }
        }
        running.withLock { $0 = task }
    }

    var tries: [Try] { state.withLock { $0.tries } }
    var acknowledged: Int { state.withLock { $0.tries.count { $0.status == 201 } } }

    /// Returns when the last answer is there.
    func stop() async -> [Try] {
        state.withLock { $0.isOver = true }
        return await end()
    }

    /// Returns when all submits are through.
    func end() async -> [Try] {
        await running.withLock { $0 }?.value
        return tries
    }

    private func submit() async {
        while let number = next() {
            let name = "job-\(number)"
            let start = ContinuousClock.now
            let reply = try? await owner.submit(name, key: name)
            let one = Try(name: name, start: start, end: ContinuousClock.now, reply: reply)
            state.withLock { $0.tries.append(one) }
            // Who is refused comes back a little later.
            if one.status != 201 { try? await World.live.sleep(.milliseconds(5)) }
        }
    }

    private func next() -> Int? {
        state.withLock { state in
            guard !state.isOver, state.begun < limit else { return nil }
            state.begun += 1
            return state.begun
        }
    }
}

extension SubmitLoad {
    /// Nothing acknowledged is lost, nothing is there that nobody asked for; and when all that was not acknowledged is
    /// submitted again under its key, everything is there exactly once.
    static func expectAllOnce(_ tries: [Try], of owner: FarmOwner) async throws {
        let before = try await titles(of: owner)
        for one in tries {
            if let id = one.id { #expect(before[one.name] == [id], "\(one.name) was acknowledged") }
        }
        #expect(Set(before.keys).isSubset(of: Set(tries.map(\.name))), "there is a job that nobody submitted")
        for one in tries {
            let again = try await owner.submit(one.name, key: one.name).expecting(201)
            if let id = one.id { #expect(again.json["id"]?.string == id, "the same key, the same answer") }
        }
        let after = try await titles(of: owner)
        #expect(after.count == tries.count)
        #expect(after.values.allSatisfy { $0.count == 1 })
    }

    private static func titles(of owner: FarmOwner) async throws -> [String: [String]] {
        let jobs = try await owner.jobs()
        return Dictionary(grouping: jobs) { $0["name"]?.string ?? "" }
            .mapValues { $0.compactMap { $0["id"]?.string } }
    }
}
