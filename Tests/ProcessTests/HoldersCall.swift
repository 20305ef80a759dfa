import Bytes
import Support
import Testing

/// What only a lease's holder may ask for.
enum HoldersCall: CaseIterable, Sendable {
    case extend, finish, progress, keep, read

    func callAsFunction(_ machine: FarmMachine, _ grant: FarmMachine.Grant) async throws -> FarmReply {
        switch self {
        case .extend: try await machine.extend(grant, by: 60_000)
        case .finish: try await machine.finish(grant)
        case .progress: try await machine.progress(grant, log: "still here\n")
        case .keep: try await machine.keep("out.txt", of: grant, Array("kept".utf8))
        case .read: try await machine.read("in.txt", of: grant)
        }
    }

    /// Lets a machine hold a job for each of these calls while `outage` makes its leases run out; and from the first
    /// moment after `end` on, each call must be granted as if nothing had been.
    static func expectGranted(
        _ farm: Farm, after outage: () async throws -> Void, _ end: () async throws -> Void
    ) async throws {
        let machine = try await farm.owner.machine()
        let input: JSON = ["path": "in.txt", "content_base64": .string(Base64.encode(Array("given".utf8)))]
        for call in allCases {
            _ = try await farm.owner.submitted("held for \(call)", [.init("inputs", [input])])
        }
        let grants = try await machine.claimed(allCases.count, lease: 2_500)
        try await outage()
        let over = try #require(grants.map(\.visibleUntil).max()) + 1_000
        try await eventually("the leases are over") { World.live.now() > over }
        try await end()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (call, grant) in zip(allCases, grants) {
                group.addTask {
                    let first = try await call.firstAnswer(machine, grant)
                    #expect(first.status == 200, "\(call): \(first.text)")
                    if call != .finish {
                        _ = try await machine.extend(grant, by: 60_000).expecting(200)
                        _ = try await machine.finish(grant).expecting(200)
                    }
                    let ended = try await farm.owner.job(grant.job)
                    #expect(ended["status"] == "completed" && ended["losses"] == 0 && ended["attempt"] == 1)
                }
            }
            try await group.waitForAll()
        }
    }

    /// Asks until somebody answers who can.
    private func firstAnswer(_ machine: FarmMachine, _ grant: FarmMachine.Grant) async throws -> FarmReply {
        var answer: FarmReply?
        try await eventually("somebody answers", within: .seconds(60)) {
            answer = try? await self(machine, grant)
            return answer != nil && answer?.status != 503
        }
        return try #require(answer)
    }
}
