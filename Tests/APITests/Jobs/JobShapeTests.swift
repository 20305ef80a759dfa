@testable import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing
import Wire

/// What is asked thousands of times a second is answered by hand (submit, claim, extend, results): each writer is held
/// to the shape or schema that the document publishes for it, in both directions.
@Suite("Answers written by hand", .timeLimit(.minutes(2)))
struct JobShapeTests {
    /// A job with every field, on a machine that has a label and a GPU.
    private static let everything: JSON = [
        "title": "Wörter \"zählen\" 🐣\n\u{2028}<&>", "description": "d", "type": "compute",
        "command": ["wc", "-w", "in.txt"], "env": ["LANG": "C"], "stdin": "x",
        "inputs": [["path": "in.txt", "content_base64": "aGVsbG8="]], "outputs": ["out/a.txt"],
        "resources": ["cpu_cores": 0.5, "memory_gb": 1.5, "gpu": 1, "labels": ["fast"]],
        "duration_minutes": 30, "max_price_usdt": "1.25", "queue": "night", "priority": 9, "max_attempts": 7,
        "backoff": ["initial_ms": 10, "factor": 1.5, "max_ms": 1_000], "run_at": "2020-01-01T01:00:00+01:00",
        "isolation": "vm",
    ]

    /// Requests in all states that a submission can end in: ready, for later, waiting for a job, and cancelled since
    /// the job it waits for has failed.
    private static func requests(waiting: String, failed: String) -> [JSON] {
        func after(_ id: String) -> JSON { ["title": "t", "command": "true", "depends_on": [.string(id)]] }
        return [
            everything, ["title": "t", "command": "true"], ["title": "by hand"],
            ["title": "t", "type": "manual", "run_at": "2999-01-01T00:00:00Z"], after(waiting), after(failed),
        ]
    }

    private static let states = ["pending", "pending", "pending", "pending", "blocked", "cancelled"]

    /// The ids of a job that waits and of one that has failed; nobody else can claim what waits.
    private static func dependencies(_ plane: ControlPlane) async throws -> (waiting: String, failed: String) {
        let failed = try await plane.failed(by: plane.worker())
        return (try await plane.job(["queue": "nobody"]), failed)
    }

