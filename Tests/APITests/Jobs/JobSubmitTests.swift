import Bytes
import Support
import Testing

@Suite("Submitting a job", .timeLimit(.minutes(2)))
struct JobSubmitTests {
    static let everything: JSON = [
        "title": " \u{2003}Wörter zählen 🐣\n", "description": "d", "type": "compute",
        "command": ["wc", "-w", "in.txt"], "env": ["LANG": "C", "_X1": ""], "stdin": "x",
        "inputs": [["path": "in.txt", "content_base64": "aGVsbG8="]], "outputs": ["out/a.txt"],
        "resources": ["cpu_cores": 0.5, "memory_gb": 1.5, "gpu": 1, "labels": ["fast", "big", "fast"]],
        "duration_minutes": 30, "max_price_usdt": "1.25", "queue": "night", "priority": 9, "max_attempts": 7,
        "backoff": ["initial_ms": 10, "factor": 1.5, "max_ms": 1_000], "run_at": "2020-01-01T01:00:00+01:00",
        "depends_on": [], "isolation": "vm",
    ]

    @Test("takes every field, and shows what it took", arguments: TestDatabase.all)
    func everyField(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.fund(.alice, "1.25")
            let reply = try await plane.post("/jobs", .alice, Self.everything)
            #expect(reply.status == 201, "\(reply.text)")
            let id = try #require(reply.json["id"]?.string)
            #expect(UUIDv7.isUUID(id))
            #expect(reply["Location"] == "/api/v1/jobs/\(id)")
            #expect(reply["Content-Type"] == "application/json")
            let created = try #require(reply.json["created_at"]?.string)
            // As Python's json.dumps(sort_keys=True) writes it.
            let canonical =
                #"{"created_at": "\#(created)", "id": "\#(id)", "name": "W\u00f6rter z\u00e4hlen \ud83d\udc23", "#
                + #""priority": 9, "queue": "night", "run_at": "2020-01-01T00:00:00.000Z", "status": "pending", "#
                + #""type": "compute"}"#
            #expect(reply["ETag"] == "\"\(SHA256.hex(canonical))\"")
            #expect(reply.json.text(.canonical) == canonical)
            let shown = try await plane.show(id)
            for (key, value) in [
                ("name", "Wörter zählen 🐣"), ("description", "d"), ("command", ["wc", "-w", "in.txt"]),
                ("env", ["LANG": "C", "_X1": ""]), ("outputs", ["out/a.txt"]), ("max_attempts", 7), ("attempt", 0),
                ("duration_minutes", 30), ("isolation", "vm"),
                ("price", ["max_usdt": "1.25", "usdt_per_hour": .null, "paid_usdt": "0"]), ("attempts", []),
                ("resources", ["cpu_cores": 0.5, "memory_gb": 1.5, "gpu": 1, "labels": ["big", "fast"]]),
                ("result", .null), ("error", .null), ("losses", 0), ("queue", "night"), ("priority", 9),
            ] as [(String, JSON)] {
                #expect(shown[key] == value, "\(key): \(shown[key]?.text() ?? "none")")
            }
            #expect(shown["pending_reason"]?.string?.isEmpty == false)
        }
    }

    @Test("needs a title only; everything else has its default", arguments: TestDatabase.all)
    func defaults(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let manual = try await plane.post("/jobs", .alice, ["title": "Water the plants"])
            #expect(manual.status == 201)
            #expect(manual.json["type"] == "manual")
            let id = try #require(manual.json["id"]?.string)
            #expect(try await plane.show(id)["command"] == .null)
            let shown = try await plane.show(plane.job())
            for (key, value) in [
                ("type", "compute"), ("status", "pending"), ("queue", "default"), ("priority", 5), ("max_attempts", 3),
                ("duration_minutes", 10), ("isolation", "sandbox"), ("price", .null), ("description", .null),
                ("command", ["/bin/sh", "-c", "true"]), ("env", [:]), ("outputs", []),
                ("resources", ["cpu_cores": 0, "memory_gb": 0, "gpu": 0, "labels": []]),
            ] as [(String, JSON)] {
                #expect(shown[key] == value, "\(key): \(shown[key]?.text() ?? "none")")
            }
            let nulls = (Self.everything.members ?? []).map { member in
                JSON.Member(member.key, member.key == "title" ? "t" : .null)
            }
            let reply = try await plane.post("/jobs", .alice, .object(nulls))
            #expect(reply.status == 201, "null is as good as absent: \(reply.text)")
            #expect(reply.json["type"] == "manual")
        }
    }

    @Test("means the same under both of its names", arguments: TestDatabase.all)
    func aliases(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let body = ControlPlane.request().bytes()
            let reply = try await plane.send("POST", "/jobs", Caller.alice.headers, bytes: body, base: "/v1")
            #expect(reply.status == 201)
            let id = try #require(reply.json["id"]?.string)
            #expect(reply["Location"] == "/api/v1/jobs/\(id)")
            let short = try await plane.send("GET", "/jobs/\(id)", Caller.alice.headers, base: "/v1")
            let long = try await plane.get("/jobs/\(id)", .alice)
            #expect(short.body == long.body)
            #expect(short["ETag"] == long["ETag"])
        }
    }

    @Test("counts a title's code points, so that no title is larger than it says", arguments: TestDatabase.all)
    func lengths(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            // One character to the eye, and a thousand code points.
            let zalgo = "e" + String(repeating: "\u{301}", count: 1_500)
            for (title, status) in [
                (String(repeating: "ü", count: 255), 201), (String(repeating: "ü", count: 256), 422), (zalgo, 422),
                (String(repeating: " ", count: 500) + "x", 201),
            ] {
                let reply = try await plane.post("/jobs", .alice, ["title": .string(title)])
                #expect(reply.status == status, "\(title.unicodeScalars.count) code points")
            }
            let described = try await plane.post("/jobs", .alice, ["title": "t", "description": .string(zalgo)])
            #expect(described.blame == "422 description")
        }
    }
}

