internal import API
internal import Bus
internal import Domain
internal import Logging

/// What a server reads from its environment (CONTRACT 3, 5, 9, 10).
struct Settings: Sendable {
    var host: String
    var port: Int
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    var database: String
    var redis: RedisSettings?
    /// Whether heartbeats go on by SQL alone while Redis is down.
    var redisNonceFallback: Bool
    /// nil: the server makes an ephemeral one and says so.
    var operatorToken: String?
    var signIn: SignInSettings
    /// The queenbee's key; nil: as the database has it.
    var queenbeeKey: String?
    var requireHTTPS: Bool
    var trustProxyHeaders: Bool
    var allowedOrigins: [String]
    /// Calls a second that one member may make; 0 is no limit.
    var memberRate: Int
    var basePrices: UnitPrices
    /// Whole USDT that one owner may withdraw in 24 hours.
    var withdrawDailyCap: Int
    /// How long after SIGTERM connections are still taken.
    var drainNoticeMilliseconds: Int
    var log: Logger.Level

    static let defaultDatabase = "sqlite:./hatchfarm.db"

    init(_ environment: Environment = Environment(), database standard: String = defaultDatabase) throws(Failure) {
        host = environment.text("HOST") ?? "127.0.0.1"
        port = try environment.integer("PORT", in: 0...65_535, default: 8_080)
        database = try Self.database(environment.text("DATABASE_URL") ?? standard)
        redis = try Self.redis(environment)
        redisNonceFallback = try environment.flag("REDIS_NONCE_FALLBACK")
        operatorToken = try Self.secret("HATCHFARM_API_TOKEN", environment, "64 hex digits")
        signIn = try SignInSettings(environment)
        queenbeeKey = try Self.queenbeeKey(environment)
        requireHTTPS = try environment.flag("REQUIRE_HTTPS")
        trustProxyHeaders = try environment.flag("TRUST_PROXY_HEADERS")
        allowedOrigins = environment.list("ALLOWED_ORIGINS")
        memberRate = try environment.integer("HATCHFARM_MEMBER_RATE", in: 0...1_000_000, default: 50_000)
        basePrices = try UnitPrices(environment)
        withdrawDailyCap = try environment.integer(
            "WITHDRAW_DAILY_CAP_USDT", in: 0...1_000_000_000, default: 10_000)
        // What is in flight then has ten seconds more: together less than what a unit gives a service to stop.
        drainNoticeMilliseconds = try environment.integer("HATCHFARM_DRAIN_NOTICE_MS", in: 0...5_000, default: 250)
        log = try Self.level(environment)
    }

    private static func level(_ environment: Environment) throws(Failure) -> Logger.Level {
        guard let name = environment.text("HATCHFARM_LOG") else { return .notice }
        guard let level = Logger.Level(rawValue: name.lowercased()) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .misconfigured("HATCHFARM_LOG must be one of \(names)")
        }
        return level
    }

    /// A bearer that can come in a header, and that nobody guesses.
    private static func secret(
        _ name: String, _ environment: Environment, _ example: String
    ) throws(Failure) -> String? {
        guard let secret = environment.text(name) else { return nil }
        guard (16...255).contains(secret.utf8.count), secret.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw .misconfigured("\(name) must be 16–255 visible ASCII characters: \(example)")
        }
        return secret
    }

    private static func queenbeeKey(_ environment: Environment) throws(Failure) -> String? {
        guard let key = try secret("QUEENBEE_API_KEY", environment, "bhv_ and 48 hex digits") else { return nil }
        guard key != environment.text("HATCHFARM_API_TOKEN") else {
            throw .misconfigured("QUEENBEE_API_KEY and HATCHFARM_API_TOKEN must be different")
        }
        return key
    }

    private static func database(_ url: String) throws(Failure) -> String {
        guard
            url.hasPrefix("sqlite:") && url.utf8.count > "sqlite:".utf8.count || url.hasPrefix("postgres://")
                || url.hasPrefix("postgresql://")
        else { throw .misconfigured("DATABASE_URL must be sqlite:PATH or postgres://…") }
        return url
    }

    private static func redis(_ environment: Environment) throws(Failure) -> RedisSettings? {
        guard let address = environment.text("REDIS_ADDR") else { return nil }
        guard let redis = RedisSettings(address: address, password: environment.text("REDIS_PASSWORD")) else {
            throw .misconfigured("REDIS_ADDR must be HOST or HOST:PORT")
        }
        return redis
    }
}

extension Settings {
    /// Where people who sit at the same machine reach the server.
    func url(port: Int) -> String {
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
        app.host = host
        app.port = port
        app.version = Version.text
        app.requireHTTPS = requireHTTPS
        app.trustProxyHeaders = trustProxyHeaders
        app.allowedOrigins = Set(allowedOrigins)
        app.redisNonceFallback = redisNonceFallback
        app.tokenSecrets = signIn.tokenSecrets
        app.issuers = signIn.issuers
        app.publicURL = signIn.publicURL
        app.memberRate = Rate(burst: memberRate * 2, perSecond: memberRate)
        app.withdrawDailyCap = Int64(withdrawDailyCap) * 1_000_000
        app.drainNoticeMilliseconds = Int64(drainNoticeMilliseconds)
        return app
    }

    static let help = """
        ENVIRONMENT
          PORT                   8080
          HOST                   127.0.0.1
          DATABASE_URL           sqlite:./hatchfarm.db, or postgres://user:pw@host/name
          HATCHFARM_API_TOKEN    the operator's token; unset: a new one each start
          JWT_SECRET             signs logins' tokens, 32 bytes or more; unset: a new one each start
          JWT_SECRET_PREVIOUS    one that is being replaced: its tokens still count
          HATCHFARM_USERS        name:password,… for development: logins to be there
          OIDC_ISSUERS           name=https://issuer,… to sign in with
          OIDC_<NAME>_CLIENT_ID  what the issuer knows us by; and _CLIENT_SECRET
          PUBLIC_URL             where browsers find the server; needed with OIDC_ISSUERS
          QUEENBEE_API_KEY       the queenbee's key, in place of the last one set here
          REDIS_ADDR             host:port; nonces are then kept in Redis too
          REDIS_PASSWORD         none
          REDIS_NONCE_FALLBACK   false; true: while Redis is down SQL alone is enough
          REQUIRE_HTTPS          false; true: plain HTTP gets 426, except /health
          TRUST_PROXY_HEADERS    false; true: believe X-Forwarded-Proto and -For
          ALLOWED_ORIGINS        origins for CORS, separated by commas
          HATCHFARM_MEMBER_RATE  50000 calls a second for each member; 0: no limit
          HATCHFARM_BASE_PRICES  cpu=0.02,gb=0.004,gpu=0.4: USDT an hour at half load
          WITHDRAW_DAILY_CAP_USDT
                                 10000 a member in 24 hours; 0: nothing goes out
          HATCHFARM_DRAIN_NOTICE_MS
                                 250: connections are taken so long after SIGTERM
          HATCHFARM_LOG          notice; trace, debug, info, warning, error, critical
        """
}
