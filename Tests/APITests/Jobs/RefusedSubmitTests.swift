import API
import Bytes
import Store
import Support
import Testing

@Suite("A submission that is refused", .timeLimit(.minutes(2)))
struct RefusedSubmitTests {
    @Test("leaves nothing behind, none of the files that came with it", arguments: TestDatabase.all)
    func nothing(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let keyed = Caller.alice.with(("Idempotency-Key", "k"))
            let inputs: JSON = [["path": "in.txt", "content_base64": .string(Base64.encode(Array("first".utf8)))]]
            let accepted = try await plane.post("/jobs", keyed, ControlPlane.request(["inputs": inputs]))
            #expect(accepted.status == 201, "\(accepted.text)")
            let stored = try await plane.dependencies.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM uploads") { try $0.integer() }
            }
            #expect(stored == 1, "what comes with a job is stored with it")
            let before = try await DatabaseContents.read(plane.dependencies.database)
            let other: JSON = [["path": "in.txt", "content_base64": .string(Base64.encode(Array("second".utf8)))]]
            for (caller, more, outcome) in [
                (keyed, [:], 422), (.alice, ["max_price_usdt": "5"], 400),
                (.alice, ["depends_on": ["0190b5f0-0000-7000-8000-000000000001"]], 422),
            ] as [(Caller, JSON, Int)] {
                let members = [JSON.Member("inputs", other)] + (more.members ?? [])
                let reply = try await plane.post("/jobs", caller, ControlPlane.request(.object(members)))
                #expect(reply.status == outcome, "\(reply.text)")
                let after = try await DatabaseContents.read(plane.dependencies.database)
                // An account that was opened to look into it stays, and holds nothing.
                let differences = after.differences(from: before).filter { $0 != "ledger_accounts" }
                #expect(differences == [], "\(more.text())")
            }
        }
    }
}
