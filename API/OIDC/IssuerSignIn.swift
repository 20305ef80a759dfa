internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Logging
internal import Store

/// Signing in by an OpenID Connect issuer's word: the code flow with PKCE (RFC 9700). Off when none is configured.
enum IssuerSignIn {
    static let routes = [
        Route(
            .get,
            "/auth/oidc", "listIssuers", "The issuers whose word we take.",
            answers: [.ok(.object(.required("issuers", .array(.object(.required("name", .string(1...32)))))))], list),
        Route(
            .get,
            "/auth/oidc/{name}/start", "startIssuerSignIn", "Sends the browser to the issuer.",
            answers: [.init(.found, nil, "To the issuer; a cookie knows the way back for 10 minutes.")], start),
        Route(
            .get,
            "/auth/oidc/{name}/callback", "endIssuerSignIn",
            "Where the issuer sends the browser back to. A new face becomes a member.",
            query: [
                Route.Parameter("code", .string(), "The issuer's, for one use."),
                Route.Parameter("state", .string(), "As we sent it along."),
                Route.Parameter("iss", .string(), "The issuer, where it says so."),
                Route.Parameter("error", .string(), "Why there is no code."),
            ],
            answers: [.ok(AccessToken.shape.schema)], end),
    ].tagged("Sign-in")

    private static let logger = Logger(label: "oidc")

    static func list(_ call: Call, _ context: PublicContext) throws -> Reply {
        let names = call.dependencies.signIn.issuers.keys.sorted()
        guard !names.isEmpty else { throw Problem.notFound("path") }
        return .json(.ok, ["issuers": .array(names.map { ["name": .string($0)] })])
    }

    static func start(_ call: Call, _ context: PublicContext) async throws -> Reply {
        let issuer = try issuer(of: call)
        let keys = call.dependencies.signIn.keys
        let claims = SignInCookie.Claims(idp: issuer.settings.name, now: keys.seconds, world: call.dependencies.world)
        let address = try await asking {
            try await issuer.address(
                redirect: redirect(for: issuer, call), state: claims.state, nonce: claims.nonce,
                verifier: claims.verifier)
        }
        let cookie = SignInCookie.set(
            try await keys.sign(claims), for: issuer.settings.name, expiresIn: SignInCookie.lifetime,
            isSecure: isSecure(call))
        return .empty(.found).with(.location, address).with(.setCookie, cookie)
    }

    static func end(_ call: Call, _ context: PublicContext) async throws -> Reply {
        let issuer = try issuer(of: call)
        let query = try call.query
        let claims = try await begun(call, issuer.settings.name, state: query["state"])
        // Spent before anything is asked of the issuer, and whatever comes of it.
        let isFirst = try await call.dependencies.database.write { tx in
            try tx.spendSignIn(claims.state, expiresInMilliseconds: (SignInCookie.lifetime + 60) * 1_000)
        }
        guard isFirst else { throw stale }
        let token = try await asking {
            try await issuer.checkSender(query["iss"])
            guard query["error"] == nil, let code = query["code"], (1...4_096).contains(code.utf8.count) else {
                throw IssuerFault.refused("\(issuer.settings.name): no code, but \(query["error"] ?? "nothing")")
            }
            return try await issuer.identify(
                code: code, redirect: redirect(for: issuer, call), verifier: claims.verifier, nonce: claims.nonce)
        }
        let (member, identity) = try await known(token, issuer.settings, call)
        guard !identity.isDisabled else { throw refused }
        let access = try await call.dependencies.signIn.tokens.issue(
            member.handle ?? member.id.text, member.id, epoch: identity.tokensSince, issuer: issuer.settings.url)
        let gone = SignInCookie.set("", for: issuer.settings.name, expiresIn: 0, isSecure: isSecure(call))
        return call.reply { AccessToken.shape.write(access, &$0) }.with(.setCookie, gone)
    }

    /// What was begun in this browser, with this issuer, at most ten minutes ago; with the state that came back.
    private static func begun(_ call: Call, _ name: String, state: String?) async throws -> SignInCookie.Claims {
        guard let cookie = call.header(.cookie).flatMap(SignInCookie.read),
            let claims = await call.dependencies.signIn.keys.verify(
                cookie, as: SignInCookie.Claims.self, audience: SignInCookie.audience,
                lifetime: SignInCookie.lifetime),
            claims.idp.isExactly(name), let state, constantTimeEqual(state, claims.state)
        else { throw stale }
        return claims
    }

    /// The member of an issuer's subject, a new one if it is new.
    private static func known(
        _ token: IDToken, _ issuer: OIDCIssuer, _ call: Call
    ) async throws -> (member: Member, identity: Identity) {
        let name = token.name ?? "someone of \(issuer.name)"
        let run: @Sendable (Transaction) throws -> (member: Member, identity: Identity) = { tx in
            try tx.signIn(issuer: issuer.url, subject: token.subject, name: name)
        }
        do {
            return try await call.dependencies.database.write(run)
        } catch DatabaseError.conflict {
            // The same new face came in by another door.
            return try await call.dependencies.database.write(run)
        }
    }

    private static let stale = Problem(
        .badRequest, "sign_in_stale",
        "this sign-in was not begun in this browser, is over, or took too long; start again")
    private static let refused = Problem.unauthorized("the issuer's answer does not hold")

    /// Why an issuer's word is not taken is for our log; the caller learns whether trying again may help.
    private static func asking<Value>(_ ask: () async throws -> Value) async throws -> Value {
        do {
            return try await ask()
        } catch IssuerFault.unavailable(let reason) {
            logger.warning("an issuer is unavailable", metadata: ["reason": "\(reason)"])
            throw Problem.unavailable("the issuer does not answer as it should", code: "issuer_unavailable")
        } catch IssuerFault.refused(let reason) {
            logger.notice("a sign-in was refused", metadata: ["reason": "\(reason)"])
            throw refused
        }
    }

    private static func issuer(of call: Call) throws -> Issuer {
        let issuers = call.dependencies.signIn.issuers
        guard let issuer = issuers[try call.parameter("name")] else { throw Problem.notFound("issuer") }
        return issuer
    }

    private static func redirect(for issuer: Issuer, _ call: Call) -> String {
        "\(call.dependencies.configuration.publicURL)/auth/oidc/\(issuer.settings.name)/callback"
    }

    private static func isSecure(_ call: Call) -> Bool { call.dependencies.configuration.publicURL.hasPrefix("https:") }
}
