import API
import Bytes
import Testing

@Suite("Errors", .timeLimit(.minutes(1)))
struct ErrorTests {
    @Test("a refusal is worded in the shape of the system that owns the path")
    func shapes() async throws {
        try await TestServer.run { server async throws in
            for (path, body) in [
                ("/hatch/nothing", #"{"success":false,"error":"path not found","code":"not_found"}"#),
                ("/ink/nothing", #"{"error":"path not found","code":"NOT_FOUND"}"#),
                ("/gate/nothing", #"{"error":{"code":"NOT_FOUND","message":"path not found","details":{}}}"#),
                ("/bee/nothing", #"{"error":"path not found"}"#),
                (
                    "/steel/nothing?q=1",
                    #"{"error":{"type":"http_exception","code":404,"message":"path not found","#
                        + #""path":"/steel/nothing","method":"GET"}}"#
                ),
                ("/nobody", #"{"success":false,"error":"path not found","code":"not_found"}"#),
                ("/hatchery", #"{"success":false,"error":"path not found","code":"not_found"}"#),
            ] {
                let answer = try await server.get(path)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.text == body, "\(path)")
                #expect(answer["Content-Type"] == "application/json")
            }
        }
    }

    @Test("a wrong method is told what is allowed, in every system")
    func methods() async throws {
        try await TestServer.run { server async throws in
            for (name, _) in Probe.shapes {
                let answer = try await server.send(.PATCH, "/\(name)/things/1")
                #expect(answer.status == 405)
                #expect(answer["Allow"] == "DELETE, GET, HEAD")
                #expect(try await server.send(.OPTIONS, "/\(name)/open").status == 405)
            }
        }
    }

    @Test("HEAD answers as GET does, without the body")
    func head() async throws {
        try await TestServer.run { server async throws in
            let answer = try await server.send(.HEAD, "/hatch/tagged")
            #expect(answer.status == 200)
            #expect(answer.body.isEmpty)
            #expect(answer["ETag"] != nil)
            #expect(try await server.get("/hatch/tagged")["Content-Length"] == answer["Content-Length"])
        }
    }

    @Test("malformed JSON, unknown, missing and wrong fields are 400, in SteelThread's shape 422 with the field")
    func bodies() async throws {
        try await TestServer.run { server async throws in
            for (body, field) in [
                ("", nil), ("{", nil), ("{} x", nil), ("[]", nil), ("\u{FEFF}{}", nil),
                (#"{"title":"a","title":"b"}"#, nil), (#"{"title":"\u0000"}"#, nil), (#"{"title":"\ud800"}"#, nil),
                ("{}", "title"), (#"{"title":null}"#, "title"), (#"{"title":1}"#, "title"),
                (#"{"title":"a","extra":1}"#, "extra"),
                (String(repeating: "[", count: 100_000), nil),
            ] {
                let hatch = try await server.send(.POST, "/hatch/echo", server.asAlice, json: body)
                #expect(hatch.status == 400, "\(body.prefix(40))")
                #expect(try hatch.json["success"] == false)
                #expect(try hatch.json["field"]?.string == field, "\(body.prefix(40))")
                let steel = try await server.send(.POST, "/steel/echo", server.asAlice, json: body)
                #expect(steel.status == 422, "\(body.prefix(40))")
                #expect(try steel.json["error"]?["type"] == "validation_error")
                #expect(try steel.json["error"]?["field"]?.string == field, "\(body.prefix(40))")
            }
        }
    }

    @Test("a body over the limit is 413, declared or in chunks, and the connection serves on or ends cleanly")
    func tooLarge() async throws {
        try await TestServer.run { server async throws in
            for size in [(1 << 20) + 1, 3 << 20] {
                let answer = try await server.send(
                    .POST, "/hatch/echo", server.asAlice, body: [UInt8](repeating: 32, count: size))
                #expect(answer.status == 413, "\(size)")
                #expect(try answer.json["code"] == "body_too_large")
            }
            // Of this much only a part is read; a client that sends on regardless loses the connection, no more.
            _ = try? await server.send(
                .POST, "/hatch/echo", server.asAlice, body: [UInt8](repeating: 32, count: 12 << 20))
            #expect(try await server.get("/hatch/open").status == 200)
        }
    }

    @Test("a type that is not JSON is 415, a form's is read as JSON because curl names it")
    func mediaTypes() async throws {
        try await TestServer.run { server async throws in
            let body = Array(#"{"title":"a"}"#.utf8)
            for (type, status) in [
                ("application/json; charset=utf-8", 201), ("application/problem+json", 201),
                ("application/x-www-form-urlencoded", 201), ("application/xml", 415),
                ("multipart/form-data; boundary=x", 415), ("image/png", 415),
            ] {
                let headers = server.asAlice + [("Content-Type", type)]
                let answer = try await server.send(.POST, "/hatch/echo", headers, body: body)
                #expect(answer.status == status, "\(type)")
            }
        }
    }

    @Test("an error of the database or of Redis shows nothing of them, and says when to try again")
    func outages() async throws {
        try await TestServer.run { server async throws in
            for (how, status, code, retry) in [
                ("busy", 503, "database_busy", "1"), ("away", 503, "database_unavailable", "1"),
                ("full", 503, "database_full", "1"), ("redis", 503, "redis_unavailable", "1"),
                ("unknown", 504, "unknown_outcome", nil), ("bug", 500, "internal", nil),
                ("nul", 400, "invalid_text", nil), ("refusal", 409, "refused", nil),
                ("field", 400, "invalid_field", nil), ("other", 404, "not_found", nil),
            ] as [(String, Int, String, String?)] {
                let answer = try await server.get("/hatch/fails/\(how)")
                #expect(answer.status == status, "\(how)")
                #expect(try answer.json["code"]?.string == code, "\(how)")
                #expect(answer["Retry-After"] == retry, "\(how)")
                #expect(!answer.text.contains("secret"), "\(how)")
            }
            #expect(try await server.get("/hatch/fails/unknown").text.contains("Idempotency-Key"))
            let bug = try await server.get("/steel/fails/bug")
            #expect(try bug.json["error"]?["type"] == "internal_server_error")
        }
    }

    @Test("paths that name nothing are 404, whatever they are made of")
    func paths() async throws {
        try await TestServer.run { server async throws in
            for path in [
                "/hatch/things/", "/hatch/things/a%00b", "/hatch/things/%ff", "/hatch//open",
                "/hatch/things/1/2", "//", "/hatch/open/", "/" + String(repeating: "a/", count: 500),
            ] {
                let answer = try await server.get(path)
                #expect(answer.status == 404, "\(path.prefix(40))")
            }
            #expect(try await server.get("/hatch/things/a%2Fb%20c").json["id"] == "a/b c")
            #expect(try await server.get("/hatch/files/a/b%20c/d.txt").json["path"] == "a/b c/d.txt")
            #expect(try await server.get("/alias/hatch/things/1").json["id"] == "1")
        }
    }
}
