import Testing

/// What each principal gets of each route: rows of a method, a path below the base, and a status for each principal in
/// the order of `Principal.columns`. A route without a row fails the matrix; so does a row without a route. How a row's
/// call is made, when it isn't just its path, says `PrincipalCall`.
struct PrincipalTable: Sendable, CustomTestStringConvertible {
    struct Row: Sendable {
        let method: String
        /// The whole template.
        let path: String
        let statuses: [Int]

        /// As `PrincipalCall.all` names it.
        var name: String { "\(method) \(path)" }
    }

    let name: String
    let rows: [Row]

    /// - Parameter text: lines; those that begin with `#` are comments.
    init(_ name: String, base: String = "/api/v1", _ text: String) {
        self.name = name
        rows = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let words = line.split(separator: " ")
            return Row(
                method: words.first.map(String.init) ?? "", path: base + (words.dropFirst().first ?? ""),
                statuses: words.dropFirst(2).compactMap { Int($0) })
        }
    }

    var testDescription: String { name }

    static let all = [
        server, agents, controlPlane, workers, jobs, signIn, wallet, market, collab, social, bounties, devices,
        customers,
        gatewaySockets, inklings, inklingSocket,
    ]

    static let server = PrincipalTable(
        "server", base: "",
        """
        #                  none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        GET /health         200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /healthz        200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /readyz         200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /version        200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /metrics        401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        GET /metrics.json   401 401 401 401 401 403 403 200 403 200 200 200 401 401 401 403
        GET /openapi.json   200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /docs           200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        GET /api/v1/healthz 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200
        """)

    /// `me` is whoever calls; the key in the path is `own`'s.
    static let agents = PrincipalTable(
        "agents",
        """
        #                                none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /agents/register             201 201 201 201 201 201 201 201 201 201 201 201 201 201 201 201
        GET /agents/me                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        PUT /agents/me                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /agents/me/keys               401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        POST /agents/me/keys              401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        DELETE /agents/me/keys/{key}      401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        POST /agents/me/keys/{key}/rotate 401 401 401 401 401 404 201 404 404 400 201 404 401 401 401 403
        """)

    /// Bodies name `own` as the owner, and are signed with what the caller presents.
    static let controlPlane = PrincipalTable(
        "control plane",
        """
        #                               none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /machines/register          401 401 401 401 401 403 201 403 403 400 201 403 401 401 401 403
        GET /machines                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /machines/{machine}          401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        DELETE /machines/{machine}       401 401 401 401 401 404 204 404 404 400 204 404 401 401 401 403
        POST /policies                   401 401 401 401 401 403 201 403 403 400 201 403 401 401 401 403
        GET /policies                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /policies/{policy}           401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        POST /policies/{policy}/activate 401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        POST /consents                   401 401 401 401 401 403 201 403 403 400 201 403 401 401 401 403
        GET /consents                    401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        POST /consents/{consent}/revoke  401 401 401 401 401 403 200 403 403 400 200 403 401 401 401 403
        GET /audit/events                401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        """)

    /// Each knows the claim token. A heartbeat asks for its header before anything else: 400.
    static let workers = PrincipalTable(
        "workers", base: "/api/v1/workers/{worker}",
        """
        #                                  none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /heartbeat                     400 400 400 400 400 400 400 400 400 400 400 400 200 401 401 400
        POST /drain                         401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/claim                    401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/extend                   401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/results                  401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/{job}/extend             401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/{job}/progress           401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/{job}/release            401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        POST /jobs/{job}/result             401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        GET /jobs/{job}/inputs/{path*}      401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        PUT /jobs/{job}/artifacts/{path*}   401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        HEAD /jobs/{job}/artifacts/{path*}  401 401 401 401 401 401 401 401 401 401 401 401 200 401 401 401
        """)

    static let jobs = PrincipalTable(
        "jobs",
        """
        #                                none gar alt rev exp oth own adm bee op  op= op~ m=  m~  malt o>o
        POST /jobs                        401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        POST /jobs/batch                  401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        GET /jobs                         401 401 401 401 401 200 200 200 200 400 200 200 401 401 401 403
        GET /jobs/{job}                   401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        DELETE /jobs/{job}                401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        DELETE /jobs/{job}/record         401 401 401 401 401 404 204 404 404 400 204 404 401 401 401 403
        POST /jobs/{job}/retry            401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        GET /jobs/{job}/graph             401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        GET /jobs/{job}/logs              401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        GET /jobs/{job}/events            401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        GET /jobs/{job}/artifacts         401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        GET /jobs/{job}/artifacts/{path*} 401 401 401 401 401 404 200 404 404 400 200 404 401 401 401 403
        POST /artifacts                   401 401 401 401 401 201 201 201 201 400 201 201 401 401 401 403
        DELETE /artifacts/{artifact}      401 401 401 401 401 404 204 404 404 400 204 404 401 401 401 403
        """)
}
