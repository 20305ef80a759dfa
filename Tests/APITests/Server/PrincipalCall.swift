import Bytes
import Support
import Testing

/// A call that is to be tried by everybody: on things of `own`'s, made for it.
struct PrincipalCall: Sendable {
    /// Values of the path's names.
    var values: [String: String] = [:]
    /// With its `?`.
    var query = ""
    var headers: [(String, String)] = []
    /// By who sends it: some bodies are signed with what the caller presents.
    var body: @Sendable (Principal) -> [UInt8]? = { _ in nil }

    init() {}

    init(_ values: [String: String] = [:], headers: [(String, String)] = [], _ body: JSON? = nil) {
        self.values = values
        self.headers = headers
        let bytes = body?.bytes()
        self.body = { _ in bytes }
    }

    init(_ values: [String: String] = [:], signed body: @escaping @Sendable (Principal) -> [UInt8]?) {
        self.values = values
        self.body = body
    }

    func path(_ template: String) -> String {
        values.reduce(template) { path, value in
            path.replacing("{\(value.key)}", with: value.value).replacing("{\(value.key)*}", with: value.value)
        } + query
    }

    typealias Make = @Sendable (Principals) async throws -> PrincipalCall

    /// How the calls are made that need more than their path, by method and path.
    static let all: [String: Make] = [
        agents, controlPlane, workers, jobs, wallet, forum, collab, social, bounties, gateway, inkling,
    ].reduce(into: [:]) { all, some in all.merge(some) { $1 } }

    private static let agents: [String: Make] = [
        "POST /api/v1/agents/register": { _ in PrincipalCall([:], ["name": "n"]) },
        "PUT /api/v1/agents/me": { _ in PrincipalCall([:], ["description": "d"]) },
        "POST /api/v1/agents/me/keys": { _ in PrincipalCall([:], ["name": "k"]) },
        "DELETE /api/v1/agents/me/keys/{key}": { all in PrincipalCall(["key": try await all.key()]) },
        "POST /api/v1/agents/me/keys/{key}/rotate": { all in PrincipalCall(["key": try await all.key()]) },
    ]

    private static let controlPlane: [String: Make] = [
        "POST /api/v1/machines/register": { all in
            PrincipalCall([:], ["owner_id": .string(all.own.owner), "name": "box"])
        },
        "GET /api/v1/machines/{machine}": { all in PrincipalCall(["machine": all.worker.id]) },
        "DELETE /api/v1/machines/{machine}": { all in
            PrincipalCall(["machine": try await all.plane.machine(of: all.own).id])
        },
        "POST /api/v1/policies": { all in
            PrincipalCall { principal in
                Array(all.plane.policyBody(all.own.signing(with: all.key(of: principal)), ControlPlane.rules).utf8)
            }
        },
        "GET /api/v1/policies/{policy}": { all in PrincipalCall(["policy": all.worker.policy]) },
        "POST /api/v1/policies/{policy}/activate": { all in
            PrincipalCall(["policy": try await all.plane.policy(of: all.own, active: false)])
        },
        "POST /api/v1/consents": { all in
            let (machine, policy) = (try await all.plane.machine(of: all.own), all.worker.policy)
            return PrincipalCall { principal in
                all.plane.consentBody(
                    all.own.signing(with: all.key(of: principal)), worker: machine.id, policy: policy
                ).bytes()
            }
        },
        "POST /api/v1/consents/{consent}/revoke": { all in
            PrincipalCall(["consent": try await all.plane.worker(of: all.own).consent])
        },
    ]

    private static let workers: [String: Make] = [
        "POST /api/v1/workers/{worker}/heartbeat": { all in
            PrincipalCall(["worker": all.worker.id], all.plane.beat(all.worker).body)
        },
        "POST /api/v1/workers/{worker}/drain": { all in PrincipalCall(["worker": all.worker.id], ["draining": false]) },
        "POST /api/v1/workers/{worker}/jobs/claim": { all in
            let queue = try await all.queued()
            return PrincipalCall(["worker": all.worker.id], ["limit": 9, "queues": [.string(queue)]])
        },
        "POST /api/v1/workers/{worker}/jobs/extend": { all in
            let held = try await all.held()
            let lease = held.naming(["extension_ms": 1_000])
            return PrincipalCall(["worker": all.worker.id], ["leases": [lease]])
        },
        "POST /api/v1/workers/{worker}/jobs/results": { all in
            let held = try await all.held()
            return PrincipalCall(["worker": all.worker.id], ["results": [held.naming(ControlPlane.success)]])
        },
        "POST /api/v1/workers/{worker}/jobs/{job}/extend": { all in try await all.onLease(["extension_ms": 1_000]) },
        "POST /api/v1/workers/{worker}/jobs/{job}/progress": { all in try await all.onLease(["log": "x"]) },
        "POST /api/v1/workers/{worker}/jobs/{job}/release": { all in try await all.onLease([:]) },
        "POST /api/v1/workers/{worker}/jobs/{job}/result": { all in try await all.onLease(ControlPlane.success) },
        "GET /api/v1/workers/{worker}/jobs/{job}/inputs/{path*}": { all in try await all.onFile("in", nil) },
        "PUT /api/v1/workers/{worker}/jobs/{job}/artifacts/{path*}": { all in try await all.onFile("out", [1, 2]) },
        "HEAD /api/v1/workers/{worker}/jobs/{job}/artifacts/{path*}": { all in try await all.onFile("out", nil) },
    ]

