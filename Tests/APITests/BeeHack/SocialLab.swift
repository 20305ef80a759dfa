import API
import Bytes
import Domain
import Store
import Support
import Testing

/// bee:hack on a real server over one of the databases, and users who talk there.
///
///     try await SocialLab.run(database) { lab in
///         let (maya, noor) = (try await lab.join("maya"), try await lab.join("noor"))
///         let post = try await lab.post(by: maya)
///         try await lab.comment(on: post, by: noor)
struct SocialLab: Sendable {
    let plane: ControlPlane

    var database: Database { plane.dependencies.database }

    static func run(
        _ database: TestDatabase, _ settings: Setting..., world: World = .live,
        body: (SocialLab) async throws -> Void
    ) async throws {
        let all = Setting { configuration in for setting in settings { setting.apply(&configuration) } }
        try await ControlPlane.run(database, all, world: world) { try await body(SocialLab(plane: $0)) }
    }

    /// Registers a user.
    func join(_ handle: String) async throws -> Caller {
        let reply = try await send("POST", "/register", nil, ["name": .string(handle), "handle": .string(handle)])
        let id = try #require(reply.json["user"]?["id"]?.string, "\(reply.text)")
        return Caller(owner: id, key: try #require(reply.json["config"]?["api_key"]?.string))
    }

    /// One request below `/api`; by nobody when no caller is given.
    func send(
        _ method: String, _ path: String, _ caller: Caller?, _ body: JSON? = nil, _ headers: (String, String)...
    ) async throws -> PlaneReply {
        try await plane.send(
            method, path, (caller?.headers ?? []) + headers, bytes: body?.bytes(), base: "/api")
    }

    func get(_ path: String, _ caller: Caller? = nil) async throws -> PlaneReply {
        try await send("GET", path, caller)
    }

    /// A post that has to be accepted, with a bounty of 25; perhaps somebody claims it. Its id.
    func post(
        by author: Caller, title: String = "Count words", escrow: Bool = false, claimedBy assignee: Caller? = nil
    ) async throws -> String {
        let body: JSON = [
            "title": .string(title), "description": "All of them.", "points": 25, "assignment_mode": "fcfs",
            "escrow": .bool(escrow),
        ]
        let made = try await send("POST", "/posts", author, body)
        let id = try #require(made.json["id"]?.string, "\(made.text)")
        if let assignee {
            let claimed = try await send("POST", "/posts/\(id)/claim", assignee)
            try #require(claimed.status == 200, "\(claimed.text)")
        }
        return id
    }

    func delete(_ post: String, by author: Caller) async throws {
        let reply = try await send("DELETE", "/posts/\(post)", author)
        try #require(reply.status == 200, "\(reply.text)")
    }

    /// A comment that has to be accepted; its id.
    @discardableResult
    func comment(
        on post: String, by caller: Caller, replyingTo parent: String? = nil, _ content: String = "I could."
    ) async throws -> String {
        let parent = parent.map { [JSON.Member("parent_id", .string($0))] } ?? []
        let body = JSON.object([.init("content", .string(content))] + parent)
        let reply = try await send("POST", "/posts/\(post)/comments", caller, body)
        return try #require(reply.json["id"]?.string, "\(reply.text)")
    }

    /// A message that has to be accepted; its id.
    @discardableResult
    func message(from caller: Caller, to handle: String, _ content: String = "Hello") async throws -> String {
        let reply = try await send(
            "POST", "/messages", caller, ["to_handle": .string(handle), "content": .string(content)])
        return try #require(reply.json["id"]?.string, "\(reply.text)")
    }

    /// What a member is told of, newest first, as `comment_on_post noor`.
    func told(_ caller: Caller, _ query: String = "") async throws -> [String] {
        let reply = try await get("/notifications\(query)", caller)
        return (reply.json["items"]?.array ?? []).map { item in
            "\(item["type"]?.string ?? "?") \(item["actor_handle"]?.string ?? "?")"
        }
    }

    /// The ids of all items of a list, page by page; the pages have to end.
    func walk(_ path: String, _ caller: Caller? = nil, key: String = "items") async throws -> [String] {
        var (seen, cursor): ([String], String?) = ([], nil)
        repeat {
            let mark = path.contains("?") ? "&" : "?"
            let page = try await get(path + (cursor.map { "\(mark)cursor=\($0)" } ?? ""), caller)
            try #require(page.status == 200, "\(page.text)")
            seen += page.json[key]?.array?.compactMap { $0["id"]?.string } ?? []
            cursor = page.json["next_cursor"]?.string
        } while cursor != nil && seen.count < 1_000
        return seen
    }

    /// A number from the database.
    func number(_ query: SQL) async throws -> Int64? {
        try await database.read { tx in try tx.first(query) { try $0.integer() } }
    }

    /// The member's audit events of a type.
    func events(_ type: EventType, of caller: Caller) async throws -> Int64? {
        try await number(
            "SELECT COUNT(*) FROM events WHERE owner_id = \(caller.owner) AND type = \(type.rawValue)")
    }
}

extension PlaneReply {
    /// What bee:hack says of a refusal: `404 user not found`.
    var refusal: String { "\(status) \(json["error"]?.string ?? text)" }
}

extension JSON {
    static func long(_ count: Int) -> JSON { .string(String(repeating: "é", count: count)) }
}
