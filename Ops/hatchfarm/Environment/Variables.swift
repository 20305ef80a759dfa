internal import Domain
internal import Logging

/// Every variable of the environment that the program reads. A new one is a property here, and then
/// `hatchfarm environment --update .` for the documents.
struct Variables: Sendable {
    static let all = Variables()
    /// In the order of their declarations.
    static let list = Mirror(reflecting: all).children.compactMap { $0.value as? any AnyVariable }

    // MARK: A server

    let host = Variable(
        "HOST", .text, default: "127.0.0.1", for: [.server], "The address that the server listens on.",
        more: "Put TLS in front before it leaves this machine.")
    let port = Variable(
        "PORT", .integer(in: 0...65_535), default: 8_080, for: [.server],
        "The port that the server listens on; 0 takes a free one.")
    let database = Variable(
        "DATABASE_URL", .database, unset: "sqlite:./hatchfarm.db, for `up` in its data folder", for: [.server],
        "Where everything is kept: sqlite:PATH for one server, postgres://user:password@host/name for several.",
        example: "postgres://hatchfarm:secret@localhost/hatchfarm", isSecret: true)
    let operatorToken = Variable(
        "HATCHFARM_API_TOKEN", .bearer, unset: "a server makes one at each start", for: [.server, .client],
        "The operator's token.", more: "The same on all servers; `openssl rand -hex 32` makes one.", isSecret: true,
        remedy: Self.newSecret)
    let tokenSecret = Variable(
        "JWT_SECRET", .bytes(atLeast: 32), unset: "a new one at each start", for: [.server],
        "Signs the tokens of logins; at least 32 bytes, the same on all servers.",
        more: "`openssl rand -hex 32` makes one. When it is unset, logins end with each restart.", isSecret: true,
        remedy: Self.newSecret)
    let previousTokenSecret = Variable(
        "JWT_SECRET_PREVIOUS", .bytes(atLeast: 32), for: [.server],
        "The JWT_SECRET that is being replaced: its tokens are still valid.",
        more: "Half an hour after the change it can go.", isSecret: true, remedy: Self.newSecret)
    let developmentUsers = Variable(
        "HATCHFARM_USERS", .users, default: [], for: [.server],
        "Logins that exist from the start, as name:password,…; for development.", isSecret: true)
    let issuers = Variable(
        "OIDC_ISSUERS", .issuers, default: [], for: [.server],
        "OpenID Connect issuers to sign in with, as name=https://issuer,…", example: "example=https://login.example")
    let issuerClientID = Variable(
        "OIDC_<NAME>_CLIENT_ID", .text, for: [.server],
        "The id that the issuer NAME knows this server by; required for each.")
    let issuerClientSecret = Variable(
        "OIDC_<NAME>_CLIENT_SECRET", .text, unset: "the server is a public client", for: [.server],
        "The secret that belongs to that id.", isSecret: true)
    let publicURL = Variable(
        "PUBLIC_URL", .origin, for: [.server], "Where browsers find the server; required with OIDC_ISSUERS.",
        example: "https://farm.example")
    let queenbeeKey = Variable(
        "QUEENBEE_API_KEY", .bearer, unset: "the key stays as it was", for: [.server],
        "The API key of the member queenbee; it replaces the one that was set here before.", isSecret: true,
        remedy: "bhv_ and 48 hex digits will do")
    let redisAddress = Variable(
        "REDIS_ADDR", .redis, for: [.server], "A Redis that keeps heartbeat nonces too, as HOST:PORT.",
        more: "It needs maxmemory-policy noeviction.", example: "127.0.0.1:6379")
    let redisPassword = Variable("REDIS_PASSWORD", .text, for: [.server], "The password of Redis.", isSecret: true)
    let redisNonceFallback = Variable(
        "REDIS_NONCE_FALLBACK", .flag, default: false, for: [.server],
        "true: heartbeats are accepted by SQL alone while Redis is down, instead of 503.")
    let requireHTTPS = Variable(
        "REQUIRE_HTTPS", .flag, default: false, for: [.server], "true: plain HTTP gets 426, except /health.",
        more: "Needs a proxy that ends TLS, and TRUST_PROXY_HEADERS.")
    let trustProxyHeaders = Variable(
        "TRUST_PROXY_HEADERS", .flag, default: false, for: [.server],
        "true: X-Forwarded-Proto and X-Forwarded-For are believed.",
        more: "Only behind a proxy that sets them, and doesn't pass on what a client sent.")
    let allowedOrigins = Variable(
        "ALLOWED_ORIGINS", .list, default: [], for: [.server],
        "The origins that browsers may call from (CORS), separated by commas.", example: "https://farm.example")
    let memberRate = Variable(
        "HATCHFARM_MEMBER_RATE", .integer(in: 0...1_000_000), default: 50_000, for: [.server],
        "Calls a second for each member; 0 is no limit.")
    let taskQuota = Variable(
        "HATCHFARM_TASK_QUOTA", .integer(in: 1...1_000_000), default: 1_000, for: [.server],
        "Calls of each operation on collaboration tasks in 15 minutes, for each member.")
    let basePrices = Variable(
        "HATCHFARM_BASE_PRICES", .unitPrices, default: .standard, for: [.server],
        "USDT for an hour of a core, a GB and a GPU when half of all is in use.")
    let withdrawDailyCap = Variable(
        "WITHDRAW_DAILY_CAP_USDT", .integer(in: 0...1_000_000_000), default: 10_000, for: [.server],
        "USDT that a member may withdraw in 24 hours; 0 stops withdrawals.")
    // What is in flight then has ten seconds more: together less than what a unit gives a service to stop.
    let drainNoticeMilliseconds = Variable(
        "HATCHFARM_DRAIN_NOTICE_MS", .integer(in: 0...5_000), default: 250, for: [.server],
        "Milliseconds after SIGTERM for which connections are still accepted, while /readyz says 503.",
        more: "As long as it takes a load balancer to notice, 5000 at most.")