    private static let jobs: [String: Make] = [
        "POST /api/v1/jobs": { _ in PrincipalCall([:], ["title": "by hand"]) },
        "POST /api/v1/jobs/batch": { _ in PrincipalCall([:], ["jobs": [["title": "by hand"]]]) },
        "GET /api/v1/jobs/{job}": { all in try await all.onFailed() },
        "DELETE /api/v1/jobs/{job}": { all in
            PrincipalCall(["job": try await all.plane.job(["command": .null], of: all.own)])
        },
        "DELETE /api/v1/jobs/{job}/record": { all in try await all.onFailed() },
        "POST /api/v1/jobs/{job}/retry": { all in try await all.onFailed() },
        "GET /api/v1/jobs/{job}/graph": { all in try await all.onFailed() },
        "GET /api/v1/jobs/{job}/logs": { all in try await all.onFailed() },
        "GET /api/v1/jobs/{job}/events": { all in try await all.onFailed() },
        "GET /api/v1/jobs/{job}/artifacts": { all in try await all.onFailed() },
        "GET /api/v1/jobs/{job}/artifacts/{path*}": { all in try await all.onFailed() },
        "POST /api/v1/artifacts": { _ in PrincipalCall { _ in [1, 2, 3] } },
        "DELETE /api/v1/artifacts/{artifact}": { all in PrincipalCall(["artifact": try await all.upload()]) },
    ]
}

/// What the calls are about.
extension Principals {
    /// A further key of `own`'s.
    func key() async throws -> String { try await Self.furtherKey(of: own, plane, [:]).id }

    /// Content that `own` has uploaded.
    func upload() async throws -> String {
        let reply = try await plane.send("POST", "/artifacts", own.headers, bytes: World.live.random(32))
        return reply.json["artifact"]?.string ?? "\(reply.status)"
    }

    /// A queue of its own with one job of `own`'s in it.
    func queued(_ fields: JSON = [:]) async throws -> String {
        let queue = "q" + Hex.encode(World.live.random(6))
        _ = try await plane.job(.object([.init("queue", .string(queue))] + (fields.members ?? [])), of: own)
        return queue
    }

    /// A job of `own`'s in the hands of its machine.
    func held(_ fields: JSON = [:]) async throws -> Held {
        let queue = try await queued(fields)
        return try #require(try await plane.claim(worker, ["limit": 1, "queues": [.string(queue)]]).first)
    }

    func onLease(_ fields: JSON) async throws -> PrincipalCall {
        let held = try await held()
        let token = JSON.Member("claim_token", .string(held.token))
        return PrincipalCall(["worker": worker.id, "job": held.job], .object([token] + (fields.members ?? [])))
    }

    func onFile(_ path: String, _ bytes: [UInt8]?) async throws -> PrincipalCall {
        let held = try await held(["inputs": [["path": "in", "content_base64": "aGk="]]])
        var call = PrincipalCall(["worker": worker.id, "job": held.job, "path": path]) { _ in bytes }
        call.headers = [("X-Claim-Token", held.token)]
        return call
    }

    /// A failed job of `own`'s with a log and a file.
    func onFailed() async throws -> PrincipalCall {
        let held = try await held(["max_attempts": 1])
        _ = try await plane.keep(held, "a.txt", [1, 2, 3])
        _ = try await plane.report(held, "progress", ["log": "secret"])
        try await plane.finish(held, ControlPlane.failure)
        return PrincipalCall(["job": held.job, "path": "a.txt"])
    }
}

extension Held {
    /// The lease among others.
    func naming(_ fields: JSON) -> JSON {
        .object(
            [.init("job_id", .string(job)), .init("claim_token", .string(token))] + (fields.members ?? []))
    }
}