    @Test("of a submission are what its shape would write, byte for byte, in every state", arguments: TestDatabase.all)
    func submitted(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.fund(.alice, "10")
            let (waiting, failed) = try await Self.dependencies(plane)
            let requests = try Self.requests(waiting: waiting, failed: failed).map(JobRequest.input.read)
            let jobs = requests.map { request in
                var job = request.job
                job.owner = OwnerID("alice")
                return job
            }
            let broker = plane.dependencies.broker
            let owner = OwnerID("alice")
            let contents = try await JobInputs(broker).prepare(requests.flatMap(\.contents), [], owner: owner)
            var submission = Submission(jobs: jobs, idempotency: nil) { accepted, now in
                let pairs = accepted.map { job -> JSON in
                    let shape = JobShapes.submitted.bytes((accepted: job, now: now))
                    return [
                        "hand": .string(JobShapes.canonical(job, now: now).text()),
                        "shape": .string(String(decoding: shape, as: UTF8.self)),
                    ]
                }
                return StoredAnswer(status: 201, body: JSON.array(pairs).text())
            }
            submission.contents = contents
            let reply = try await broker.submit(submission)
            guard case .accepted(_, let answer) = reply else {
                Issue.record("not accepted")
                return
            }
            let pairs = try #require(try JSON(parsing: Array(answer.body.utf8)).array)
            let sent = try pairs.map { pair in
                #expect(pair["hand"] == pair["shape"])
                return try JSON(parsing: Array((pair["hand"]?.string ?? "").utf8))
            }
            #expect(sent.compactMap { $0["status"]?.string } == Self.states)
            #expect(SentFields(sent, as: JobShapes.submitted.schema).flaws == [])
        }
    }

    @Test(
        "of a submission over HTTP have the published fields, as the job itself shows them", arguments: TestDatabase.all
    )
    func posted(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.fund(.alice, "10")
            let (waiting, failed) = try await Self.dependencies(plane)
            let requests = Self.requests(waiting: waiting, failed: failed)
            var sent: [JSON] = []
            for request in requests {
                let reply = try await plane.post("/jobs", .alice, request)
                #expect(reply.status == 201, "\(reply.text)")
                // Canonical: what the tag is the hash of.
                #expect(reply["ETag"] == "\"\(SHA256.hex(reply.body))\"")
                sent.append(reply.json)
            }
            let batch = try await plane.post("/jobs/batch", .alice, ["jobs": .array(requests)])
            #expect(batch.status == 201, "\(batch.text)")
            #expect(batch["ETag"] == "\"\(SHA256.hex(batch.body))\"")
            #expect(SentFields(sent, as: try Self.schema("submitJob")).flaws == [])
            #expect(SentFields([batch.json], as: try Self.schema("submitJobs")).flaws == [])
            for job in sent + (batch.json["jobs"]?.array ?? []) {
                let shown = try await plane.show(job["id"]?.string ?? "")
                for member in job.members ?? [] {
                    #expect(shown[member.key] == member.value, "\(member.key) of \(job.text())")
                }
            }
        }
    }

    @Test(
        "of a claim have the published fields, with all that a job can have and with none of it",
        arguments: TestDatabase.all)
    func claimed(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.fund(.alice, "10")
            let worker = try await plane.worker()
            let trace = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
            let ids = [
                try await plane.job(Self.everything, headers: trace), try await plane.job(),
                try await plane.job(["stdin_base64": "/w=="]),
            ]
            try await plane.tick()
            let reply = try await plane.call(
                worker, "jobs/claim",
                [
                    "limit": 10,
                    "capacity": [
                        "cpu_cores": 8, "memory_gb": 16, "gpu": 1, "labels": ["fast", "big"], "isolation": "vm",
                    ],
                ])
            let granted = reply.data["jobs"]?.array ?? []
            #expect(Set(granted.compactMap { $0["id"]?.string }) == Set(ids), "\(reply.text)")
            let audit = ClaimedJob(
                id: JobID("audit"), kind: "audit", claimToken: "token", visibleUntil: 0,
                visibilityTimeoutMilliseconds: 60_000, leaseEnds: 0, command: [],
                resources: Capacity(cpuCores: 1, memoryGB: 1),
                audit: .init(repoURL: "https://farm.example/x.git", branch: "main", tests: "make test"))
            var other = audit
            other.audit?.branch = nil
            let audits = ClaimReply(jobs: [audit, other]).json
            let flaws = SentFields([reply.data, audits], as: try Self.schema("claimJobs")).flaws
            #expect(flaws == [])
            for grant in granted {
                let shown = try await plane.show(grant["id"]?.string ?? "")
                for (told, name) in [
                    ("title", "name"), ("kind", "type"), ("queue", "queue"), ("command", "command"), ("env", "env"),
                    ("outputs", "outputs"), ("attempt", "attempt"), ("visible_until", "visible_until"),
                    ("duration_minutes", "duration_minutes"), ("isolation", "isolation"),
                ] {
                    #expect(grant[told] == shown[name], "\(told): \(grant.text()) \(shown.text())")
                }
                for need in ["cpu_cores", "gpu", "labels"] {
                    #expect(grant["resources"]?[need] == shown["resources"]?[need], "\(need)")
                }
            }
        }
    }

    @Test("of extensions have the published fields, whether a lease goes on or not", arguments: TestDatabase.all)
    func extended(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for _ in 0..<3 { _ = try await plane.job() }
            let held = try await plane.claim(worker, ["limit": 3])
            _ = try await plane.send("DELETE", "/jobs/\(held[2].job)", Caller.alice.headers)
            let leases = zip(held, [held[0].token, "stale", held[2].token]).map { held, token -> JSON in
                ["job_id": .string(held.job), "claim_token": .string(token), "extension_ms": 90_000]
            }
            let many = try await plane.call(worker, "jobs/extend", ["leases": .array(leases)])
            let answers = many.data["leases"]?.array ?? []
            #expect(answers.compactMap { $0["status"]?.string } == ["extended", "lost", "cancelled"])
            #expect(SentFields([many.data], as: try Self.schema("extendLeases")).flaws == [])
            let one = try await plane.report(held[0], "extend", ["extension_ms": 90_000])
            #expect(one.status == 200, "\(one.text)")
            // Alone, a lease that is lost is refused: only here is there no time.
            #expect(SentFields([one.data, answers[1]], as: try Self.schema("extendLease")).flaws == [])
        }
    }

    @Test("of results have the published fields, accepted and refused, alone and together", arguments: TestDatabase.all)
    func judged(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            for _ in 0..<4 { _ = try await plane.job() }
            let held = try await plane.claim(worker, ["limit": 4])
            func named(_ held: Held, _ result: JSON, token: String? = nil) -> JSON {
                .object(
                    [.init("job_id", .string(held.job)), .init("claim_token", .string(token ?? held.token))]
                        + (result.members ?? []))
            }
            let one = try await plane.finish(held[0])
            let results = [
                named(held[0], ControlPlane.success), named(held[1], ControlPlane.failure),
                named(held[2], ControlPlane.success, token: "stale"),
            ]
            let many = try await plane.call(worker, "jobs/results", ["results": .array(results)])
            let answers = many.data["results"]?.array ?? []
            #expect(answers.compactMap { $0["accepted"]?.bool } == [true, true, false], "\(many.text)")
            #expect(SentFields([many.data], as: try Self.schema("reportResults")).flaws == [])
            #expect(SentFields([one.data], as: try Self.schema("reportResult")).flaws == [])
            // One has a writer of its own in a batch: both say the same, in the same order.
            #expect(answers[0].text() == one.data.text())
            let progress = try await plane.report(held[3], "progress", ["percent": 5])
            #expect(SentFields([progress.data], as: try Self.schema("reportProgress")).flaws == [])
            let released = try await plane.report(held[3], "release")
            #expect(SentFields([released.data], as: try Self.schema("releaseJob")).flaws == [])
            let drained = try await plane.call(worker, "drain", ["draining": true])
            #expect(SentFields([drained.data], as: try Self.schema("drainWorker")).flaws == [])
        }
    }

    /// What the document says of the data of an operation's first answer.
    private static func schema(_ operation: String) throws -> Schema {
        let route = try #require(APISystem.all.flatMap(\.routes).first { $0.id == operation }, "no \(operation)")
        return try #require(route.answers.first?.schema)
    }
}