@Suite("Submitting many jobs", .timeLimit(.minutes(2)))
struct JobBatchTests {
    private func batch(_ jobs: [JSON]) -> JSON { ["jobs": .array(jobs)] }

    @Test("takes a thousand in order, and not one more", arguments: TestDatabase.all)
    func thousand(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let jobs = (0..<1_001).map { JSON.object([.init("title", .string("job \($0)"))]) }
            #expect(try await plane.post("/jobs/batch", .alice, batch(jobs)).blame == "422 jobs")
            #expect(try await plane.post("/jobs/batch", .alice, batch([])).blame == "422 jobs")
            #expect(try await plane.get("/jobs", .alice).ids.isEmpty)
            let reply = try await plane.post("/jobs/batch", .alice, batch(Array(jobs.dropLast())))
            #expect(reply.status == 201)
            #expect(reply["ETag"] == reply.tag)
            #expect(Set(reply.ids).count == 1_000)
            #expect(reply.ids == reply.ids.sorted())
            let names = (reply.json["jobs"]?.array ?? []).compactMap { $0["name"]?.string }
            #expect(names == (0..<1_000).map { "job \($0)" })
            #expect(try await plane.get("/jobs?limit=100", .alice).ids == reply.ids.suffix(100).reversed())
        }
    }

    @Test("is all or nothing, and says which one is wrong", arguments: TestDatabase.all)
    func allOrNothing(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let good = ControlPlane.request()
            let stranger = try await plane.job(of: .bob)
            for (bad, blame) in [
                (["title": " "], "422 jobs[2].title"), ("x", "422 jobs[2]"),
                (["title": "t", "prio": 1], "422 jobs[2].prio"),
                (["title": "t", "resources": ["gpu": -1]], "422 jobs[2].resources.gpu"),
                (["title": "t", "inputs": [["path": "/etc/passwd"]]], "422 jobs[2].inputs[0].path"),
                (["title": "t", "depends_on": [.string(stranger)]], "422 depends_on"),
            ] as [(JSON, String)] {
                let reply = try await plane.post("/jobs/batch", .alice, batch([good, good, bad, good]))
                #expect(reply.blame == blame, "\(reply.text)")
            }
            for body in [#"{"jobs":{}}"#, #"{"jobs":null}"#, "{}", #"{"jobs":[{"title":"t"}],"x":1}"#, "[]"] {
                #expect(try await plane.post("/jobs/batch", .alice, text: body).status == 422, "\(body)")
            }
            #expect(try await plane.get("/jobs", .alice).ids.isEmpty)
        }
    }
}
