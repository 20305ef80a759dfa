internal import API
internal import Bus
internal import Domain
internal import Logging
internal import Store

/// A server's settings from the environment (CONTRACT 3, 5, 9, 10): each variable by its name in `Variables`, and
/// values that combine several of them.
@dynamicMemberLookup
struct Settings: Sendable {
    private let environment: Environment
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    let database: String
    let redis: RedisSettings?
    let signIn: SignInSettings

    static let defaultDatabase = "sqlite:./hatchfarm.db"

    init(_ environment: Environment = Environment(), database fallback: String = defaultDatabase) throws(Failure) {
        if let problem = environment.problems(for: [.server]).first { throw problem.failure }
        self.environment = environment
        let set = try environment.database
        database = set ?? fallback
        let password = try environment.redisPassword
        redis = try environment.redisAddress.map { address in
            var redis = address
            redis.password = password
            return redis
        }
        signIn = try SignInSettings(environment)
        let (key, token) = (try environment.queenbeeKey, try environment.operatorToken)
        guard key == nil || key != token else {
            throw .misconfigured("QUEENBEE_API_KEY and HATCHFARM_API_TOKEN must differ; set another key")
        }
    }

    /// `HATCHFARM_LOG`, else the command's own level, or info with a development log.
    func logLevel(otherwise standard: Logger.Level) -> Logger.Level {
        self.log ?? (self.developmentLog ? .info : standard)
    }

    /// Always valid: `init` has checked all variables.
    subscript<Value>(dynamicMember path: KeyPath<Variables, Variable<Value>>) -> Value {
        let variable = Variables.all[keyPath: path]
        return (try? variable.value(in: environment)) ?? variable.defaultValue
    }
}

extension Settings {
    var audits: AuditTerms {
        AuditTerms(disputeMilliseconds: Int64(self.auditDisputeHours) * 3_600_000, fee: self.auditFee)
    }

    var quotas: OwnerQuotas { OwnerQuotas(gigabytes: self.storedGB, machines: self.machinesPerOwner) }

    var retention: Retention { Retention(days: self.retentionDays, auditDays: self.auditRetentionDays) }

    /// The URL of the server on this machine.
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

    /// The database URL without the password.
    var shownDatabase: String { DatabaseURL.shown(database) }

    func app(operatorToken: String) -> AppConfiguration {
        var app = AppConfiguration(operatorToken: operatorToken)
        app.host = self.host
        app.port = self.port
        app.version = Version.text
        app.environment = self.deployment
        app.requireHTTPS = self.requireHTTPS
        app.trustProxyHeaders = self.trustProxyHeaders
        app.trustedProxies = self.trustedProxies
        app.metricsListen = self.metricsListen
        app.allowedOrigins = Set(self.allowedOrigins)
        app.redisNonceFallback = self.redisNonceFallback
        app.tokenSecrets = signIn.tokenSecrets
        app.customerTokenSecret = self.customerSecret
        app.issuers = signIn.issuers
        app.publicURL = signIn.publicURL
        app.connectionLimit = self.connections
        app.connectionsPerAddress = self.connectionsPerAddress
        app.bodyMegabytes = self.bodyMegabytes
        app.bodyMegabytesPerOwner = self.bodyMegabytesPerOwner
        let memberRate = self.memberRate
        app.memberRate = Rate(burst: memberRate * 2, perSecond: memberRate)
        app.taskQuota.limit = self.taskQuota
        app.withdrawDailyCap = Int64(self.withdrawDailyCap) * 1_000_000
        app.oracle = oracle
        app.inklingsPerAddress = Int64(self.inklingsPerAddress)
        app.drainNoticeMilliseconds = Int64(self.drainNoticeMilliseconds)
        return app
    }
}
