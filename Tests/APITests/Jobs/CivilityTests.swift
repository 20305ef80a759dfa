import Testing

/// A check that never found a planted flaw proves nothing.
@Suite("What a hostile caller may be answered")
struct CivilityTests {
    private func flaw(_ status: Int, _ body: String, _ path: String = "/api/v1/machines", id: String? = "a1") -> String?
    {
        Civility.flaw(status: status, id: id, type: "application/json", body: body, "GET", path)
    }

    private static let hatch = #"{"success":false,"error":"no","code":"not_found"}"#

    private static func steel(_ type: String, _ code: Int, _ more: String = "") -> String {
        #"{"error":{"type":"\#(type)","code":\#(code),"message":"no","path":"/x","method":"GET"\#(more)}}"#
    }

    private static func gateway(_ code: String, _ details: String = "{}") -> String {
        #"{"error":{"code":"\#(code)","message":"no","details":\#(details)}}"#
    }

    @Test("is a refusal in the words of whose path it is, or a success")
    func good() {
        #expect(flaw(404, Self.hatch) == nil)
        #expect(flaw(404, Self.steel("http_exception", 404), "/v1/jobs/x") == nil)
        #expect(flaw(422, Self.steel("validation_error", 422, #","field":"title""#), "/api/v1/jobs") == nil)
        #expect(flaw(200, "anything") == nil)
        #expect(flaw(404, Self.gateway("NOT_FOUND"), "/api/v1/customer/devices/x/status") == nil)
        #expect(flaw(401, Self.gateway("UNAUTHORIZED", #"{"field":"x"}"#), "/ws/device") == nil)
        #expect(flaw(401, #"{"error":"no","code":"REPLAYED"}"#, "/api/telegram/inbox") == nil)
    }

    @Test("is never a failure, nameless, in another's words, or a secret")
    func bad() {
        for status in [500, 502, 503, 100, 0] { #expect(flaw(status, Self.hatch) != nil) }
        #expect(flaw(200, "{}", id: nil) != nil)
        #expect(flaw(200, "{}", id: "<script>") != nil)
        #expect(flaw(404, Self.hatch, "/api/v1/jobs/x") != nil)
        #expect(flaw(404, Self.hatch, "/v1/artifacts") != nil)
        #expect(flaw(404, Self.steel("http_exception", 404)) != nil)
        #expect(flaw(404, Self.steel("http_exception", 400), "/api/v1/jobs/x") != nil)
        #expect(flaw(404, Self.steel("validation_error", 404), "/api/v1/jobs/x") != nil)
        #expect(flaw(422, Self.steel("http_exception", 422), "/api/v1/jobs") != nil)
        #expect(flaw(404, Self.hatch, "/api/v1/device/auth") != nil)
        #expect(flaw(404, Self.gateway("NOT_FOUND")) != nil)
        #expect(flaw(404, Self.gateway("not_found"), "/api/v1/device/auth") != nil)
        #expect(flaw(404, Self.gateway("NOT_FOUND", #"{"sql":"x"}"#), "/api/v1/device/auth") != nil)
        #expect(flaw(404, Self.gateway("NOT_FOUND"), "/api/v1/devices") != nil)
        #expect(flaw(404, #"{"error":"no","code":"not_found"}"#, "/api/fish") != nil)
        #expect(flaw(404, #"{"error":"no"}"#, "/ws/inkling") != nil)
        for body in [
            "", "not found", "{}", #"{"success":true,"error":"no","code":"a"}"#, #"{"success":false,"error":"no"}"#,
            #"{"success":false,"error":"","code":"a"}"#, #"{"success":false,"error":"no","code":"A b"}"#,
            #"{"success":false,"error":"no","code":"a","sql":"x"}"#,
            #"{"success":false,"error":"near \"x\": SELECT 1","code":"a"}"#,
            #"{"success":false,"error":"Store/Database.swift:12","code":"a"}"#,
        ] {
            #expect(flaw(400, body) != nil, "\(body)")
        }
    }
}