    // MARK: Logs

    let log = Variable(
        "HATCHFARM_LOG", .logLevel, unset: "notice, for `up` warning, for `worker` info", for: [.server, .worker],
        "The lowest level that is logged: trace, debug, info, notice, warning, error or critical.",
        more: "A server logs each request at info; a worker its progress and heartbeats at debug.", example: "info")
    let developmentLog = Variable(
        "HATCHFARM_DEV_LOG", .flag, default: false, for: [.server],
        "true: the log goes to .devlogs/orch-PID.log as well, from info on unless HATCHFARM_LOG says otherwise; for "
            + "development. The file is emptied at 64 MiB.")

    // MARK: A worker, and the commands that call a server

    let server = Variable(
        "HATCHFARM_SERVER", .text, unset: "where `up` ran last, else http://127.0.0.1:8080", for: [.worker, .client],
        "The server's URL.",
        example: "https://farm.example")
    let apiKey = Variable(
        "HATCHFARM_API_KEY", .text, unset: "what `up` made", for: [.worker, .client], "The API key of the caller.",
        more: """
            A worker needs its owner's for the first start alone: it enrols the machine, signs the rules and the \
            consent in the owner's name, and keeps the machine's own token. Remove the key afterwards.
            """,
        example: "hf_…", isSecret: true)
    let owner = Variable(
        "HATCHFARM_OWNER", .text, for: [.client], "The owner that the operator's token acts for.")
    let configurationHome = Variable(
        "XDG_CONFIG_HOME", .text, unset: "~/.config", for: [.client],
        "The folder of hatchfarm/client.json, where `up` leaves server and key.")
    let home = Variable("HOME", .text, for: [.client], "The folder of .config, when XDG_CONFIG_HOME is unset.")
    let allowsPrivateNetwork = Variable(
        "HATCHFARM_ALLOW_PRIVATE", .flag, default: false, for: [.worker],
        "true: --allow-domain may lead to private addresses, as of a network at home.")
    let slurmConfiguration = Variable(
        "SLURM_CONF", .text, unset: "Slurm's own default", for: [.worker],
        "The cluster's slurm.conf, with --executor slurm.", example: "/etc/slurm/slurm.conf")
    let workerOptions = Variable(
        "HATCHFARM_WORKER_OPTIONS", .text, for: [.unit], "Further options of `hatchfarm worker`.",
        more: "The rules in the file are signed again when they change, which needs the key.",
        example: "--name attic --cpu 4 --memory 8 --accept-policy /etc/hatchfarm/rules.json")
    let noColour = Variable("NO_COLOR", .text, for: [.terminal], "Anything: no colours on a terminal.")

    private static let newSecret = "`openssl rand -hex 32` makes one"
}

/// A variable of any type, for those who go through them all.
protocol AnyVariable: Sendable {
    var facts: VariableFacts { get }
    /// nil: it can be used, or is unset.
    func problem(in environment: Environment) -> VariableProblem?
}

extension Variable: AnyVariable {
    func problem(in environment: Environment) -> VariableProblem? {
        do {
            _ = try value(in: environment)
            return nil
        } catch {
            return error
        }
    }
}
