internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Signing in by name and password (CONTRACT 9).
enum Logins {
    static let routes = [
        Route(
            .post, "/auth/login", "login", "A token that speaks for the member for half an hour.", body: credentials,
            .ok(AccessToken.shape), metering: .free, quotas: [.window { $0.loginQuota }], login)
    ].tagged("Sign-in")

    private static let credentials = Input {
        required("username", .string)
        required("password", .utf8(0...Password.longest))
    }

    static func login(_ call: Call, _ context: PublicContext, _ body: (String, String)) async throws -> String {
        let (username, password) = body
        let signIn = call.dependencies.signIn
        var login: Login?
        if let name = Usernames.normalised(username) {
            login = try await call.database.read { try $0.login(name) }
        }
        // As long for a name that nobody has.
        let isRight = try await signIn.passwords.verify(password, against: login?.passwordHash ?? Password.ofNobody)
        guard let login, isRight, !login.isDisabled else {
            throw Problem.unauthorized("Incorrect username or password")
        }
        return try await signIn.tokens.issue(login.username, login.member, epoch: login.tokensSince)
    }
}
