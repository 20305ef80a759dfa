import Bytes

/// What a hostile client sends.
enum HostileInput {
    private static func many(_ count: Int, _ text: (Int) -> String) -> String {
        (0..<count).map(text).joined(separator: ",")
    }

    /// JSON that is none, or none that we take.
    static let documents: [[UInt8]] =
        [
            "", " ", "\n", "null", "true", "0", "-", "1e400", "[]", "[[]]", "\"x\"", "{", "}", "{}x", "{} {}", "{},",
            "[{}]",
            #"{"a":1,"a":2}"#, #"{"title":"a","title":"b"}"#, #"{"title":"a","\u0074itle":"b"}"#,
            #"{"title":"#, #"{"title"}"#, #"{"title":"x",}"#,
            #"{title:"x"}"#, "{'title':'x'}", #"{"title":"\u0000"}"#, #"{"title":"\ud800"}"#, #"{"title":"\udc00x"}"#,
            #"{"title":"\ud800\ud800"}"#, #"{"title":"\x41"}"#, #"{"title":"\u00g0"}"#, "{\"title\":\"\t\"}",
            #"{"title":NaN}"#, #"{"title":Infinity}"#, #"{"title":01}"#, #"{"title":.5}"#, #"{"title":1.}"#,
            #"{"title":+1}"#,
            #"{"title":0x10}"#, #"{"__proto__":{}}"#, "\u{FEFF}{}", "// x\n{}", "/**/{}", "<xml/>", "title=x&command=y",
            "{\(many(10_000) { "\"k\($0)\":1" })}", String(repeating: "[", count: 200_000),
            String(repeating: #"{"a":"#, count: 50_000), "[" + many(100_000) { _ in "0" } + "]",
            String(repeating: "[", count: 33) + String(repeating: "]", count: 33),
        ].map { Array($0.utf8) } + [
            [0], [0x7B, 0], [0xFF, 0xFE, 0x7B, 0], [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D],
            Array(#"{"title":""#.utf8) + [0xC0, 0x80] + Array("\"}".utf8),
            Array(#"{"title":""#.utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8),
            Array(#"{"title":""#.utf8) + [0xF4, 0x90, 0x80, 0x80] + Array("\"}".utf8),
            Array(#"{"title":"a"#.utf8) + [0] + Array("\"}".utf8),
        ]

    /// JSON text for any place of a document.
    static let values: [String] = [
        "null", "true", "false", "-1", "0", "-0", "-0.0", "1.5", "1e400", "-1e400", "1e-400", "1e18",
        "1000000000000000000", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "184467440737095516160", "\(String(repeating: "9", count: 5_000))", #""""#, #"" ""#,
        #""\uFFFF""#, #""\u202e\u0001\u007f""#, #""%00%s%n%x""#, #""'; DROP TABLE jobs; --""#, #""../../etc/passwd""#,
        "\"e\(String(repeating: "\u{301}", count: 3_000))\"", "\"\(String(repeating: "x", count: 70_000))\"", "[]",
        "{}",
        "[null]", #"{"a":1}"#, "[[[[[[]]]]]]", "[\(many(3_000) { _ in "0" })]", "[\(many(300) { _ in "\"\"" })]",
        "{\(many(900) { "\"k\($0)\":\"\"" })}", #""\u0000""#, #""\ud800""#,
    ]

    /// What may stand where a path names something, as it goes over the wire.
    static let names: [String] = [
        "%00", "%2F", "%2f%2e%2e", "..", ".", "%2e%2e", "%", "%4", "%zz", "%ff", "%C0%AF", "%ED%A0%80", "%F0%9F%90%A3",
        "%E2%84%AA", "%E2%80%AE", "'%20OR%201=1--", "a;b", "*", "{job}", "$%7Bx%7D", "null", "-1", "0", "%0d%0aX:%20y",
        "%7f",
        "\u{e9}", "a%5Cb", "CON", "0190b5f0-0000-7000-8000-000000000001", "0190B5F0-0000-7000-8000-000000000001",
        String(repeating: "a", count: 7_000), String(repeating: "%41", count: 2_000),
        String(repeating: "a/", count: 100),
    ]

    static let queries: [String] = [
        "limit=-1", "limit=9223372036854775808", "limit=-9223372036854775809", "limit=1e9", "limit=0x10", "limit=NaN",
        "limit=%31", "limit=1&limit=x", "limit", "=", "&&&", "?", "%", "%00=1", "limit=%00", "cursor=%FF",
        "cursor=....",
        "cursor=\(String(repeating: "A", count: 4_000))", "offset=-1", "offset=99999999999999999999", "after=-1",
        "after=x",
        "status=%27", "status[]=pending", "a=\(String(repeating: "b", count: 7_000))", "\(many(500) { "q\($0)=1" })",
        "limit=1#x", "limit=\u{663}", "x=%F0%9F%90%A3",
    ]

    /// Fields, each with something it should not hold.
    static let headers: [(name: String, value: String)] = [
        ("Authorization", ""), ("Authorization", "Bearer"), ("Authorization", "Bearer "),
        ("Authorization", "Basic YTpi"),
        ("Authorization", "Bearer \(String(repeating: "x", count: 5_000))"), ("Authorization", "Bearer null"),
        ("Authorization", "Bearer ä"), ("Authorization", "Bearer operator-token operator-token"),
        ("X-Owner-ID", ""), ("X-Owner-ID", "a b"), ("X-Owner-ID", "ä"),
        ("X-Owner-ID", String(repeating: "a", count: 129)),
        ("X-Owner-ID", "a,b"), ("X-Owner-ID", "../a"), ("X-Machine-Token", "ä"), ("X-Machine-Token", " "),
        ("X-Device-Token", "ä"), ("X-Device-Token", " "), ("X-Device-Token", String(repeating: "x", count: 9_000)),
        ("X-Device-Session", "dst_"), ("X-Device-Id", "../a"), ("X-Device-Secret", "ä"),
        ("Sec-WebSocket-Protocol", "auth-, auth-ä,,"),
        ("X-Claim-Token", ""), ("X-Claim-Token", String(repeating: "f", count: 9_000)), ("X-Claim-Token", "ä"),
        ("Idempotency-Key", "ä"), ("Idempotency-Key", String(repeating: "k", count: 9_000)), ("Idempotency-Key", "a b"),
        ("If-None-Match", String(repeating: "\"a\",", count: 2_000)), ("If-None-Match", "W/"), ("If-None-Match", "\""),
        ("Last-Event-ID", "-9223372036854775809"), ("Last-Event-ID", "ä"),
        ("Accept-Encoding", "zstd;q=x,,;,=,zstd;;q=0"),
        ("Accept", "nothing/*;q=0"), ("Range", "bytes=-1,0-,5-2"), ("Content-Encoding", "gzip"),
        ("Content-Encoding", "ä"),
        ("Content-Encoding", "zstd, zstd"), ("Content-Type", "image/png"), ("Content-Type", "multipart/form-data"),
        ("Content-Type", "application/json; charset=utf-16"), ("X-Request-ID", "<script>"), ("X-Request-ID", "a\tb"),
        ("X-Forwarded-For", "'\"<>,,,,"), ("X-Forwarded-Proto", "gopher"), ("Expect", "the-unexpected"),
        ("TE", "trailers, x"),
        ("Connection", "Transfer-Encoding, Upgrade"), ("Upgrade", "websocket, h2c"),
        ("Cookie", String(repeating: "a=b;", count: 900)),
        ("Host", "evil.example"), ("Origin", "null"), ("X-HTTP-Method-Override", "DELETE"),
    ]
}

/// Whether a reply is one that a hostile caller may get.
enum Civility {
    private static let secrets = [
        "SELECT ", "sqlite", "SQLITE", "postgres", "libpq", ".swift", "Swift.", "DatabaseError", "/work/", "/tmp/",
        "/root/",
        "operator-token", "fatal",
    ]

    /// What is wrong with it; nil when it is in order: no failure of ours, an id, and a refusal in exactly the words of
    /// whose path it is.
    static func flaw(status: Int, id: String?, type: String?, body: String, _ method: String, _ path: String) -> String?
    {
        guard (200..<500).contains(status) else { return "status \(status)" }
        guard let id, (1...128).contains(id.utf8.count), !id.contains("<"), !id.contains("\t") else {
            return "no request id"
        }
        guard status >= 400, method != "HEAD" else { return nil }
        guard type == "application/json", let json = try? JSON(parsing: Array(body.utf8)) else { return "no JSON" }
        if let secret = secrets.first(where: body.contains) { return "it tells \(secret)" }
        if isGateway(path) { return gateway(json) }
        if isInkling(path) { return inkling(json) }
        if isBee(path) { return json.members?.map(\.key) == ["error"] ? nil : "\(json.members?.map(\.key) ?? [])" }
        return isSteel(path) ? steel(json, status, method) : hatch(json)
    }

    private static func isGateway(_ path: String) -> Bool {
        ["/api/v1/device", "/api/v1/customer", "/ws/device", "/ws/customer"].contains { base in
            path == base || path.hasPrefix(base + "/")
        }
    }

    private static func gateway(_ json: JSON) -> String? {
        guard json.members?.count == 1, let error = json["error"] else { return "no error" }
        let keys = (error.members ?? []).map(\.key)
        guard keys == ["code", "message", "details"] else { return "\(keys)" }
        let code = error["code"]?.string ?? ""
        guard !code.isEmpty, code.allSatisfy({ $0 == "_" || $0.isUppercase && $0.isASCII }) else {
            return "code \(code)"
        }
        guard error["message"]?.string?.isEmpty == false else { return "no text" }
        let details = (error["details"]?.members ?? []).map(\.key)
        return details == [] || details == ["field"] ? nil : "details \(details)"
    }

    private static func isInkling(_ path: String) -> Bool {
        let nouns = ["oracle", "plant", "fish", "telegram", "postcard", "baptism", "lineage", "admin"]
        return (nouns.map { "/api/\($0)" } + ["/ws/inkling"]).contains { base in
            path == base || path.hasPrefix(base + "/")
        }
    }

    private static func inkling(_ json: JSON) -> String? {
        let keys = (json.members ?? []).map(\.key)
        guard keys == ["error", "code"], json["error"]?.string?.isEmpty == false else { return "\(keys)" }
        let code = json["code"]?.string ?? ""
        return !code.isEmpty && code.allSatisfy { $0 == "_" || $0.isUppercase && $0.isASCII } ? nil : "code \(code)"
    }

    private static func isBee(_ path: String) -> Bool {
        ["register", "posts", "tasks", "users", "messages", "notifications"].contains { noun in
            path == "/api/\(noun)" || path.hasPrefix("/api/\(noun)/")
        }
    }

    private static func isSteel(_ path: String) -> Bool {
        ["/api/v1", "/v1"].contains { base in
            ["/jobs", "/artifacts"].contains { path == base + $0 || path.hasPrefix("\(base)\($0)/") }
        } || ["/api/v1/healthz", "/api/v1/collab", "/auth", "/ws"].contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    private static func hatch(_ json: JSON) -> String? {
        let keys = (json.members ?? []).map(\.key)
        guard keys == ["success", "error", "code"] || keys == ["success", "error", "code", "field"] else {
            return "\(keys)"
        }
        guard json["success"] == false, json["error"]?.string?.isEmpty == false else { return "no text" }
        let code = json["code"]?.string ?? ""
        return !code.isEmpty && code.allSatisfy { $0 == "_" || $0.isLowercase && $0.isASCII } ? nil : "code \(code)"
    }

    private static func steel(_ json: JSON, _ status: Int, _ method: String) -> String? {
        guard json.members?.count == 1, let error = json["error"] else { return "no error" }
        let keys = (error.members ?? []).map(\.key)
        let known = ["type", "code", "message", "path", "method"]
        guard keys == known || keys == known + ["field"] else { return "\(keys)" }
        guard error["type"]?.string == (status == 422 ? "validation_error" : "http_exception") else { return "type" }
        guard error["code"]?.int == Int64(status), error["method"]?.string == method else { return "code or method" }
        return error["path"]?.string?.hasPrefix("/") == true && error["message"]?.string?.isEmpty == false
            ? nil : "text"
    }
}
