import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("What can't be settled keeps nothing else", .timeLimit(.minutes(2)))
struct UnsettleableTests {
    @Test("of tasks that are overdue", arguments: TestDatabase.all)
    func tasks(on database: TestDatabase) async throws {
        try await BeeHackLab.run(database) { lab in
            let (maya, noor) = try await lab.join("maya", "noor")
            var ids: [String] = []
            for bee in [noor, maya, maya] {
                ids.append(try await lab.post(by: bee, ["escrow": true, "deadline": lab.instant(in: 60)]))
            }
            let owner = noor.owner.text
            let database = lab.plane.dependencies.database
            try await database.write { tx in
                try tx.execute(
                    "UPDATE ledger_accounts SET balance = 0 WHERE kind = 'held' AND owner_id = \(owner)")
            }
            lab.plane.clock.advance(by: .seconds(61))
            let sweeper = BountySweeper(database)
            for _ in 0..<2 { _ = try await sweeper.round() }
            var stages: [String] = []
            for id in ids { stages.append(try await lab.stage(id)) }
            #expect(stages == ["open", "cancelled", "cancelled"])
            try await database.write { tx in
                try tx.execute(
                    "UPDATE ledger_accounts SET balance = 25 WHERE kind = 'held' AND owner_id = \(owner)")
            }
        }
    }

    @Test("of sessions that are over", arguments: TestDatabase.all)
    func sessions(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            var commands: [String] = []
            for name in ["edge-1", "edge-2", "edge-3"] {
                let device = try await lab.enroll(name)
                let session = try await lab.session("remediation", on: device)
                commands.append(try await lab.command(for: device, ["sessionId": .string(session)]))
            }
            let broken = commands[1]
            let store = lab.plane.dependencies.database
            try await store.write { tx in
                try tx.execute(
                    """
                    INSERT INTO ended_jobs (id, owner_id, state, attempt, failures, losses, fence, ended_at)
                    VALUES (\(broken), 'x', 'cancelled', 0, 0, 0, 0, 0)
                    """)
            }
            lab.plane.clock.advance(by: .seconds(3_601))
            let sweeper = DeviceSweeper(store)
            for _ in 0..<3 { _ = try await sweeper.round() }
            let left = try await store.read { tx in
                try tx.rows("SELECT id FROM live_jobs WHERE state = 'blocked'") { try $0.text() }
            }
            #expect(left == [broken])
        }
    }
}
