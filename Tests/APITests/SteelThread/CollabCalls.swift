import API
import Bytes
import Support
import Store
import Testing

extension ControlPlane {
    static let content: JSON = ["title": "Review PR #123", "description": "Review frontend changes"]

    /// A member with the login `name`, who calls by its token.
    func signedIn(_ name: String) async throws -> Caller {
        let member = try await user(name)
        return Caller(owner: member, key: try await token(name))
    }

    /// A task that has to be created, with its tag.
    func task(of caller: Caller, _ content: JSON = content) async throws -> (id: String, tag: String) {
        let reply = try await post("/collab/tasks", caller, content)
        return (try #require(reply.json["id"]?.string, "\(reply.text)"), try #require(reply["ETag"]))
    }

    func put(
        _ path: String, _ caller: Caller, _ content: JSON, _ headers: (String, String)...
    ) async throws -> PlaneReply {
        try await send("PUT", path, caller.headers + headers, bytes: content.bytes())
    }

    func delete(_ path: String, _ caller: Caller, _ headers: (String, String)...) async throws -> PlaneReply {
        try await send("DELETE", path, caller.headers + headers)
    }

    /// Of all the server's tasks.
    func taskCount() async throws -> Int64? {
        try await dependencies.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM collab_tasks") { try $0.integer() }
        }
    }
}

extension PlaneReply {
    /// The error in SteelThread's shape.
    var error: JSON? { json["error"] }
}

extension PrincipalTable {
    static let collab = PrincipalTable(
        "collaboration", base: "/api/v1/collab",
        """
        #                    none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /tasks           401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        GET /state/tasks      401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /tasks/{task}     401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        PUT /tasks/{task}     401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        DELETE /tasks/{task}  401 401 401 401 401 404 204 404 404 400 204 404 401 401 401 403
        """)
}

extension PrincipalCall {
    static let collab: [String: Make] = [
        "POST /api/v1/collab/tasks": { _ in PrincipalCall([:], ControlPlane.content) },
        "GET /api/v1/collab/tasks/{task}": { all in try await all.onTask() },
        "PUT /api/v1/collab/tasks/{task}": { all in
            PrincipalCall(try await all.onTask().values, headers: [("If-Match", "*")], ["title": "by hand"])
        },
        "DELETE /api/v1/collab/tasks/{task}": { all in try await all.onTask() },
    ]
}

extension Principals {
    fileprivate func onTask() async throws -> PrincipalCall {
        PrincipalCall(["task": try await plane.task(of: own).id])
    }
}
