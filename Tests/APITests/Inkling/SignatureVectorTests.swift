import API
import Bytes
import Foundation
import Store
import Support
import Testing

/// Messages of 1,700,000,000 seconds after 1970, which are in the repository: good ones in every form, and what was
/// made of them. Every mutant was tried with libsodium over all documented forms when it was made: none verifies.
enum SignatureVectors {
    struct Good: Sendable {
        let name: String
        let path: String
        let body: String
        /// The text that is signed.
        let message: String
        /// What the device's key grows from.
        let seed: [UInt8]
    }

    struct Mutant: Sendable {
        let kind: String
        let body: String
    }

    static let timestamp: Int64 = 1_700_000_000

    private static func rows(_ name: String) throws -> [JSON] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/\(name).json")
        return try JSON(parsing: Array(Data(contentsOf: file))).array ?? []
    }

    static func good() throws -> [Good] {
        try rows("good").map { row in
            Good(
                name: row["name"]?.string ?? "", path: row["path"]?.string ?? "", body: row["body"]?.string ?? "",
                message: row["message"]?.string ?? "", seed: Hex.decode(row["seed"]?.string ?? "") ?? [])
        }
    }

    /// By the name of the good one that they were made of.
    static func mutants() throws -> [String: [Mutant]] {
        Dictionary(grouping: try rows("mutants")) { $0["of"]?.string ?? "" }.mapValues { rows in
            rows.map { Mutant(kind: $0["kind"]?.string ?? "", body: $0["body"]?.string ?? "") }
        }
    }

    /// A clock that stands where the vectors were signed, and goes on from there.
    static var clock: TestClock {
        let clock = TestClock()
        clock.advance(milliseconds: timestamp * 1_000 - clock.now)
        return clock
    }
}

@Suite("Inkling: the signature vectors", .timeLimit(.minutes(5)))
struct SignatureVectorTests {
    @Test("are whole: every form, and more than 200 mutants, none of them twice")
    func whole() throws {
        let good = try SignatureVectors.good()
        let mutants = try SignatureVectors.mutants()
        #expect(good.count >= 20 && Set(good.map(\.name)).count == good.count)
        #expect(Set(mutants.keys) == Set(good.map(\.name)))
        let bodies = mutants.values.flatMap { $0.map(\.body) }
        #expect(bodies.count >= 200 && Set(bodies + good.map(\.body)).count == bodies.count + good.count)
        for vector in good {
            let body = try JSON(parsing: vector.body)
            let device = InklingDevice(seed: vector.seed)
            #expect(body["public_key"]?.string == device.key, "\(vector.name)")
            #expect(body["signature"]?.string == device.sign(vector.message), "\(vector.name)")
        }
    }

    @Test("the tests' own signer makes the texts of the vectors")
    func signer() throws {
        for vector in try SignatureVectors.good() {
            let body = try JSON(parsing: vector.body)
            let device = InklingDevice(seed: vector.seed).with(hash: body["hardware_hash"]?.string ?? "")
            let payload = try #require(body["payload"])
            let form: SignedForm =
                switch vector.name.prefix(5) {
                case "third": .whole
                case "javas": .javaScript
                default: .python
                }
            #expect(device.text(payload, at: SignatureVectors.timestamp, form) == vector.message, "\(vector.name)")
        }
    }

    @Test(
        "every mutant is refused and has no effect, and the message it was made of is accepted after all of them, once",
        arguments: TestDatabase.all)
    func mutants(on database: TestDatabase) async throws {
        let (good, mutants) = (try SignatureVectors.good(), try SignatureVectors.mutants())
        try await InklingLab.run(database, clock: SignatureVectors.clock) { lab in
            let before = try await DatabaseContents.read(lab.database)
            for vector in good {
                for mutant in mutants[vector.name] ?? [] {
                    let reply = try await lab.post(vector.path, text: mutant.body)
                    #expect(
                        [400, 401].contains(reply.status),
                        "\(vector.name), \(mutant.kind): \(reply.status) \(reply.text)")
                }
                let left = try await DatabaseContents.read(lab.database).differences(from: before)
                try #require(left == [], "a mutant of \(vector.name) left something")
                #expect(try await !lab.isKnown(InklingDevice(seed: vector.seed)), "\(vector.name)")
            }
            #expect(try await lab.dreams() == [])
            for vector in good {
                let reply = try await lab.post(vector.path, text: vector.body)
                #expect(reply.status == 200, "\(vector.name): \(reply.text)")
                let again = try await lab.post(vector.path, text: vector.body)
                #expect(again.outcome == "401 REPLAYED", "\(vector.name): \(again.text)")
            }
            #expect(try await lab.dreams().count == good.count { $0.path == "/api/plant" })
        }
    }

    @Test("mutants of a message that was accepted are refused all the same", arguments: TestDatabase.all)
    func afterwards(on database: TestDatabase) async throws {
        let (good, mutants) = (try SignatureVectors.good(), try SignatureVectors.mutants())
        try await InklingLab.run(database, clock: SignatureVectors.clock) { lab in
            for vector in good { try lab.must(await lab.post(vector.path, text: vector.body)) }
            let before = try await DatabaseContents.read(lab.database)
            for vector in good {
                for mutant in mutants[vector.name] ?? [] {
                    let reply = try await lab.post(vector.path, text: mutant.body)
                    #expect([400, 401].contains(reply.status), "\(vector.name), \(mutant.kind): \(reply.text)")
                }
            }
            #expect(try await DatabaseContents.read(lab.database).differences(from: before) == [])
        }
    }

    @Test("what comes back is what was sent, to the letter", arguments: TestDatabase.all)
    func unchanged(on database: TestDatabase) async throws {
        let good = try SignatureVectors.good().filter { $0.path == "/api/plant" }
        try await InklingLab.run(database, clock: SignatureVectors.clock) { lab in
            for vector in good { try lab.must(await lab.post(vector.path, text: vector.body)) }
            let shown = try await lab.walk("/api/fish", "dreams")
            let sent = try good.map { try JSON(parsing: $0.body)["payload"] ?? .null }
            try #require(shown.count == sent.count)
            for payload in sent {
                let isThere = shown.contains { dream in
                    ["content", "mood", "face"].allSatisfy { (dream[$0] ?? .null) == (payload[$0] ?? .null) }
                }
                #expect(isThere, "\(payload.text())")
            }
        }
    }
}
