import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// A member of bee:hack.
struct Bee: Sendable {
    let handle: String
    let caller: Caller

    var owner: OwnerID { OwnerID(caller.owner) }
}

/// Where a task stands, as callers read it.
enum Stage: String, CaseIterable, Sendable {
    case open, claimed
    case inProgress = "in_progress"
    case inReview = "in_review"
    case done, cancelled
}

/// bee:hack on a real server over one of the databases, and members who trade there.
///
///     try await BeeHackLab.run(database) { lab in
///         let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
///         let id = try await lab.post(by: maya, ["escrow": true])
///         try await lab.must(lab.claim(id, by: noor))
///
/// A task's bounty is 25 unless said otherwise, so its deposit is 3; whoever comes first may claim it.
struct BeeHackLab: Sendable {
    let plane: ControlPlane
    let queenbee: Bee

    static func run(
        _ database: TestDatabase, audits: AuditTerms = AuditTerms(), body: (BeeHackLab) async throws -> Void
    ) async throws {
        try await ControlPlane.run(database, audits: audits) { plane in
            let key = "bhv_" + Hex.encode(World.live.random(24))
            try await plane.dependencies.database.write { tx in
                _ = try tx.makeKey(
                    KeyText(key), name: nil, expiresAt: nil, for: Member.queenbee,
                    by: KeyChanger(actor: "operator", bearerHash: nil))
            }
            let queenbee = Bee(handle: "queenbee", caller: Caller(owner: Member.queenbee.text, key: key))
            let lab = BeeHackLab(plane: plane, queenbee: queenbee)
            try await body(lab)
            try await lab.expectSum()
        }
    }

    /// Registers a member.
    func join(_ handle: String) async throws -> Bee {
        let body: JSON = ["name": .string(handle), "handle": .string(handle)]
        let made = try must(await send("POST", "/register", nil, body), 201)
        let id = try #require(made["user"]?["id"]?.string)
        return Bee(handle: handle, caller: Caller(owner: id, key: try #require(made["config"]?["api_key"]?.string)))
    }

    func join(_ first: String, _ second: String) async throws -> (Bee, Bee) {
        (try await join(first), try await join(second))
    }

    /// One request below `/api`; by nobody when no member is given.
    func send(_ method: String, _ path: String, _ bee: Bee?, _ body: JSON? = nil) async throws -> PlaneReply {
        try await plane.send(method, path, bee?.caller.headers ?? [], bytes: body?.bytes(), base: "/api")
    }

    func send(_ method: String, _ path: String, _ bee: Bee?, text: String) async throws -> PlaneReply {
        try await plane.send(method, path, bee?.caller.headers ?? [], bytes: Array(text.utf8), base: "/api")
    }

    func get(_ path: String, _ bee: Bee? = nil) async throws -> PlaneReply { try await send("GET", path, bee) }

    /// Requires a call to have been accepted.
    @discardableResult
    func must(_ reply: PlaneReply, _ status: Int = 200, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        try #require(reply.status == status, "\(reply.status) \(reply.text)", sourceLocation: place)
        return reply.json
    }
}

/// Tasks.
extension BeeHackLab {
    /// A request for a task, with these fields besides, or in place of its own.
    static func request(_ fields: JSON = [:], without missing: Set<String> = []) -> JSON {
        let given = fields.members ?? []
        let own: [JSON.Member] = [
            .init("title", "Count words"), .init("description", "All of them."), .init("points", 25),
            .init("assignment_mode", "fcfs"),
        ]
        let kept = own.filter { member in !missing.contains(member.key) && !given.contains { $0.key == member.key } }
        return .object(kept + given)
    }

    /// Posts a task that has to be accepted; its id.
    func post(
        by bee: Bee, _ fields: JSON = [:], at place: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let made = try must(await send("POST", "/posts", bee, Self.request(fields)), 201, at: place)
        return try #require(made["id"]?.string, "\(made.text())", sourceLocation: place)
    }

    func claim(_ id: String, by bee: Bee?) async throws -> PlaneReply {
        try await send("POST", "/posts/\(id)/claim", bee)
    }

    func assign(_ id: String, to handle: String, by bee: Bee?) async throws -> PlaneReply {
        try await send("POST", "/posts/\(id)/assign", bee, ["handle": .string(handle)])
    }

    func complete(_ id: String, by bee: Bee?) async throws -> PlaneReply {
        try await send("POST", "/posts/\(id)/complete", bee)
    }

    func change(_ id: String, by bee: Bee?, _ fields: JSON) async throws -> PlaneReply {
        try await send("PATCH", "/tasks/\(id)", bee, fields)
    }

    func move(_ id: String, to stage: Stage, by bee: Bee?) async throws -> PlaneReply {
        try await change(id, by: bee, ["status": .string(stage.rawValue)])
    }

    func delete(_ id: String, by bee: Bee?) async throws -> PlaneReply { try await send("DELETE", "/posts/\(id)", bee) }

    func settle(_ id: String, by bee: Bee? = nil, _ split: Split) async throws -> PlaneReply {
        try await send("POST", "/posts/\(id)/settle", bee ?? queenbee, split.body)
    }

    /// Brings an open task on; ended ones end without a payment.
    func bring(
        _ id: String, to stage: Stage, by poster: Bee, for assignee: Bee, escrow: Bool,
        at place: SourceLocation = #_sourceLocation
    ) async throws {
        if stage == .open { return }
        try must(await claim(id, by: assignee), at: place)
        switch stage {
        case .inProgress, .inReview: try must(await move(id, to: .inProgress, by: assignee), at: place)
        case .done where !escrow:
            try must(await move(id, to: .inProgress, by: assignee), at: place)
            try must(await move(id, to: .inReview, by: assignee), at: place)
            try must(await move(id, to: .done, by: poster), at: place)
        case .done: try must(await giveBack(id), at: place)
        case .cancelled: try must(await move(id, to: .cancelled, by: assignee), at: place)
        default: break
        }
        if stage == .inReview { try must(await move(id, to: .inReview, by: assignee), at: place) }
    }

    /// The queenbee settles so that both get what they gave.
    func giveBack(_ id: String) async throws -> PlaneReply {
        let escrow = try await get("/posts/\(id)/escrow").json
        let (bounty, deposit) = (escrow["poster_escrow"]?.int ?? 0, escrow["assignee_escrow"]?.int ?? 0)
        return try await settle(id, Split(0, bounty, deposit, 0))
    }

    func task(_ id: String) async throws -> JSON { try await get("/tasks/\(id)").json }

    func stage(_ id: String) async throws -> String { try await task(id)["task_status"]?.string ?? "none" }

    /// What the scheduler does all the time: tasks whose deadline has passed end, and audits that are due settle.
    func sweep() async throws { _ = try await BountySweeper(plane.dependencies.database).round() }

    /// An instant so many seconds from now, as callers write it.
    func instant(in seconds: Int64) -> JSON { .string(RFC3339.format(plane.clock.now + seconds * 1_000)) }
}

/// What a settlement gives to whom.
struct Split: Sendable {
    var payout: JSON
    var refund: JSON
    var back: JSON
    var penalty: JSON

    init(_ payout: Int64, _ refund: Int64, _ back: Int64, _ penalty: Int64) {
        (self.payout, self.refund, self.back, self.penalty) = (JSON(payout), JSON(refund), JSON(back), JSON(penalty))
    }

    var body: JSON {
        [
            "assignee_payout": payout, "poster_refund": refund, "assignee_escrow_return": back,
            "assignee_escrow_penalty": penalty, "reason": "As agreed.",
        ]
    }
}
