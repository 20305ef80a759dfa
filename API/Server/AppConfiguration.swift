/// What the operator may set about serving. Defaults are CONTRACT 5 and PROMISES 3.7.
package struct AppConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0 takes a free one.
    package var port = 8_080
    /// Where figures are shown to anybody who asks; nil: nowhere (`HATCHFARM_METRICS_LISTEN`).
    package var metricsListen: ListenAddress?
    package var version = "0.1.0"
    /// What the operator calls this deployment, for customers (`HATCHFARM_ENVIRONMENT`).
    package var environment = "production"
    /// `HATCHFARM_API_TOKEN`.
    package var operatorToken: String
    /// `JWT_SECRET`, then `JWT_SECRET_PREVIOUS`: 32 bytes at least. None: one is made that ends with the process.
    package var tokenSecrets: [[UInt8]] = []

    /// What the tokens of devices' customers are signed with, 32 bytes at least; nil takes none
    /// (`SUPABASE_JWT_SECRET`).
    package var customerTokenSecret: [UInt8]?

    /// Whose word we take for who somebody is (`OIDC_ISSUERS`).
    package var issuers: [OIDCIssuer] = []
    /// Where browsers find us, without a slash at the end (`PUBLIC_URL`); needed with issuers.
    package var publicURL = ""

    /// Everything but `/health` is refused with 426 unless it came by HTTPS.
    package var requireHTTPS = false
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` count, when a trusted proxy sends them.
    package var trustProxyHeaders = false
    /// Whose word those are (`TRUSTED_PROXIES`).
    package var trustedProxies: [AddressRange] = .loopback
    /// Exact origins that browsers may call from (`ALLOWED_ORIGINS`).
    package var allowedOrigins: Set<String> = []
    /// Whether heartbeats go on by SQL alone while Redis is down (`REDIS_NONCE_FALLBACK`).
    package var redisNonceFallback = false

    /// Who answers what small devices ask (`ANTHROPIC_API_KEY`, `OPENAI_API_KEY`).
    package var oracle = OracleSettings()
    /// How many small devices one address may register in a day of UTC (`INKLING_DEVICES_PER_ADDRESS`).
    package var inklingsPerAddress: Int64 = 1_000

    /// Unauthenticated calls, by address.
    package var addressRate = Rate(burst: 20, perSecond: 5)
    /// Authenticated calls, by owner.
    package var memberRate = Rate(burst: 100_000, perSecond: 50_000)
    /// Attempts to log in, by address.
    package var loginQuota = Quota(limit: 100, seconds: 900)
    /// Calls of each operation on collaboration tasks, by owner (`HATCHFARM_TASK_QUOTA`).
    package var taskQuota = Quota(limit: 1_000, seconds: 900)

    /// Minor units of USDT that one owner may withdraw in 24 hours (`WITHDRAW_DAILY_CAP_USDT`).
    package var withdrawDailyCap: Int64 = 10_000_000_000

    /// Bytes of a JSON body.
    package var bodyLimit = 1 << 20
    /// Bytes of an artifact, unpacked.
    package var artifactLimit = 64 << 20
    /// MiB of bodies that aren't answered yet, in memory, beyond the first 16 KiB of each: of all (`HATCHFARM_BODY_MB`)
    /// and of one owner (`HATCHFARM_BODY_MB_PER_OWNER`). A file counts as 3 MiB while it comes.
    package var bodyMegabytes = 128
    package var bodyMegabytesPerOwner = 64
    /// Bytes of all header fields together.
    package var headerLimit = 16 << 10

    package var connectionLimit = 10_000
    /// Of one address; of those behind a trusted proxy, calls and sockets under way
    /// (`HATCHFARM_CONNECTIONS_PER_ADDRESS`).
    package var connectionsPerAddress = 512
    /// From the first byte of a request to the last of its header fields.
    package var headTimeoutMilliseconds: Int64 = 10_000
    package var idleTimeoutSeconds: Int64 = 60
    /// A body has to bring a kilobyte a second in every such time, as long as we are ready to take it.
    package var bodyWindowMilliseconds: Int64 = 10_000

    /// How long after SIGTERM connections are still taken, so that a balancer sees `/readyz` fail first
    /// (`HATCHFARM_DRAIN_NOTICE_MS`).
    package var drainNoticeMilliseconds: Int64 = 250
    /// How long requests in flight may go on then.
    package var drainMilliseconds: Int64 = 10_000

    package init(operatorToken: String) { self.operatorToken = operatorToken }
}

/// Where to listen.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    /// 0 takes a free one.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `127.0.0.1:9100`, `[::1]:9100`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A bucket: so many at once, refilled at so many a second. A rate of 0 a second is no limit.
package struct Rate: Sendable, Hashable {
    package var burst: Int
    package var perSecond: Int

    package init(burst: Int, perSecond: Int) {
        self.burst = burst
        self.perSecond = perSecond
    }

    package static let unlimited = Rate(burst: 0, perSecond: 0)
}