/// A check that never found a planted flaw proves nothing.
@Suite("Fields held against their schema")
struct SentFieldsTests {
    private static let schema = Schema.object(
        .required("id", .string()), .optional("at", .instant), .required("text", .nullable(.string())),
        .required("list", .array(.object(.required("n", .integer())))), .required("map", .map(.string())),
        .required(
            "end", .either([.object(.required("ok", .constant(true))), .object(.required("ok", .constant(false)))])))

    private static func flaws(_ values: String...) throws -> [String] {
        SentFields(try values.map { try JSON(parsing: Array($0.utf8)) }, as: schema).flaws
    }

    private static let full =
        #"{"id":"a","at":"2026-01-01T00:00:00Z","text":"t","list":[{"n":1}],"map":{"a":"b"},"end":{"ok":true}}"#
    private static let bare = #"{"id":"a","text":null,"list":[],"map":{},"end":{"ok":false}}"#

    @Test("are in order when each was sent, and what may be missing was missing once")
    func good() throws {
        #expect(try Self.flaws(Self.full, Self.bare) == [])
    }

    @Test(
        "are not when one side has more than the other",
        arguments: [
            (#""id":"a""#, #""id":"a","more":1"#, "$.more is not in the schema"),
            (#""id":"a","#, "", "$.id is required, and was left out"),
            (#"{"n":1}"#, "", "$.list[] was never sent"),
            (#"{"n":1}"#, "{}", "$.list[].n is required, and was left out"),
            (#"{"n":1}"#, #"{"n":1,"m":2}"#, "$.list[].m is not in the schema"),
            (#""at":"2026-01-01T00:00:00Z","#, "", "$.at was never sent"),
            (#"{"a":"b"}"#, "{}", "$.map{} was never sent"), (#""text":"t""#, #""text":null"#, "$.text was never sent"),
            (#"{"ok":true}"#, #"{"ok":false}"#, "$.end|0 was never sent"),
            (#"{"ok":true}"#, #"{"ok":1}"#, #"$.end is none of its kinds: {"ok":1}"#),
            (#"{"ok":true}"#, #"{"ok":true,"why":1}"#, "$.end|0.why is not in the schema"),
        ])
    func planted(_ fault: (place: String, fault: String, flaw: String)) throws {
        let value = Self.full.replacing(fault.place, with: fault.fault)
        #expect(value != Self.full)
        #expect(try Self.flaws(value, Self.bare).contains(fault.flaw))
    }

    @Test("are not when what is optional or may be null was always there")
    func always() throws {
        #expect(
            try Self.flaws(Self.full, Self.full).filter { !$0.contains("end") }
                == ["$.at is optional, and was never left out", "$.text was never null"])
    }
}
