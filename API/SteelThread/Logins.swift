internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Signing in by name and password (CONTRACT 9).
enum Logins {
    static let routes: [Route] = [
        .post(
            "/auth/login", "login", "A token that speaks for the member for half an hour.", tag: "Sign-in",
            body: .object(
                .required("username", .string(1...64)), .required("password", .string(1...Password.longest))),
            answers: [.ok(.accessToken)], metering: .free, login)
    ]

    static func login(_ call: Call, _ context: PublicContext) async throws -> Reply {
        let standing = call.dependencies.signIn.attempts.take(call.address)
        do {
            if standing.isOver { throw Problem.tooMany(retryAfter: Int(standing.wait)) }
            return try await token(for: call).with(standing.headers)
        } catch let error where !(error is BodyLost) {
            guard var problem = Problem.foreseen(error, in: call.served.system) else { throw error }
            for field in standing.headers { problem.headers.append(field) }
            throw problem
        }
    }

    private static func token(for call: Call) async throws -> Reply {
        var fields = try await call.body().fields()
        let username = try fields.string("username")
        let password = try fields.string("password")
        try fields.end()
        guard password.utf8.count <= Password.longest else {
            throw FieldError("password", .outOfRange("at most \(Password.longest) bytes long"))
        }
        let signIn = call.dependencies.signIn
        var login: Login?
        if let name = Usernames.normalised(username) {
            login = try await call.dependencies.database.read { try $0.login(name) }
        }
        // As long for a name that nobody has.
        let isRight = try await signIn.passwords.verify(password, against: login?.passwordHash ?? Password.ofNobody)
        guard let login, isRight, !login.isDisabled else {
            throw Problem.unauthorized("Incorrect username or password")
        }
        return .accessToken(
            try await signIn.tokens.issue(login.username, login.member, epoch: login.tokensSince))
    }
}
