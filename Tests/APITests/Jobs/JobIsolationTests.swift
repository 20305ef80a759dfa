import Bytes
import Support
import Testing

/// Who gets what of whose job: every cell stated, every cell tried (PROMISES S2).
@Suite("Tenants of the jobs API", .timeLimit(.minutes(2)))
struct JobIsolationTests {
    /// Those who try, in the order of the columns.
    private struct Actors {
        let owner: Caller
        let worker: Worker
        let columns: [(name: String, caller: Caller)]

        init(_ plane: ControlPlane) async throws {
            let other = try await plane.agent("Dave")
            owner = try await plane.agent("Carol")
            worker = try await plane.worker(of: owner)
            columns = [
                ("owner", owner), ("operator for owner", .operator(for: owner.owner)), ("other member", other),
                ("operator for other", .operator(for: other.owner)),
                ("operator for nobody", Caller(owner: "", key: ControlPlane.operatorToken)),
                ("owner as other", owner.with(("X-Owner-ID", other.owner))),
                ("other as owner", other.with(("X-Owner-ID", owner.owner))), ("worker", worker.caller),
                ("worker's token as a key", Caller(owner: "", key: worker.token)), ("nobody", .nobody),
            ]
        }
    }

    /// `{failed}` is a failed job of the owner's with a log and a file, `{pending}` one that waits.
    private static let calls: [(method: String, path: String, statuses: [Int])] = [
        // owner, operator for owner, other, operator for other, for nobody, owner as other, other as owner,
        // worker ×2, nobody
        ("GET", "/jobs", [200, 200, 200, 200, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("HEAD", "/jobs/{failed}", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}/logs", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}/events", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}/artifacts", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}/artifacts/a.txt", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("GET", "/jobs/{failed}/artifacts/none", [404, 404, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("POST", "/jobs/{failed}/retry", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("DELETE", "/jobs/{pending}", [200, 200, 404, 404, 400, 403, 403, 401, 401, 401]),
        ("POST", "/jobs", [422, 422, 422, 422, 400, 403, 403, 401, 401, 401]),
        ("POST", "/jobs/batch", [422, 422, 422, 422, 400, 403, 403, 401, 401, 401]),
        ("POST", "/artifacts", [201, 201, 201, 201, 400, 403, 403, 401, 401, 401]),
    ]

    @Test("get what is theirs and nothing else", arguments: TestDatabase.all)
    func matrix(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let actors = try await Actors(plane)
            for (column, actor) in actors.columns.enumerated() {
                let held = try await plane.held(by: actors.worker, ["max_attempts": 1], of: actors.owner)
                _ = try await plane.keep(held, "a.txt", [1, 2, 3])
                _ = try await plane.report(held, "progress", ["log": "secret"])
                try await plane.finish(held, ControlPlane.failure)
                let pending = try await plane.job(["command": .null], of: actors.owner)
                let before = [
                    try await plane.show(held.job, actors.owner), try await plane.show(pending, actors.owner),
                ]
                for base in ["/v1", "/api/v1"] {
                    for call in Self.calls {
                        // What changes something is done once.
                        if base == "/v1", call.statuses[column] == 200, call.method == "POST" || call.method == "DELETE"
                        {
                            continue
                        }
                        let path = call.path.replacing("{failed}", with: held.job).replacing("{pending}", with: pending)
                        let reply = try await plane.send(call.method, path, actor.caller.headers, base: base)
                        #expect(reply.status == call.statuses[column], "\(actor.name): \(call.method) \(call.path)")
                        if column > 1 {
                            for secret in [held.job, pending, "secret"] { #expect(!leaks(reply, secret, path)) }
                        }
                    }
                }
                guard column > 1 else { continue }
                let after = [try await plane.show(held.job, actors.owner), try await plane.show(pending, actors.owner)]
                #expect(after == before, "\(actor.name) changed something")
                _ = try await plane.send("DELETE", "/jobs/\(pending)", actors.owner.headers)
            }
        }
    }

    /// Whether a reply tells more than the path that was asked for.
    private func leaks(_ reply: PlaneReply, _ secret: String, _ path: String) -> Bool {
        reply.text.replacing(path, with: "").contains(secret)
    }

    @Test("can't wait for, or feed on, what is another's", arguments: TestDatabase.all)
    func references(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let actors = try await Actors(plane)
            let id = try await plane.job(["command": .null], of: actors.owner)
            for (name, caller) in actors.columns[2...3] {
                for (fields, blamed) in [
                    (["depends_on": [.string(id)]], "depends_on"),
                    (["inputs": [["path": "a", "artifact": .string("\(id)/a.txt")]]], "inputs[0].artifact"),
                ] as [(JSON, String)] {
                    let reply = try await plane.post("/jobs", caller, ControlPlane.request(fields))
                    #expect(reply.blame == "422 \(blamed)", "\(name): \(reply.text)")
                }
                #expect(try await plane.get("/jobs", caller).ids.isEmpty)
            }
            let tag = try await plane.get("/jobs/\(id)", actors.owner)["ETag"] ?? ""
            let known = try await plane.get("/jobs/\(id)", actors.columns[2].caller.with(("If-None-Match", tag)))
            #expect(known.status == 404, "a tag is no key")
        }
    }

    @Test("of the workers' calls are the lease's holder alone", arguments: TestDatabase.all)
    func workers(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let actors = try await Actors(plane)
            let sibling = try await plane.worker(of: actors.owner)
            let stranger = try await plane.worker(of: .bob)
            let held = try await plane.held(
                by: actors.worker, ["inputs": [["path": "in", "content_base64": "aGk="]]], of: actors.owner)
            let token: JSON = .string(held.token)
            let path = "/jobs/\(held.job)"
            let result = [JSON.Member("claim_token", token)] + (ControlPlane.success.members ?? [])
            let calls: [(method: String, path: String, body: [UInt8]?)] = [
                ("POST", "/extend", JSON(["claim_token": token, "extension_ms": 1_000]).bytes()),
                ("POST", "/progress", JSON(["claim_token": token, "log": "x"]).bytes()),
                ("PUT", "/artifacts/a", [1]), ("GET", "/inputs/in", nil),
                ("POST", "/result", JSON.object(result).bytes()),
                ("POST", "/release", JSON(["claim_token": token]).bytes()),
            ]
            let before = try await plane.show(held.job, actors.owner)
            for (name, caller, id, status) in [
                ("sibling", sibling.caller, sibling.id, 403), ("stranger", stranger.caller, stranger.id, 403),
                ("sibling as holder", sibling.caller, held.worker.id, 401),
                ("holder as sibling", held.worker.caller, sibling.id, 401),
                ("owner", actors.owner, held.worker.id, 401),
                ("operator", .operator(for: actors.owner.owner), held.worker.id, 401),
                ("nobody", .nobody, held.worker.id, 401),
            ] {
                for call in calls {
                    let headers = caller.headers + [("X-Claim-Token", held.token)]
                    let reply = try await plane.send(
                        call.method, "/workers/\(id)\(path)\(call.path)", headers, bytes: call.body)
                    #expect(reply.status == status, "\(name): \(call.path) \(reply.text)")
                }
            }
            #expect(try await plane.show(held.job, actors.owner) == before)
            for call in calls.dropLast() {
                let headers = held.worker.caller.headers + [("X-Claim-Token", held.token)]
                let reply = try await plane.send(call.method, held.path + call.path, headers, bytes: call.body)
                #expect(reply.status == 200, "\(call.path) \(reply.text)")
            }
        }
    }
}

extension JSON {
    fileprivate init(_ members: KeyValuePairs<String, JSON>) {
        self = .object(members.map { Member($0.key, $0.value) })
    }
}
