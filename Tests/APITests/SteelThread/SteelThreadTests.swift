import API
import Bytes
import Store
import Support
import Testing

/// What the document of SteelThread says of its endpoints, one after the other (`seeds/004`). Tasks and tokens have
/// suites of their own.
@Suite("SteelThread's endpoints", .timeLimit(.minutes(2)))
struct SteelThreadTests {
    @Test("GET /health and GET /healthz are 200 without a credential; 500 without the database")
    func health() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            let health = try await plane.send("GET", "/health", base: "")
            #expect(health.status == 200 && health.json["status"] == "healthy")
            let database = try await plane.send("GET", "/healthz")
            #expect(database.status == 200 && database.json == ["status": "ok"])
        }
        // Another server, as an answer is kept for a second.
        try await ControlPlane.run(.sqlite) { plane async throws in
            await plane.dependencies.database.close()
            #expect(try await plane.send("GET", "/health", base: "").status == 200)
            let down = try await plane.send("GET", "/healthz")
            #expect(down.status == 500 && down.error?["type"] == "internal_server_error" && down.error?["code"] == 500)
            #expect(down.error?["path"] == "/api/v1/healthz" && down.error?["method"] == "GET")
        }
    }

    @Test("POST /auth/login is 200 with a bearer token, 401 and 422", arguments: TestDatabase.all)
    func login(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            try await plane.user("ann")
            let reply = try await plane.login("ann")
            #expect(reply.status == 200 && reply.json["token_type"] == "bearer")
            #expect(reply.json.members?.map(\.key) == ["access_token", "token_type"])
            let wrong = try await plane.login("ann", "wrong")
            #expect(wrong.status == 401 && wrong.error?["message"] == "Incorrect username or password")
            #expect(wrong["WWW-Authenticate"] == "Bearer")
            let empty = try await plane.send("POST", "/auth/login", bytes: Array("{}".utf8), base: "")
            #expect(empty.status == 422 && empty.error?["type"] == "validation_error")
        }
    }

    @Test("jobs are created, listed, shown and cancelled by a login's token", arguments: TestDatabase.all)
    func jobs(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let body: JSON = ["title": "Process payroll", "description": "Monthly payroll processing"]
            let made = try await plane.post("/jobs", ann, body)
            #expect(made.status == 201 && made.json["name"] == "Process payroll" && made.json["status"] == "pending")
            #expect(made["ETag"] == EntityTag.of(made.json))
            let id = try #require(made.json["id"]?.string)
            #expect(made["Location"] == "/api/v1/jobs/\(id)")
            for path in ["/jobs", "/jobs/\(id)"] {
                let found = try await plane.get(path, ann)
                #expect(found.status == 200 && found["ETag"] == EntityTag.of(found.json), "\(path)")
                let known = ann.with(("If-None-Match", found["ETag"] ?? ""))
                let again = try await plane.get(path, known)
                #expect(again.status == 304 && again.body.isEmpty && again["ETag"] == found["ETag"], "\(path)")
            }
            #expect(try await plane.get("/jobs", ann).json["jobs"]?.array?.map { $0["id"]?.string } == [id])
            for title in [JSON.null, "", "  ", 7] {
                let reply = try await plane.post("/jobs", ann, ["title": title])
                #expect(reply.status == 422 && reply.error?["field"] == "title", "\(title.text())")
            }
            let none = try await plane.get("/jobs/00000000-0000-7000-8000-000000000000", ann)
            #expect(none.status == 404 && none.error?["type"] == "http_exception")
            let cancelled = try await plane.delete("/jobs/\(id)", ann)
            #expect(cancelled.status == 200 && cancelled.json["status"] == "cancelled")
            #expect(try await plane.delete("/jobs/\(id)", ann).status == 409)
        }
    }

    @Test("every endpoint but login and health is 401 without a token, and says how to come by one")
    func unauthorised() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            for (method, path) in [
                ("POST", "/jobs"), ("GET", "/jobs"), ("GET", "/jobs/x"), ("DELETE", "/jobs/x"),
                ("POST", "/collab/tasks"), ("GET", "/collab/state/tasks"), ("GET", "/collab/tasks/x"),
                ("PUT", "/collab/tasks/x"), ("DELETE", "/collab/tasks/x"),
            ] {
                for headers: [(String, String)] in [
                    [], [("Authorization", "Bearer x")], [("Authorization", "Basic YTpi")],
                ] {
                    let reply = try await plane.send(method, path, headers)
                    #expect(reply.status == 401 && reply["WWW-Authenticate"] == "Bearer", "\(method) \(path)")
                    let error: JSON = [
                        "error": [
                            "type": "http_exception", "code": 401, "message": "Could not validate credentials",
                            "path": .string("/api/v1\(path)"), "method": .string(method),
                        ]
                    ]
                    #expect(reply.json == error)
                }
            }
        }
    }

    @Test("an unknown path is 404 and a wrong method 405, in SteelThread's shape")
    func unknown() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let lost = try await plane.get("/collab/nothing", ann)
            #expect(lost.status == 404 && lost.error?["type"] == "http_exception" && lost.error?["code"] == 404)
            for (path, allow) in [
                ("/collab/tasks", "POST"), ("/collab/state/tasks", "GET, HEAD"),
                ("/collab/tasks/x", "DELETE, GET, HEAD, PUT"),
            ] {
                let reply = try await plane.send("PATCH", path, ann.headers)
                #expect(reply.status == 405 && reply["Allow"] == allow && reply.error?["method"] == "PATCH", "\(path)")
            }
        }
    }

    @Test("calls of a limited endpoint tell the limit, with 429 and Retry-After over it")
    func limits() async throws {
        let settings: [Setting] = [.set(\.taskQuota, Quota(limit: 2, seconds: 900))]
        try await ControlPlane.run(.sqlite, settings[0], world: .still) { plane async throws in
            let (ann, bob) = (try await plane.signedIn("ann"), try await plane.signedIn("bob"))
            let calls: [(String, String, JSON?, Int)] = [
                ("POST", "/collab/tasks", ControlPlane.content, 201), ("GET", "/collab/state/tasks", nil, 200),
                ("GET", "/collab/tasks/x", nil, 404), ("PUT", "/collab/tasks/x", ["title": "t"], 428),
                ("DELETE", "/collab/tasks/x", nil, 404),
            ]
            for (method, path, body, status) in calls {
                for left in ["1", "0"] {
                    let reply = try await plane.send(method, path, ann.headers, bytes: body?.bytes())
                    #expect(reply.status == status, "\(method) \(path)")
                    #expect(reply["X-RateLimit-Limit"] == "2" && reply["X-RateLimit-Remaining"] == left)
                    #expect(reply["X-RateLimit-Reset"].flatMap { Int64($0) } != nil)
                }
                let over = try await plane.send(method, path, ann.headers, bytes: body?.bytes())
                #expect(over.status == 429 && over.error?["code"] == 429, "\(method) \(path)")
                #expect(over["X-RateLimit-Remaining"] == "0" && over["Retry-After"] == "900")
                // Another member has a window of its own.
                #expect(try await plane.send(method, path, bob.headers, bytes: body?.bytes()).status == status)
            }
            #expect(try await plane.taskCount() == 3)
        }
    }

    @Test("pages of ALLOWED_ORIGINS may call, and every reply has the security headers")
    func browsers() async throws {
        let page = "https://farm.example"
        try await ControlPlane.run(.sqlite, .set(\.allowedOrigins, [page])) { plane async throws in
            let ann = try await plane.signedIn("ann")
            let id = try await plane.task(of: ann).id
            for (method, path, methods) in [
                ("POST", "/auth/login", "POST"), ("POST", "/api/v1/collab/tasks", "POST"),
                ("GET", "/api/v1/collab/state/tasks", "GET, HEAD"),
                ("PUT", "/api/v1/collab/tasks/\(id)", "DELETE, GET, HEAD, PUT"),
                ("POST", "/api/v1/jobs", "GET, HEAD, POST"),
            ] {
                let asks = [("Origin", page), ("Access-Control-Request-Method", method)]
                let preflight = try await plane.send("OPTIONS", path, asks, base: "")
                #expect(preflight.status == 204 && preflight["Access-Control-Allow-Origin"] == page, "\(path)")
                #expect(preflight["Access-Control-Allow-Methods"] == methods, "\(path)")
                for header in ["Authorization", "If-Match", "If-None-Match", "Idempotency-Key", "traceparent"] {
                    #expect(preflight["Access-Control-Allow-Headers"]?.contains(header) == true)
                }
                let stranger = try await plane.send("OPTIONS", path, [("Origin", "https://evil.example")], base: "")
                #expect(stranger.status == 405 && stranger["Access-Control-Allow-Origin"] == nil)
            }
            let path = "/collab/tasks/\(id)"
            for caller in [ann, Caller.nobody] {
                let reply = try await plane.get(path, caller.with(("Origin", page), ("X-Request-ID", "call-1")))
                #expect(reply["Access-Control-Allow-Origin"] == page && reply["X-Request-ID"] == "call-1")
                #expect(reply["Access-Control-Expose-Headers"]?.contains("ETag") == true)
                #expect(reply["X-Content-Type-Options"] == "nosniff" && reply["X-Frame-Options"] == "DENY")
                #expect(reply["Referrer-Policy"] == "no-referrer" && reply["Content-Security-Policy"] != nil)
                let other = try await plane.get(path, caller.with(("Origin", "https://evil.example")))
                #expect(other["Access-Control-Allow-Origin"] == nil)
            }
        }
    }
}
