import API
import Bytes
import Domain
import Support
import Testing

@Suite("Heartbeats", .timeLimit(.minutes(2)))
struct ControlPlaneHeartbeatTests {
    @Test("a good heartbeat is accepted and told the time and what to do", arguments: TestDatabase.all)
    func accepted(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let reply = try await plane.send(plane.beat(worker))
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply.data["worker_id"]?.string == worker.id)
            #expect(reply.data["accepted"] == true)
            #expect(reply.data["next_heartbeat_ms"] == 30_000)
            #expect(reply.data["cancelled"] == [] && reply.data["pending_jobs"] == 0)
            let time = try #require(reply.data["server_time"]?.string.flatMap(RFC3339.parse))
            #expect(abs(time - plane.clock.now) < 10_000)

            for title in ["a", "b"] {
                let job = try await plane.post("/jobs", .alice, ["title": .string(title), "command": "true"])
                #expect(job.status == 201, "\(job.text)")
            }
            #expect(try await plane.post("/jobs", .alice, ["title": "by hand"]).status == 201)
            #expect(try await plane.send(plane.beat(worker)).data["pending_jobs"] == 2)

            // Under the alias, without metrics, with an offset in the timestamp.
            var beat = plane.beat(worker)
            beat.missing = ["metrics"]
            beat.timestamp = beat.timestamp.replacing("Z", with: "+00:00")
            let aliased = try await plane.send(
                "POST", "/workers/\(worker.id)/heartbeat", beat.headers, bytes: beat.body.bytes(), base: "/v1")
            #expect(aliased.status == 200, "\(aliased.text)")
        }
    }

    /// What may be wrong, in the order in which it is told.
    enum Fault: Int, CaseIterable {
        case missingField, missingHeader, badTimestamp, skew, unknownWorker, wrongToken, badSignature, noConsent, nonce

        var rank: Int {
            switch self {
            case .missingField, .missingHeader: 0
            case .badTimestamp: 1
            case .skew: 2
            case .unknownWorker, .wrongToken, .badSignature: 3
            case .noConsent: 4
            case .nonce: 5
            }
        }

        var outcome: String {
            switch self {
            case .missingField: "400 missing_field"
            case .missingHeader: "400 missing_header"
            case .badTimestamp: "400 invalid_field"
            case .skew: "401 clock_skew"
            case .unknownWorker, .wrongToken, .badSignature: "401 invalid_heartbeat_auth"
            case .noConsent: "403 no_consent"
            case .nonce: "401 nonce_seen"
            }
        }

        func spoil(_ beat: inout Beat, seen nonce: String) {
            switch self {
            case .missingField: beat.missing = ["nonce"]
            case .missingHeader: beat.token = nil
            case .badTimestamp: beat.timestamp = "yesterday"
            case .skew: beat.timestamp = RFC3339.format((RFC3339.parse(beat.timestamp) ?? 0) - 120_000)
            case .unknownWorker: beat.worker = "wrk_0000000000000000"
            case .wrongToken: beat.token = String(repeating: "0", count: 48)
            case .badSignature: beat.signature = Base64.encode(Array(repeating: 7, count: 32))
            case .noConsent: beat.policy = "pol_0000000000000000"
            case .nonce: beat.nonce = nonce
            }
        }
    }

    @Test("of any two faults the earlier in the contract's order is told", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let seen = plane.beat(worker)
            #expect(try await plane.send(seen).status == 200)
            for first in Fault.allCases {
                for second in Fault.allCases where second.rank > first.rank || second == first {
                    var beat = plane.beat(worker)
                    // The one that leaves less of the heartbeat comes last.
                    second.spoil(&beat, seen: seen.nonce)
                    first.spoil(&beat, seen: seen.nonce)
                    let reply = try await plane.send(beat)
                    #expect(reply.outcome == first.outcome, "\(first) and \(second)")
                    if first.rank == 3 { #expect(reply.json["error"] == "invalid heartbeat auth") }
                }
            }
        }
    }

    @Test("a nonce is spent by a heartbeat that passes, for its worker alone", arguments: TestDatabase.all)
    func spending(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let other = try await plane.worker(of: .bob)
            let nonce = "n|1 é"
            for fault in Fault.allCases where fault != .nonce {
                var beat = plane.beat(worker, nonce: nonce)
                fault.spoil(&beat, seen: nonce)
                #expect(try await plane.send(beat).outcome == fault.outcome)
            }
            let good = plane.beat(worker, nonce: nonce)
            #expect(try await plane.send(good).status == 200)
            #expect(try await plane.send(good).outcome == "401 nonce_seen")
            #expect(try await plane.send(plane.beat(worker, off: 1_000, nonce: nonce)).outcome == "401 nonce_seen")
            #expect(try await plane.send(plane.beat(other, nonce: nonce)).status == 200)
        }
    }

    @Test("a timestamp is good from 90 s behind the database's clock to 90 s ahead", arguments: TestDatabase.all)
    func window(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            // Far from the clock of this process: the database's is the one that counts. Each heartbeat is a little
            // older when it is there.
            plane.clock.advance(by: .seconds(86_400))
            let worker = try await plane.worker()
            for (off, outcome) in [
                (-80_000, "200"), (-92_000, "401 clock_skew"), (89_000, "200"), (100_000, "401 clock_skew"),
                (-3_600_000, "401 clock_skew"), (3_600_000, "401 clock_skew"),
                // A fresh nonce is good although its timestamp is older than the last one.
                (-60_000, "200"),
            ] as [(Int64, String)] {
                #expect(try await plane.send(plane.beat(worker, off: off)).outcome == outcome, "\(off) ms")
            }
            let late = try await plane.send(plane.beat(worker, off: -120_000)).json["error"]?.string ?? ""
            #expect(late.contains("behind"), "\(late)")
            for timestamp in [
                "2026-02-30T00:00:00Z", "2026-01-01 00:00:00", "1767225600", "2026-01-01T00:00:00", "", "0001-01-01T",
            ] {
                var beat = plane.beat(worker)
                beat.timestamp = timestamp
                #expect(try await plane.send(beat).outcome == "400 invalid_field", "\(timestamp)")
            }
            for timestamp in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2038-01-19T03:14:08Z"] {
                var beat = plane.beat(worker)
                beat.timestamp = timestamp
                #expect(try await plane.send(beat).outcome == "401 clock_skew", "\(timestamp)")
            }
        }
    }

    @Test("every field and the header are required, and nothing else is taken")
    func fields() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let worker = try await plane.worker()
            for field in ["timestamp", "nonce", "policy_id", "signature"] {
                var beat = plane.beat(worker)
                beat.missing = [field]
                let reply = try await plane.send(beat)
                #expect(reply.outcome == "400 missing_field" && reply.json["field"]?.string == field)
            }
            let good = plane.beat(worker)
            for (metrics, outcome) in [
                (.array([]), "400 invalid_field"), ("x", "400 invalid_field"), (7, "400 invalid_field"),
                (["x": .string(String(repeating: "m", count: 65_536))], "400 invalid_field"),
                (["x": .string(String(repeating: "m", count: 65_000))], "200"), (nil, "200"), ([:], "200"),
            ] as [(JSON?, String)] {
                var beat = plane.beat(worker)
                beat.metrics = metrics
                #expect(try await plane.send(beat).outcome == outcome)
            }
            let text = good.body.text()
            for (body, outcome) in [
                (text.dropLast() + #","extra":1}"#, "400 unknown_field"), (text + "x", "400 malformed_json"),
                (text + text, "400 malformed_json"), ("", "400 malformed_json"), ("[]", "400 invalid_field"),
                (text.dropLast() + #","nonce":"twice"}"#, "400 malformed_json"), (text + " \n", "200"),
            ] as [(String, String)] {
                let reply = try await plane.send(
                    "POST", "/workers/\(worker.id)/heartbeat", good.headers, bytes: Array(body.utf8))
                #expect(reply.outcome == outcome, "\(body.prefix(300))")
            }
        }
    }

    @Test("good heartbeats cost the address nothing; failed ones use its bucket up")
    func metering() async throws {
        let rate = Rate(burst: 20, perSecond: 1)
        try await ControlPlane.run(.sqlite, .set(\.addressRate, rate), world: .still) { plane in
            let worker = try await plane.worker()
            for _ in 0..<40 { #expect(try await plane.send(plane.beat(worker)).status == 200) }
            var wrong = plane.beat(worker)
            wrong.signature = Base64.encode(Array(repeating: 1, count: 32))
            var outcomes: Set<String> = []
            for _ in 0..<40 { outcomes.insert(try await plane.send(wrong).outcome) }
            #expect(outcomes == ["401 invalid_heartbeat_auth", "429 rate_limited"])
            #expect(try await plane.send(plane.beat(worker)).status == 200)
        }
    }
}
