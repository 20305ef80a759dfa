import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// A job in the hands of a worker.
struct Held: Sendable {
    let worker: Worker
    /// As the claim told of it.
    let grant: JSON

    var job: String { grant["id"]?.string ?? "" }
    var token: String { grant["claim_token"]?.string ?? "" }
    var fence: Int64 { grant["fence"]?.int ?? 0 }
    var path: String { "/workers/\(worker.id)/jobs/\(job)" }
}

extension Worker {
    var caller: Caller { Caller(owner: "", key: "", headers: [("X-Machine-Token", token)]) }
}

extension Caller {
    func with(_ more: (String, String)...) -> Caller { Caller(owner: owner, key: key, headers: headers + more) }
}

/// What owners do.
extension ControlPlane {
    /// A request for a job of no consequence, with these fields besides, or in place of its own.
    static func request(_ fields: JSON = [:]) -> JSON {
        let given = fields.members ?? []
        let own: [JSON.Member] = [.init("title", "t"), .init("command", "true")]
        return .object(own.filter { member in !given.contains { $0.key == member.key } } + given)
    }

    /// Submits a job that has to be accepted; its id.
    func job(
        _ fields: JSON = [:], of caller: Caller = .alice, headers: [(String, String)] = []
    ) async throws -> String {
        let reply = try await send("POST", "/jobs", caller.headers + headers, bytes: Self.request(fields).bytes())
        return try #require(reply.json["id"]?.string, "\(reply.text)")
    }

    /// Deposits USDT for an owner, a decimal.
    func fund(_ caller: Caller = .alice, _ amount: String) async throws {
        let units = try #require(Money.minorUnits(amount))
        let reference = Hex.encode(World.live.random(8))
        _ = try await dependencies.database.write { tx in
            try tx.deposit(
                to: OwnerID(caller.owner), asset: .usdt, amount: units, reference: reference, actor: "operator")
        }
    }

    func show(_ id: String, _ caller: Caller = .alice) async throws -> JSON {
        try await get("/jobs/\(id)", caller).json
    }

    func status(_ id: String) async throws -> String? { try await show(id)["status"]?.string }

    /// What the scheduler does all the time: leases that ran out go back, and what is due becomes ready.
    func tick() async throws {
        _ = try await LeaseSweeper(dependencies.broker).round()
        _ = try await Promoter(dependencies.broker, world: .live).round()
    }
}

/// What workers do.
extension ControlPlane {
    static let success: JSON = [
        "status": "success", "exit_code": 0, "output": "done", "executed_at": "2026-01-01T00:00:00Z", "duration_ms": 5,
    ]
    static let failure: JSON = [
        "status": "failure", "exit_code": 3, "error": "it broke", "executed_at": "2026-01-01T00:00:00Z",
        "duration_ms": 5,
    ]

    /// A call below `/workers/{id}/`.
    func call(_ worker: Worker, _ path: String, _ body: JSON?) async throws -> PlaneReply {
        try await post("/workers/\(worker.id)/\(path)", worker.caller, body)
    }

    func claim(_ worker: Worker, _ body: JSON = ["limit": 1]) async throws -> [Held] {
        let reply = try await call(worker, "jobs/claim", body)
        let grants = try #require(reply.data["jobs"]?.array, "\(reply.text)")
        return grants.map { Held(worker: worker, grant: $0) }
    }

    /// The one job that waits, in the hands of `worker`.
    func held(by worker: Worker, _ fields: JSON = [:], of caller: Caller = .alice) async throws -> Held {
        let id = try await job(fields, of: caller)
        let held = try #require(try await claim(worker).first, "nothing was granted")
        #expect(held.job == id)
        return held
    }

    /// A call on a lease, with its claim token unless another is given, by its holder unless it is another.
    func report(
        _ held: Held, _ call: String, _ fields: JSON = [:], token: String? = nil, by other: Worker? = nil
    ) async throws -> PlaneReply {
        let body = JSON.object([.init("claim_token", .string(token ?? held.token))] + (fields.members ?? []))
        return try await self.call(other ?? held.worker, "jobs/\(held.job)/\(call)", body)
    }

    @discardableResult
    func finish(_ held: Held, _ result: JSON = success) async throws -> PlaneReply {
        let reply = try await report(held, "result", result)
        #expect(reply.status == 200, "\(reply.text)")
        return reply
    }

    /// A job that has failed for good.
    func failed(by worker: Worker, of caller: Caller = .alice) async throws -> String {
        let held = try await held(by: worker, ["max_attempts": 1], of: caller)
        try await finish(held, Self.failure)
        return held.job
    }

    func keep(
        _ held: Held, _ path: String, _ bytes: [UInt8], _ headers: [(String, String)] = [], token: String? = nil,
        by other: Worker? = nil
    ) async throws -> PlaneReply {
        let worker = other ?? held.worker
        let all = worker.caller.headers + [("X-Claim-Token", token ?? held.token)] + headers
        return try await send("PUT", "/workers/\(worker.id)/jobs/\(held.job)/artifacts/\(path)", all, bytes: bytes)
    }
}

extension PlaneReply {
    /// What SteelThread's shape says: the status, and the field to blame.
    var blame: String { "\(status) \(json["error"]?["field"]?.string ?? "-")" }

    /// The tag that the reply ought to carry.
    var tag: String { "\"\(SHA256.hex(json.bytes(.canonical)))\"" }

    var ids: [String] { (json["jobs"]?.array ?? []).compactMap { $0["id"]?.string } }
}
