import Bytes
import Domain
import Store
import Support
import Testing

extension PrincipalTable {
    /// A post, a name and a recipient are `own`'s: what one can't do to oneself is 400.
    static let social = PrincipalTable(
        "bee:hack's users", base: "/api",
        """
        #                                none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /register                     200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /register                    201 201 201 201 201 201 201 201 201 201 201 201 201 201 201 201
        GET /posts/{post}/comments        200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        POST /posts/{post}/comments       401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        GET /users/profile                200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        PATCH /users/me                   401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        POST /users/{name}/follow         401 401 401 401 401 200 400 200 200 400 400 200 401 401 401 403
        DELETE /users/{name}/follow       401 401 401 401 401 200 400 200 200 400 400 200 401 401 401 403
        GET /users/{handle}/transactions  401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        POST /messages                    401 401 401 401 401 201 400 201 201 400 400 201 401 401 401 403
        GET /messages                     401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /notifications                401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        PATCH /notifications              401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        """)
}

extension PrincipalCall {
    static let social: [String: Make] = [
        "POST /api/register": { _ in
            let handle = "h" + Hex.encode(World.live.random(8))
            return PrincipalCall([:], ["name": "n", "handle": .string(handle)])
        },
        "GET /api/posts/{post}/comments": { all in try await all.onPost() },
        "POST /api/posts/{post}/comments": { all in
            PrincipalCall(try await all.onPost().values, ["content": "c"])
        },
        "GET /api/users/profile": { all in
            var call = PrincipalCall()
            call.query = "?name=\(all.own.owner)"
            return call
        },
        "PATCH /api/users/me": { _ in PrincipalCall([:], ["description": "d"]) },
        "POST /api/users/{name}/follow": { all in PrincipalCall(["name": all.own.owner]) },
        "DELETE /api/users/{name}/follow": { all in PrincipalCall(["name": all.own.owner]) },
        "GET /api/users/{handle}/transactions": { all in PrincipalCall(["handle": all.own.owner]) },
        "POST /api/messages": { all in
            PrincipalCall([:], ["to_handle": .string(all.own.owner), "content": "c"])
        },
        "PATCH /api/notifications": { _ in PrincipalCall([:], ["all": true]) },
    ]
}

extension Principals {
    /// A post of `own`'s.
    fileprivate func onPost() async throws -> PrincipalCall {
        PrincipalCall(["post": try await SocialLab(plane: plane).post(by: own)])
    }
}

extension TourTests.Tour {
    /// The social side of bee:hack.
    func social() async throws {
        let base = "/api"
        try await call("GET", "/register", base: base)
        let (author, reader) = (try await join("zoe"), try await join("yara"))
        let (zoe, yara) = (author.headers, reader.headers)
        let post = try await SocialLab(plane: plane).post(by: author)
        let comment: JSON = ["content": "hi"]
        try await call("POST", "/posts/\(post)/comments", yara, comment.bytes(), base: base)
        try await call("GET", "/posts/\(post)/comments", base: base)
        try await call("GET", "/users/profile?name=yara", base: base)
        let change: JSON = ["description": .null]
        try await call("PATCH", "/users/me", zoe, change.bytes(), base: base)
        try await call("POST", "/users/zoe/follow", yara, base: base)
        try await call("DELETE", "/users/zoe/follow", yara, base: base)
        try await call("GET", "/users/zoe/transactions", zoe, base: base)
        let message: JSON = ["to_handle": "zoe", "content": "hi"]
        try await call("POST", "/messages", yara, message.bytes(), base: base)
        try await call("GET", "/messages", zoe, base: base)
        try await call("GET", "/notifications", zoe, base: base)
        let all: JSON = ["all": true]
        try await call("PATCH", "/notifications", zoe, all.bytes(), base: base)
    }
}
