import Bytes
import Support
import Testing

/// Every field of a job, wrong in every way: 422 naming it, and no job (CONTRACT 4).
@Suite("A job's fields", .timeLimit(.minutes(2)))
struct JobFieldTests {
    /// Values, as JSON text, that one field may not have, and the name that the refusal must blame.
    struct Wrong: Sendable {
        let key: String
        let blamed: String
        let values: [String]

        init(_ key: String, blamed: String? = nil, _ values: String...) {
            self.key = key
            self.blamed = blamed ?? key
            self.values = values
        }
    }

    private static func text(_ count: Int) -> String { "\"\(String(repeating: "x", count: count))\"" }
    private static func list(_ count: Int, of element: String) -> String {
        "[\(Array(repeating: element, count: count).joined(separator: ","))]"
    }

    /// Inputs at these paths.
    private static func inputs(_ paths: String...) -> String {
        "[\(paths.map { #"{"path":"\#($0)","content_base64":""}"# }.joined(separator: ","))]"
    }
    private static let deep = Array(repeating: "d", count: 33).joined(separator: "/")

    private static let words: [Wrong] = [
        Wrong("title", "null", "1", "true", "[]", "{}", #""""#, #"" \t\n ""#, text(256)),
        Wrong("description", "1", "[]", "false", text(1_025)),
        Wrong("type", "1", "[]", #""""#, #""device""#, #""audit""#, #""COMPUTE""#, #""compute ""#),
        Wrong("command", "1", "true", "{}", "[]", "[1]", #"[""]"#, #"["a",null]"#, #"["a",["b"]]"#, #""""#, #"" ""#),
        Wrong("command", list(1_001, of: #""a""#)),
        Wrong("env", "[]", #""A=1""#, "1", "{\((0..<257).map { "\"V\($0)\":\"\"" }.joined(separator: ","))}"),
        Wrong("env", blamed: "env.A", #"{"A":1}"#, #"{"A":null}"#, #"{"A":["x"]}"#),
        Wrong("env", blamed: "env.A B", #"{"A B":"x"}"#),
        Wrong("env", blamed: "env.A=B", #"{"A=B":"x"}"#),
        Wrong("env", blamed: "env.1A", #"{"1A":"x"}"#),
        Wrong("env", blamed: "env", #"{"":"x"}"#),
        Wrong("stdin", "1", "[]", "{}"),
        Wrong("stdin_base64", "1", "[]", "{}", #""a b""#, #""é""#, #""YQ""#, #""/_==""#),
        Wrong("queue", "1", #""""#, #""a b""#, #""a/b""#, #""é""#, text(65)),
        Wrong("isolation", "1", #""docker""#, #""""#, #""VM""#),
        Wrong("run_at", "1", #""""#, #""tomorrow""#, #""2026-01-01""#, #""2026-13-01T00:00:00Z""#),
        Wrong("run_at", #""2026-01-01T00:00:00""#, #""2026-02-30T00:00:00Z""#, #""20260-01-01T00:00:00Z""#),
        Wrong("depends_on", #""x""#, "{}", #"["x"]"#, #"["0190b5f0-0000-7000-8000-00000000000g"]"#),
        Wrong("depends_on", #"["0190b5f0-0000-7000-8000-000000000001"]"#),
        Wrong("depends_on", list(101, of: #""0190b5f0-0000-7000-8000-000000000001""#)),
        Wrong("depends_on", blamed: "depends_on[1]", #"["0190b5f0-0000-7000-8000-000000000001",1]"#),
        Wrong("priorty", "1", "null"), Wrong("id", #""x""#), Wrong("owner_id", #""bob""#),
        Wrong("Title", #""t""#), Wrong("__proto__", "{}"),
    ]

    private static let numbers: [Wrong] = [
        Wrong(
            "duration_minutes", "0", "-1", "721", #""10""#, "1.5", "1.0", "1e1", "1e400", "9223372036854775808"),
        Wrong("priority", "-1", "10", #""5""#, "5.0", "true", "[]", "1000000000000000000"),
        Wrong("max_attempts", "0", "101", "-9223372036854775808", "-9223372036854775809", "null1"),
        Wrong("max_price_usdt", "-1", #""-1""#, #""1.0000001""#, #""x""#, "true", "[]", "1e3", #""1000001""#, #""""#),
        Wrong("max_price_usdt", #"".5""#, #""1.""#, #"" 1""#, #""+1""#, #""0x10""#, "1e400", "99999999999999999999"),
        Wrong("backoff", "1", "[]", #""1s""#),
        Wrong("backoff", blamed: "backoff.initial_ms", #"{"initial_ms":-1}"#, #"{"initial_ms":86400001}"#),
        Wrong("backoff", blamed: "backoff.factor", #"{"factor":0.5}"#, #"{"factor":11}"#, #"{"factor":1e400}"#),
        Wrong("backoff", blamed: "backoff.max_ms", #"{"max_ms":86400001}"#, #"{"max_ms":"1"}"#),
        Wrong("backoff", blamed: "backoff.jitter", #"{"jitter":1}"#),
        Wrong("resources", "1", "[]", #""""#),
        Wrong("resources", blamed: "resources.cpu_cores", #"{"cpu_cores":-1}"#, #"{"cpu_cores":"1"}"#),
        Wrong("resources", blamed: "resources.cpu_cores", #"{"cpu_cores":4097}"#, #"{"cpu_cores":1e999}"#),
        Wrong("resources", blamed: "resources.memory_gb", #"{"memory_gb":-0.1}"#, #"{"memory_gb":65537}"#),
        Wrong(
            "resources", blamed: "resources.gpu", #"{"gpu":1.5}"#, #"{"gpu":-1}"#, #"{"gpu":1025}"#, #"{"gpu":true}"#),
        Wrong("resources", blamed: "resources.labels", #"{"labels":"a"}"#, #"{"labels":["a b"]}"#, #"{"labels":[""]}"#),
        Wrong("resources", blamed: "resources.labels", "{\"labels\":\(list(65, of: "\"a\""))}"),
        Wrong("resources", blamed: "resources.labels[1]", #"{"labels":["a",1]}"#),
        Wrong("resources", blamed: "resources.disk", #"{"disk":1}"#),
    ]

    private static let files: [Wrong] = [
        Wrong(
            "outputs", #""a""#, #"["/etc/passwd"]"#, #"["a/../../b"]"#, #"["."]"#, #"[""]"#, #"["a//b"]"#, #"["a/"]"#),
        Wrong("outputs", #"["a\u0001b"]"#, #"["a\nb"]"#, #"["a\\b"]"#, list(257, of: #""a""#), "[\(text(513))]"),
        Wrong("outputs", blamed: "outputs[0]", "[1]", "[null]", #"[["a"]]"#),
        Wrong("inputs", "{}", #""x""#, "1", list(257, of: #"{"path":"a","content_base64":""}"#)),
        Wrong("inputs", blamed: "inputs[0]", "[1]", "[null]", "[[]]"),
        Wrong("inputs", blamed: "inputs[0].path", "[{}]", #"[{"path":"../x","content_base64":""}]"#),
        Wrong("inputs", blamed: "inputs[0].path", "[{\"path\":\"\(deep)\",\"content_base64\":\"\"}]"),
        Wrong(
            "inputs", blamed: "inputs[1].path", inputs("a", "a/b"), inputs("a/b", "a"), inputs("a/b/c/d", "a/b", "x")),
        Wrong("inputs", blamed: "inputs[2].path", inputs("x", "a/b", "a/b/c/d"), inputs("a/b/c", "x", "a/b")),
        Wrong("inputs", blamed: "inputs[0].path", #"[{"path":"/x","content_base64":""}]"#, #"[{"path":1}]"#),
        Wrong(
            "inputs", blamed: "inputs[0].content_base64", #"[{"path":"a"}]"#, #"[{"path":"a","content_base64":"*"}]"#),
        Wrong("inputs", blamed: "inputs[0].content_base64", #"[{"path":"a","content_base64":"aGVsbG8"}]"#),
        Wrong(
            "inputs", blamed: "inputs[0].content_base64", #"[{"path":"a","content_base64":"","artifact":"sha256:"}]"#),
        Wrong("inputs", blamed: "inputs[0].artifact", #"[{"path":"a","artifact":"sha256:zz"}]"#),
        Wrong("inputs", blamed: "inputs[0].artifact", #"[{"path":"a","artifact":"http://localhost/x"}]"#),
        Wrong("inputs", blamed: "inputs[0].artifact", #"[{"path":"a","artifact":"sha256:\#(SHA256.hex("x"))"}]"#),
        Wrong(
            "inputs", blamed: "inputs[0].artifact",
            #"[{"path":"a","artifact":"0190b5f0-0000-7000-8000-000000000001/out"}]"#),
        Wrong("inputs", blamed: "inputs[0].mode", #"[{"path":"a","content_base64":"","mode":7}]"#),
        Wrong(
            "inputs", blamed: "inputs[1].path",
            #"[{"path":"a","content_base64":""},{"path":"a","content_base64":""}]"#),
    ]

    @Test("wrong in any way are refused by name", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for wrong in Self.words + Self.numbers + Self.files {
                for value in wrong.values {
                    let body = Self.body(wrong.key, value)
                    let reply = try await plane.post("/jobs", .alice, text: body)
                    // What is no JSON at all has no field.
                    let blame = value == "null1" ? "422 -" : "422 \(wrong.blamed)"
                    #expect(reply.blame == blame, "\(wrong.key) \(value.prefix(80)): \(reply.text)")
                    #expect(reply.json["error"]?["type"] == "validation_error")
                }
            }
            #expect(try await plane.get("/jobs", .alice).ids.isEmpty)
        }
    }

    @Test("at their bounds are taken", arguments: TestDatabase.all)
    func bounds(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for _ in 0..<2 { try await plane.fund(.alice, "1000000") }
            for (key, values) in [
                ("description", [#""""#, Self.text(1_024)]),
                ("command", [Self.list(1_000, of: #""a""#), #"["a",""]"#]),
                ("duration_minutes", ["1", "720"]), ("priority", ["0", "9", "-0"]), ("max_attempts", ["1", "100"]),
                ("max_price_usdt", ["0", "0.000001", #""1000000""#, "1.50"]),
                ("queue", [Self.text(64), #""a.b:c-d_e""#]),
                ("backoff", [#"{"initial_ms":0,"factor":1,"max_ms":0}"#, #"{"factor":1e1,"max_ms":86400000}"#, "{}"]),
                ("run_at", [#""9999-12-31T23:59:59Z""#, #""0001-01-01T00:00:00Z""#, #""2026-01-01T00:00:00+23:59""#]),
                ("resources", [#"{"cpu_cores":4096,"memory_gb":65536,"gpu":1024}"#, #"{"cpu_cores":1e-300}"#]),
                ("outputs", ["[\"\(String(repeating: "a", count: 255))\"]", #"["é/ü.txt","...","a b"]"#]),
                ("env", [#"{"_":"\u0001\n🐣"}"#]), ("stdin", [#""\uFFFF\u0001""#]), ("isolation", [#""none""#]),
            ] as [(String, [String])] {
                for value in values {
                    let reply = try await plane.post("/jobs", .alice, text: Self.body(key, value))
                    #expect(reply.status == 201, "\(key) \(value.prefix(80)): \(reply.text)")
                    let id = try #require(reply.json["id"]?.string)
                    #expect(try await plane.get("/jobs/\(id)", .alice).status == 200)
                }
            }
        }
    }

    @Test("of a command and a type must agree", arguments: TestDatabase.all)
    func types(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            for (body, outcome) in [
                (#"{"title":"t","type":"manual","command":"x"}"#, "422 command"),
                (#"{"title":"t","type":"compute"}"#, "422 command"), (#"{"title":"t","type":"manual"}"#, "201 -"),
                (#"{"title":"t","type":null,"command":["x"]}"#, "201 -"),
                (#"{"title":"t","command":"x","stdin":"","stdin_base64":""}"#, "422 stdin_base64"),
                (#"{"title":"t","command":"x","stdin":null,"stdin_base64":"/w=="}"#, "201 -"),
            ] {
                let reply = try await plane.post("/jobs", .alice, text: body)
                #expect(reply.blame == outcome, "\(body)")
            }
        }
    }

    private static func body(_ key: String, _ value: String) -> String {
        let own = [("title", #""t""#), ("command", #""true""#)].filter { $0.0 != key }
        return "{\((own + [(key, value)]).map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
    }
}
