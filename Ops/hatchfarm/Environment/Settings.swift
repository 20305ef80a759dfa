internal import API
internal import Bus
internal import Logging

/// What a server reads from its environment (CONTRACT 3, 5, 9, 10): each variable by its name in `Variables`, and what
/// several of them make together.
@dynamicMemberLookup
struct Settings: Sendable {
    private let environment: Environment
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    let database: String
    let redis: RedisSettings?
    let signIn: SignInSettings

    static let defaultDatabase = "sqlite:./hatchfarm.db"

    init(_ environment: Environment = Environment(), database standard: String = defaultDatabase) throws(Failure) {
        if let problem = environment.problems(for: [.server]).first { throw problem.failure }
        self.environment = environment
        let set = try environment.database
        database = set ?? standard
        let password = try environment.redisPassword
        redis = try environment.redisAddress.map { address in
            var redis = address
            redis.password = password
            return redis
        }
        signIn = try SignInSettings(environment)
        let (key, token) = (try environment.queenbeeKey, try environment.operatorToken)
        guard key == nil || key != token else {
            throw .misconfigured("QUEENBEE_API_KEY and HATCHFARM_API_TOKEN are the same; set another key")
        }
    }

    /// `HATCHFARM_LOG`, or what a command logs without it; with a development log info, for requests are what it is for.
    func logLevel(otherwise standard: Logger.Level) -> Logger.Level {
        self.log ?? (self.developmentLog ? .info : standard)
    }

    /// There is one: `init` has checked them all.
    subscript<Value>(dynamicMember path: KeyPath<Variables, Variable<Value>>) -> Value {
        let variable = Variables.all[keyPath: path]
        return (try? variable.value(in: environment)) ?? variable.standard
    }
}

extension Settings {
    /// Where people who sit at the same machine reach the server.
    func url(port: Int) -> String {
        let host = self.host
        let name =
            switch host {
            case "0.0.0.0": "127.0.0.1"
            case "::": "[::1]"
            default: host.contains(":") ? "[\(host)]" : host
            }
        return "http://\(name):\(port)"
    }

    /// The database for people: without the password.
    var shownDatabase: String {
        guard let at = database.lastIndex(of: "@"), let colon = database[..<at].lastIndex(of: ":"),
            !database[colon...].hasPrefix("://")
        else { return database }
        return "\(database[..<colon]):…\(database[at...])"
    }

    func app(operatorToken: String) -> AppConfiguration {
        var app = AppConfiguration(operatorToken: operatorToken)
        app.host = self.host
        app.port = self.port
        app.version = Version.text
        app.requireHTTPS = self.requireHTTPS
        app.trustProxyHeaders = self.trustProxyHeaders
        app.allowedOrigins = Set(self.allowedOrigins)
        app.redisNonceFallback = self.redisNonceFallback
        app.tokenSecrets = signIn.tokenSecrets
        app.issuers = signIn.issuers
        app.publicURL = signIn.publicURL
        let memberRate = self.memberRate
        app.memberRate = Rate(burst: memberRate * 2, perSecond: memberRate)
        app.taskQuota.limit = self.taskQuota
        app.withdrawDailyCap = Int64(self.withdrawDailyCap) * 1_000_000
        app.drainNoticeMilliseconds = Int64(self.drainNoticeMilliseconds)
        return app
    }
}
