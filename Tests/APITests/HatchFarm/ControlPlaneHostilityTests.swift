import Bytes
import Support
import Testing

@Suite("Hostile input to the control plane", .timeLimit(.minutes(3)))
struct ControlPlaneHostilityTests {
    private static let documents: [[UInt8]] =
        [
            "", " ", "null", "true", "0", "[]", "\"x\"", "{", "}", "{}x", "{}{}", #"{"a":1,"a":2}"#, #"{"owner_id":"#,
            #"{"name":"\u0000"}"#, #"{"name":"\ud800"}"#, #"{"name":"\x"}"#, #"{"name":1e999}"#, "{'name':1}",
            "\u{FEFF}{}",
            #"{"__proto__":{}}"#, String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 40),
            "{" + (0..<1_001).map { "\"k\($0)\":1" }.joined(separator: ",") + "}",
        ].map { Array($0.utf8) } + [[0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], [0], [0x7B, 0x22, 0x61, 0x00, 0x22]]

    private static let values: [String] = [
        "null", "true", "-1", "0", "1e999", "-0.0", "9223372036854775808", "1e-400", #""""#, #"" ""#, "[]", "{}",
        "[[[[]]]]", #""\u0000""#, #""\uFFFF""#, #""'; DROP TABLE machines; --""#, #""%00%s%n""#, #""é""#,
        "\"\(String(repeating: "x", count: 70_000))\"", "[\(String(repeating: "0,", count: 5_000))0]",
    ]

    private static let paths: [String] = [
        "%00", "%", "%zz", "%ff%fe", "..", "%2e%2e%2f", "wrk_'", String(repeating: "a", count: 4_000), "%E2%84%AA",
        "%0a%0d", "*", "{worker}", "null", "-1",
    ]

    /// A good body of each operation that takes one.
    private func operations(_ plane: ControlPlane, _ worker: Worker) throws -> [(String, Caller, JSON)] {
        let beat = plane.beat(worker)
        let machine = Caller(owner: "alice", key: "", headers: beat.headers)
        return [
            (
                "/machines/register", .alice,
                [
                    "owner_id": "alice", "name": "m", "price_usdt_per_hour": "1",
                    "capacity": ["cpu_cores": 1, "memory_gb": 1, "gpu": 0, "labels": ["a"], "isolation": "vm"],
                ]
            ),
            ("/policies", .alice, try JSON(parsing: plane.policyBody(.alice, Self.allRules))),
            ("/consents", .alice, plane.consentBody(.alice, worker: worker.id, policy: worker.policy)),
            ("/workers/\(worker.id)/heartbeat", machine, beat.body),
            (
                "/agents/register", .nobody,
                [
                    "name": "n", "handle": "abc", "description": "d", "moltbook_id": "m", "wallet_address": "w",
                ]
            ),
        ]
    }

    private static let allRules =
        #"{"max_cpu_percent":1,"max_memory_percent":1,"max_gpu_percent":1,"timezone":"UTC","#
        + #""allowed_hours":[1],"max_job_minutes":1,"network":true,"isolation":"none"}"#

    @Test("a body that is no request is 400 or 413, whoever sends it", arguments: TestDatabase.all)
    func documents(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for (path, caller, good) in try operations(plane, worker) {
                for document in Self.documents {
                    let reply = try await plane.send("POST", path, caller.headers, bytes: document)
                    #expect(reply.status == 400, "\(path) \(document.prefix(60)) \(reply.text)")
                }
                let huge = try await plane.send(
                    "POST", path, caller.headers, bytes: Array(repeating: UInt8(ascii: " "), count: (1 << 20) + 1))
                #expect(huge.outcome == "413 body_too_large")
                let typed = try await plane.send(
                    "POST", path, caller.headers + [("Content-Type", "image/png")], bytes: good.bytes())
                #expect(typed.status == 415)
                #expect(try await plane.send("PATCH", path, caller.headers).status == 405)
            }
            #expect(try await plane.get("/machines", .alice).data["machines"]?.array?.count == 1)
        }
    }

    @Test("a field of the wrong kind is a 4xx or is taken, never a failure of ours", arguments: TestDatabase.all)
    func mutations(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for (path, caller, good) in try operations(plane, worker) {
                for place in Self.places(in: good) {
                    for value in Self.values {
                        let body = Self.replacing(place[...], in: good, with: value)
                        let reply = try await plane.send("POST", path, caller.headers, bytes: Array(body.utf8))
                        #expect(reply.status < 500, "\(path) \(place) \(value.prefix(40)) \(reply.text)")
                    }
                }
                let extra = good.text().dropLast() + #","surprise":1}"#
                let reply = try await plane.send("POST", path, caller.headers, bytes: Array(extra.utf8))
                #expect(reply.outcome == "400 unknown_field", "\(path)")
            }
        }
    }

    @Test("paths and queries of every sort are a 4xx", arguments: TestDatabase.all)
    func targets(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let body = plane.beat(worker).body.bytes()
            for path in Self.paths {
                for (method, target) in [
                    ("GET", "/machines/\(path)"), ("GET", "/policies/\(path)"), ("POST", "/policies/\(path)/activate"),
                    ("POST", "/consents/\(path)/revoke"), ("POST", "/workers/\(path)/heartbeat"),
                ] as [(String, String)] {
                    let headers = Caller.alice.headers + [("X-Machine-Token", worker.token)]
                    let bytes = target.hasSuffix("heartbeat") ? body : nil
                    let reply = try await plane.send(method, target, headers, bytes: bytes)
                    #expect((400..<500).contains(reply.status), "\(method) \(target) \(reply.status)")
                }
            }
            for query in [
                "limit=0", "limit=101", "limit=x", "limit=", "cursor=", "cursor=%00", "cursor=AAAA", "cursor=e30",
                "cursor=\(String(repeating: "A", count: 2_000))", "cursor=%zz", "limit=1&limit=0x",
                "cursor=Mg", "cursor=LTE", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
            ] {
                for list in ["machines", "policies", "consents"] {
                    let reply = try await plane.get("/\(list)?\(query)", .alice)
                    #expect(reply.status < 500, "\(list) \(query) \(reply.text)")
                }
            }
            for header in ["", " ", "a b", "ä", String(repeating: "f", count: 8_000)] {
                let reply = try await plane.send(
                    "POST", "/workers/\(worker.id)/heartbeat", [("X-Machine-Token", header)], bytes: body)
                #expect((400..<500).contains(reply.status), "\(header.prefix(20)) \(reply.status)")
            }
        }
    }

    /// The ways to each value inside an object, its own members and those of its members.
    private static func places(in json: JSON) -> [[String]] {
        (json.members ?? []).flatMap { member in [[member.key]] + places(in: member.value).map { [member.key] + $0 } }
    }

    private static func replacing(_ place: ArraySlice<String>, in json: JSON, with value: String) -> String {
        guard let key = place.first else { return value }
        let members = (json.members ?? []).map { member in
            let inner =
                member.key == key ? replacing(place.dropFirst(), in: member.value, with: value) : member.value.text()
            return "\"\(member.key)\":\(inner)"
        }
        return "{\(members.joined(separator: ","))}"
    }
}
