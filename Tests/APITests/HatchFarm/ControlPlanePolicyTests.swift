import Bytes
import Support
import Testing

@Suite("Policies", .timeLimit(.minutes(2)))
struct ControlPlanePolicyTests {
    private static let spaced = #"{ "timezone" : "Europe/Zurich", "max_cpu_percent": 50 }"#

    @Test("a policy is signed over the rules as sent or over their sorted compact form", arguments: TestDatabase.all)
    func signature(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            // By Python's hmac, with the key `operator-token`.
            for signature in [
                "igDXDRTgAZ0ao6F7fR+/o0H+Tntci11dB1Fk7Wso2K8=", "WCgqY2J9At5LQJLxMfrJ7x0v7i1+InZ5+5bXuoH320s=",
            ] {
                let body = plane.policyBody(.alice, Self.spaced, signature: signature)
                let reply = try await plane.post("/policies", .alice, text: body)
                #expect(reply.status == 201, "\(reply.text)")
                #expect(
                    reply.data["policy"]?["rules"] == ["timezone": "Europe/Zurich", "max_cpu_percent": 50])
            }
        }
    }

    @Test("any other signature is 401 and makes nothing")
    func badSignature() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let good = Caller.alice.sign("alice|\(ControlPlane.rules)")
            let urlSafe = Base64.encodeURL(Array(repeating: 0xFF, count: 32))
            for (signature, rules) in [
                (Caller.alice.sign("bob|\(ControlPlane.rules)"), ControlPlane.rules),
                (Caller.alice.sign(ControlPlane.rules), ControlPlane.rules),
                (Caller(owner: "alice", key: "other").sign("alice|\(ControlPlane.rules)"), ControlPlane.rules),
                (good, #"{"max_cpu_percent":51}"#), (good + "=", ControlPlane.rules), (urlSafe, ControlPlane.rules),
                (String(good.dropLast(4)), ControlPlane.rules), ("?", ControlPlane.rules),
            ] {
                let body = plane.policyBody(.alice, rules, signature: signature)
                let reply = try await plane.post("/policies", .alice, text: body)
                #expect(reply.outcome == "401 bad_signature")
            }
            #expect(try await plane.get("/policies", .alice).data["policies"] == [])
        }
    }

    @Test("the key is the credential of the call, a member's own too")
    func ownKey() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let ann = try await plane.agent("Ann")
            let body = plane.policyBody(ann, ControlPlane.rules)
            #expect(try await plane.post("/policies", ann, text: body).status == 201)
            let foreign = Caller.operator(for: ann.owner).sign("\(ann.owner)|\(ControlPlane.rules)")
            let wrong = plane.policyBody(ann, ControlPlane.rules, signature: foreign)
            #expect(try await plane.post("/policies", ann, text: wrong).outcome == "401 bad_signature")
        }
    }

    @Test("every rule has its range, and an unknown one is refused")
    func rules() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            func outcome(_ rules: String) async throws -> String {
                try await plane.post("/policies", .alice, text: plane.policyBody(.alice, rules)).outcome
            }
            func with(_ rule: String) -> String { #"{"max_cpu_percent":1,\#(rule)}"# }
            for rules in [
                #"{"max_cpu_percent":100}"#, with(#""max_memory_percent":100,"max_gpu_percent":0"#),
                with(#""timezone":"UTC""#), with(#""timezone":"America/Argentina/Buenos_Aires""#),
                with(#""timezone":"Etc/GMT+8""#), with(#""allowed_hours":[]"#), with(#""allowed_hours":[0,23,5]"#),
                with(#""max_job_minutes":1"#), with(#""network":true"#), with(#""isolation":"vm""#),
                with(#""timezone":null,"allowed_hours":null"#),
            ] {
                let told = try await outcome(rules)
                #expect(told == "201", "\(rules)")
            }
            for rules in [
                "{}", #"{"max_cpu_percent":null}"#,
            ] {
                #expect(try await outcome(rules) == "400 missing_field", "\(rules)")
            }
            for rules in [
                #"{"max_cpu_percent":0}"#, #"{"max_cpu_percent":101}"#, #"{"max_cpu_percent":50.0}"#,
                #"{"max_cpu_percent":"50"}"#, #"{"max_cpu_percent":99999999999999999999}"#, "[]", "7",
                with(#""max_memory_percent":101"#), with(#""max_gpu_percent":-1"#), with(#""timezone":"Mars/Phobos""#),
                with(#""timezone":"GMT+8""#), with(#""timezone":"PST""#), with(#""timezone":"""#),
                with(#""timezone":"../etc/passwd""#), with(#""allowed_hours":[24]"#), with(#""allowed_hours":[-1]"#),
                with(#""allowed_hours":["1"]"#), with(#""allowed_hours":[1.5]"#), with(#""allowed_hours":7"#),
                with(#""max_job_minutes":0"#), with(#""max_job_minutes":1e3"#), with(#""network":"yes""#),
                with(#""isolation":"SANDBOX""#),
            ] {
                #expect(try await outcome(rules) == "400 invalid_field", "\(rules)")
            }
            #expect(try await outcome(with(#""max_cpu":1"#)) == "400 unknown_field")
            #expect(try await outcome("null") == "400 missing_field")
        }
    }

    @Test("of several faults the first in line is told: the fields, the owner, the signature")
    func order() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let foreign = plane.policyBody(.bob, "{}", signature: "x")
            let reply = try await plane.post("/policies", .alice, text: foreign)
            #expect(reply.outcome == "400 missing_field")
            let unsigned = plane.policyBody(.bob, ControlPlane.rules, signature: "x")
            #expect(try await plane.post("/policies", .alice, text: unsigned).outcome == "403 forbidden")
            #expect(try await plane.post("/policies", .nobody, text: "{").outcome == "401 unauthorized")
        }
    }

    @Test("a draft becomes active once, and versions count up by owner", arguments: TestDatabase.all)
    func activate(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let draft = try await plane.policy(of: .alice, active: false)
            _ = try await plane.policy(of: .bob)
            let second = try await plane.policy(of: .alice, rules: #"{"max_cpu_percent":9}"#, active: false)
            var policy = try await plane.get("/policies/\(draft)", .alice).data["policy"]
            #expect(policy?["state"] == "draft" && policy?["version"] == 1 && policy?["activated_at"] == .null)
            #expect(try await plane.get("/policies/\(second)", .alice).data["policy"]?["version"] == 2)

            policy = try await plane.post("/policies/\(draft)/activate", .alice, [:]).data["policy"]
            #expect(policy?["state"] == "active")
            plane.clock.advance(by: .seconds(5))
            #expect(try await plane.post("/policies/\(draft)/activate", .alice).data["policy"] == policy)
            #expect(try await plane.post("/policies/\(draft)/activate", .alice, ["x": 1]).status == 400)
            #expect(try await plane.post("/policies/pol_0000000000000000/activate", .alice).status == 404)

            let first = try await plane.get("/policies?limit=1", .alice).data
            #expect(first["policies"]?.array?.map { $0["id"] } == [.string(second)])
            let cursor = try #require(first["next_cursor"]?.string)
            let rest = try await plane.get("/policies?limit=1&cursor=\(cursor)", .alice).data
            #expect(rest["policies"]?.array?.map { $0["id"] } == [.string(draft)])
            #expect(rest["next_cursor"] == .null)
        }
    }

    @Test("policies of one owner made at the same moment get different versions", arguments: TestDatabase.all)
    func versions(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try await plane.policy(of: .alice, active: false) } }
                try await group.waitForAll()
            }
            let policies = try await plane.get("/policies", .alice).data["policies"]?.array
            #expect(policies?.compactMap { $0["version"]?.int } == (1...8).reversed())
        }
    }
}
