import API
import Bytes
import Domain
import Store
import Support
import Testing

extension PrincipalTable {
    /// A post is `own`'s; when somebody works on it, it is `other`.
    static let bounties = PrincipalTable(
        "bee:hack's bounties", base: "/api",
        """
        #                               none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /posts                       200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /posts                      401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        GET /posts/{post}                200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        PATCH /posts/{post}              401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        DELETE /posts/{post}             401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        POST /posts/{post}/claim         401 401 401 401 401 200 403 200 200 400 403 200 401 401 401 403
        POST /posts/{post}/assign        401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        POST /posts/{post}/complete      401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        POST /posts/{post}/settle        401 401 401 401 401 403 403 403 200 400 403 403 401 401 401 403
        GET /posts/{post}/escrow         200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /posts/{post}/audit          401 401 401 401 401 403 200 403 200 400 200 403 401 401 401 403
        POST /posts/{post}/audit-dry-run 401 401 401 401 401 403 202 403 403 400 202 403 401 401 401 403
        POST /posts/{post}/dispute       401 401 401 401 401 200 200 403 403 400 200 200 401 401 401 403
        GET /tasks                       200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /tasks/{post}                200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        PATCH /tasks/{post}              401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        """)
}

extension PrincipalCall {
    static let bounties: [String: Make] = [
        "POST /api/posts": { _ in PrincipalCall([:], ["title": "t", "description": "d", "points": 1]) },
        "GET /api/posts/{post}": { all in try await all.onTask() },
        "PATCH /api/posts/{post}": { all in try await all.onTask(body: ["title": "u"]) },
        "DELETE /api/posts/{post}": { all in try await all.onTask() },
        "POST /api/posts/{post}/claim": { all in try await all.onTask() },
        "POST /api/posts/{post}/assign": { all in
            try await all.onTask(body: ["handle": .string(all.other.owner)])
        },
        "POST /api/posts/{post}/complete": { all in try await all.onTask(isClaimed: true) },
        "POST /api/posts/{post}/settle": { all in
            let split: JSON = [
                "assignee_payout": 0, "poster_refund": 1, "assignee_escrow_return": 0, "assignee_escrow_penalty": 0,
            ]
            return try await all.onTask(isEscrow: true, isClaimed: true, body: split)
        },
        "GET /api/posts/{post}/escrow": { all in try await all.onTask() },
        "GET /api/posts/{post}/audit": { all in try await all.onTask() },
        "POST /api/posts/{post}/audit-dry-run": { all in try await all.onTask() },
        "POST /api/posts/{post}/dispute": { all in
            let call = try await all.onTask(isEscrow: true, isClaimed: true, body: ["reason": "r"])
            try await all.plane.report(onTask: call.values["post"] ?? "")
            return call
        },
        "GET /api/tasks/{post}": { all in try await all.onTask() },
        "PATCH /api/tasks/{post}": { all in try await all.onTask(body: ["priority": "high"]) },
    ]
}

extension Principals {
    /// A task of `own`'s with a bounty of 1 and code to audit; perhaps `other` works on it.
    fileprivate func onTask(
        isEscrow: Bool = false, isClaimed: Bool = false, body: JSON? = nil
    ) async throws -> PrincipalCall {
        let (own, other) = (MemberID(own.owner), MemberID(other.owner))
        var new = NewBounty(author: own, title: "t", content: "d", points: 1)
        (new.isEscrow, new.assignment, new.repoURL, new.tests) = (isEscrow, .fcfs, "https://x.example/y.git", "make")
        let id = try await plane.dependencies.database.write { [new] tx in
            let task = try tx.postBounty(new, actor: "test")
            if isClaimed { _ = try tx.claimBounty(task.id, by: other, actor: "test") }
            return task.id
        }
        return PrincipalCall(["post": String(id)], body)
    }
}

extension ControlPlane {
    /// Brings an escrow task of a claimed state to where its audit's report waits to settle.
    fileprivate func report(onTask text: String) async throws {
        let id = try #require(Int64(text))
        try await dependencies.database.write { tx in
            try tx.execute(
                """
                UPDATE bounties SET status = 3, audit_job = \("job-\(id)"), review_since = \(tx.now) WHERE id = \(id)
                """)
            try tx.execute(
                """
                INSERT INTO audits (job_id, bounty_id, is_dry_run, state, passed, failed, log, created_at,
                    reported_at, settles_at)
                VALUES (\("job-\(id)"), \(id), 0, 'reported', 1, 0, 'ok', \(tx.now), \(tx.now), \(tx.now + 60_000))
                """)
        }
    }
}

extension TourTests.Tour {
    /// Registers a member of bee:hack.
    func join(_ handle: String) async throws -> Caller {
        let body: JSON = ["name": .string(handle), "handle": .string(handle)]
        let made = try await call("POST", "/register", [], body.bytes(), base: "/api").json
        return Caller(owner: made["user"]?["id"]?.string ?? "", key: made["config"]?["api_key"]?.string ?? "")
    }

    /// What bee:hack's members do with tasks.
    func bounties() async throws {
        let base = "/api"
        let poster = try await join("poster").headers
        let worker = try await join("worker").headers
        func post(escrow: Bool = false) async throws -> String {
            let body: JSON = [
                "title": "t", "description": "d", "points": 5, "escrow": .bool(escrow), "assignment_mode": "fcfs",
                "tests": "make", "repo_url": "https://x.example/y.git", "labels": ["a"],
            ]
            return try await call("POST", "/posts", poster, body.bytes(), base: base).json["id"]?.string ?? ""
        }
        let (one, two, three) = try await (post(), post(), post(escrow: true))
        for path in ["/posts", "/posts/\(one)", "/posts/\(three)/escrow", "/tasks", "/tasks/\(one)"] {
            try await call("GET", path, base: base)
        }
        let (title, priority, reason): (JSON, JSON, JSON) = (["title": "u"], ["priority": "low"], ["reason": "r"])
        try await call("PATCH", "/posts/\(one)", poster, title.bytes(), base: base)
        try await call("PATCH", "/tasks/\(one)", poster, priority.bytes(), base: base)
        try await call("POST", "/posts/\(one)/audit-dry-run", poster, base: base)
        try await call("GET", "/posts/\(one)/audit", poster, base: base)
        let assignment: JSON = ["handle": "worker"]
        try await call("POST", "/posts/\(one)/assign", poster, assignment.bytes(), base: base)
        try await call("POST", "/posts/\(one)/complete", poster, base: base)
        try await call("DELETE", "/posts/\(two)", poster, base: base)
        try await call("POST", "/posts/\(three)/claim", worker, base: base)
        try await plane.report(onTask: three)
        try await call("POST", "/posts/\(three)/dispute", worker, reason.bytes(), base: base)
        let key = "bhv_" + String(repeating: "0b", count: 24)
        try await plane.dependencies.database.write { tx in
            _ = try tx.makeKey(
                KeyText(key), name: nil, expiresAt: nil, for: Member.queenbee,
                by: KeyChanger(actor: "operator", bearerHash: nil))
        }
        let split: JSON = [
            "assignee_payout": 5, "poster_refund": 0, "assignee_escrow_return": 1, "assignee_escrow_penalty": 0,
        ]
        try await call(
            "POST", "/posts/\(three)/settle", [("Authorization", "Bearer \(key)")], split.bytes(), base: base)
    }
}
