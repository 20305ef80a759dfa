import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("POST /api/oracle by a device that nobody knew", .timeLimit(.minutes(3)))
struct OracleStrangerTests {
    @Test("leaves no device when no upstream answers", arguments: TestDatabase.all)
    func nothing(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let (device, genesis) = (InklingDevice(), InklingDevice())
            try await lab.database.write { try $0.blessGenesis([InklingKey(genesis.key)]) }
            upstream.setDown(true)
            for _ in 0..<2 {
                // The genesis device is known, but not by its hardware hash.
                for one in [device, genesis] {
                    try await lab.expectRefusal("503 ORACLE_UNAVAILABLE") { try await lab.ask("Hello!", by: one) }
                }
                #expect(try await !lab.isKnown(device))
            }
            upstream.setDown(false)
            for one in [device, genesis] {
                #expect(try lab.must(await lab.ask("Hello!", by: one))["remaining_calls"] == 99)
                #expect(try await lab.isKnown(one))
            }
        }
    }

    /// What may happen to a device while its first question waits for an answer.
    private enum Event: String, CaseIterable {
        case dream, question, telegram, endorsement, birth, ban
    }

    private func happen(_ event: Event, to device: InklingDevice, in lab: InklingLab) async throws {
        let reply =
            switch event {
            case .dream: try await lab.send("/api/plant", by: device, InklingLab.dream())
            case .question: try await lab.ask("Hello!", by: device)
            case .telegram: try await lab.send("/api/telegram", by: lab.enroll(), InklingLab.telegram(to: device.key))
            case .endorsement: try await lab.endorse(device, by: lab.blessed())
            case .birth: try await lab.send("/api/lineage", by: lab.enroll(), InklingLab.birth(of: device))
            case .ban: try await lab.admin("ban", device.key)
            }
        try lab.must(reply)
    }

    @Test("keeps the device when anything else was done by it or to it meanwhile", arguments: TestDatabase.all)
    func meanwhile(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, _ in
            for event in Event.allCases {
                let device = InklingDevice()
                let call = SignedCall(
                    key: InklingKey(device.key), hardwareHash: SHA256.hex(device.hash.lowercased()),
                    signedAt: lab.clock.now, digest: SHA256.hex("\(event)"), nonce: nil, address: "192.0.2.1")
                let reservation = try await lab.database.write { tx in
                    try tx.reserveOracle(call, entry: tx.admit(call, registrations: 1_000), tokens: 100)
                }
                try await happen(event, to: device, in: lab)
                try await lab.database.write { try $0.giveBackOracle(reservation) }
                #expect(try await lab.isKnown(device), "\(event)")
            }
        }
    }

    @Test("a system prompt is asked before the messages, and counts as they do", arguments: TestDatabase.all)
    func systemPrompt(on database: TestDatabase) async throws {
        try await InklingLab.runOracle(database) { lab, upstream in
            let device = InklingDevice()
            let question = InklingLab.question("anthropic=status:500 Hello!")
            try lab.must(await lab.send("/api/oracle", by: device, question.with(["system_prompt": "Be short."])))
            try #require(upstream.calls.count == 2)
            #expect(
                upstream.calls[0].body["system"] == "Be short." && upstream.calls[0].body["messages"]?.array?.count == 1
            )
            let told = upstream.calls[1].body["messages"]?.array ?? []
            #expect(told.map { $0["role"] } == ["system", "user"] && told.first?["content"] == "Be short.")
            for none in ["", .null] as [JSON] {
                try lab.must(await lab.send("/api/oracle", by: device, question.with(["system_prompt": none])))
                #expect(upstream.calls.last?.body["messages"]?.array?.count == 1)
            }
            for wrong in [7, ["Be short."], .letters(32_760, "x")] as [JSON] {
                try await lab.expectRefusal([400], "\(wrong.text().prefix(20))") {
                    try await lab.send("/api/oracle", by: device, question.with(["system_prompt": wrong]))
                }
            }
        }
    }
}
