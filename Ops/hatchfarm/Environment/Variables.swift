internal import API
internal import Domain
internal import Logging

/// All environment variables that the program reads. To add one, add a property here, and run
/// `hatchfarm environment --update .` to update the documents.
struct Variables: Sendable {
    static let all = Variables()
    /// In the order of their declarations.
    static let list = Mirror(reflecting: all).children.compactMap { $0.value as? any AnyVariable }

    // MARK: A server

    let host = Variable(
        "HOST", .host, default: "127.0.0.1", for: [.server], "The address that the server listens on.",
        more: "Put a TLS proxy in front before exposing it.")
    let port = Variable(
        "PORT", .integer(in: 0...65_535), default: 8_080, for: [.server],
        "The port that the server listens on; 0 chooses a free one.")
    let database = Variable(
        "DATABASE_URL", .database, unset: "sqlite:./hatchfarm.db; `up` uses its data folder", for: [.server],
        "The database: sqlite:PATH for one server, postgres://user:password@host/name for several.",
        example: "postgres://hatchfarm:secret@localhost/hatchfarm", isSecret: true)
    let operatorToken = Variable(
        "HATCHFARM_API_TOKEN", .bearer, unset: "a new one at each start", for: [.server, .client],
        "The operator token.", more: "Must be the same on all servers; `openssl rand -hex 32` generates one.",
        isSecret: true,
        remedy: Self.newSecret)
    let tokenSecret = Variable(
        "JWT_SECRET", .bytes(atLeast: 32), unset: "a new one at each start", for: [.server],
        "The secret that signs login tokens; at least 32 bytes, the same on all servers.",
        more: "`openssl rand -hex 32` generates one. If it is unset, a restart invalidates all login tokens.",
        isSecret: true,
        remedy: Self.newSecret)
    let previousTokenSecret = Variable(
        "JWT_SECRET_PREVIOUS", .bytes(atLeast: 32), for: [.server],
        "The previous JWT_SECRET, whose tokens stay valid during a rotation.",
        more: "It can be removed half an hour after the change.", isSecret: true, remedy: Self.newSecret)
    let customerSecret = Variable(
        "SUPABASE_JWT_SECRET", .bytes(atLeast: 32), unset: "customers can't sign in", for: [.server, .client],
        "The secret that signs the tokens of the device gateway's customers; at least 32 bytes.",
        more: "That of a Supabase project, or any other; `hatchfarm admin customer token` signs with it as well.",
        isSecret: true, remedy: Self.newSecret)
    let developmentUsers = Variable(
        "HATCHFARM_USERS", .users, default: [], for: [.server],
        "Logins created at the start, as name:password,…; for development.", isSecret: true)
    let issuers = Variable(
        "OIDC_ISSUERS", .issuers, default: [], for: [.server],
        "OpenID Connect issuers to sign in with, as name=https://issuer,…", example: "example=https://login.example")
    let issuerClientID = Variable(
        "OIDC_<NAME>_CLIENT_ID", .text, for: [.server],
        "The client id at the issuer NAME; required for each issuer.")
    let issuerClientSecret = Variable(
        "OIDC_<NAME>_CLIENT_SECRET", .text, unset: "the server is a public client", for: [.server],
        "The client secret at the issuer NAME.", isSecret: true)
    let publicURL = Variable(
        "PUBLIC_URL", .origin, for: [.server], "The public URL of the server; required with OIDC_ISSUERS.",
        example: "https://farm.example")
    let queenbeeKey = Variable(
        "QUEENBEE_API_KEY", .bearer, unset: "the key is unchanged", for: [.server],
        "The API key of the member queenbee; replaces the one set here before.", isSecret: true,
        remedy: "use bhv_ and 48 hex digits, for example")
    let redisAddress = Variable(
        "REDIS_ADDR", .redis, for: [.server], "A Redis that also stores heartbeat nonces, as HOST:PORT.",
        more: "Requires maxmemory-policy noeviction.", example: "127.0.0.1:6379")
    let redisPassword = Variable("REDIS_PASSWORD", .text, for: [.server], "The password for Redis.", isSecret: true)
    let redisNonceFallback = Variable(
        "REDIS_NONCE_FALLBACK", .flag, default: false, for: [.server],
        "true: while Redis is down, heartbeats are checked by SQL alone, instead of answered with 503.")
    let deployment = Variable(
        "HATCHFARM_ENVIRONMENT", .text, default: "production", for: [.server],
        "What this deployment is called where customers of devices ask for the system.")
    let requireHTTPS = Variable(
        "REQUIRE_HTTPS", .flag, default: false, for: [.server], "true: plain HTTP gets 426, except /health.",
        more: "Requires a TLS-terminating proxy, and TRUST_PROXY_HEADERS.")
    let trustProxyHeaders = Variable(
        "TRUST_PROXY_HEADERS", .flag, default: false, for: [.server],
        "true: X-Forwarded-Proto and X-Forwarded-For of TRUSTED_PROXIES count.",
        more: "Only behind a proxy that sets them, and doesn't forward those of clients.")
    let trustedProxies = Variable(
        "TRUSTED_PROXIES", .addressRanges, default: .loopback, for: [.server],
        "Addresses of proxies, and networks like 10.0.0.0/8, separated by commas.",
        more: """
            What they say of clients counts with TRUST_PROXY_HEADERS, and their own connections are not limited. \
            A proxy on another machine must be named here.
            """,
        example: "127.0.0.1,10.1.2.3")
    let allowedOrigins = Variable(
        "ALLOWED_ORIGINS", .list, default: [], for: [.server],
        "Allowed origins for browsers (CORS), separated by commas.", example: "https://farm.example")
    let connections = Variable(
        "HATCHFARM_CONNECTIONS", .integer(in: 16...1_000_000), default: 10_000, for: [.server],
        "The most connections at once; `ulimit -n` may allow fewer.")
    let connectionsPerAddress = Variable(
        "HATCHFARM_CONNECTIONS_PER_ADDRESS", .integer(in: 1...1_000_000), default: 512, for: [.server],
        "The most connections of one address at once.",
        more: """
            Raise it when many devices come by one address, such as a gateway of theirs. Behind TRUSTED_PROXIES it \
            counts the requests and sockets of each client under way.
            """)
    let bodyMegabytes = Variable(
        "HATCHFARM_BODY_MB", .integer(in: 16...1_000_000), default: 128, for: [.server],
        "The most MiB of request bodies in memory at once, beyond the first 16 KiB of each.",
        more: """
            A file counts as 3 MiB while it comes, and for more when unpacking takes more. Further large bodies are \
            answered with 503.
            """)
    let bodyMegabytesPerOwner = Variable(
        "HATCHFARM_BODY_MB_PER_OWNER", .integer(in: 12...1_000_000), default: 64, for: [.server],
        "The same for each owner, or for each address without one.",
        more: "Further large bodies of the owner are answered with 429.")
    let metricsListen = Variable(
        "HATCHFARM_METRICS_LISTEN", .listenAddress, unset: "only on the server's own address, with a token",
        for: [.server], "An address that serves /metrics and /metrics.json to anybody, as HOST:PORT.",
        more: "They name owners, queues and money: choose an address that only the operator reaches.",
        example: "127.0.0.1:9464")
    let memberRate = Variable(
        "HATCHFARM_MEMBER_RATE", .integer(in: 0...1_000_000), default: 50_000, for: [.server],
        "Requests per second for each member; 0 means unlimited.")
    let liveJobs = Variable(
        "HATCHFARM_LIVE_JOBS", .integer(in: 1...1_000_000_000), default: 1_000_000, for: [.server],
        "The most jobs of one owner that may wait and run at once.",
        more: "Further submissions are answered with 429 until some have ended.")
    let storedGB = Variable(
        "HATCHFARM_STORED_GB", .integer(in: 0...1_000_000), default: 100, for: [.server],
        "The most bytes of one owner's files, in GB: of its jobs, and uploads; 0 means unlimited.",
        more: "Further files are answered with 429 until some are deleted.")
    let machinesPerOwner = Variable(
        "HATCHFARM_MACHINES", .integer(in: 1...1_000_000_000), default: 10_000, for: [.server],
        "The most machines of one owner.")
    let retentionDays = Variable(
        "HATCHFARM_RETENTION_DAYS", .integer(in: 0...36_500), default: 90, for: [.server],
        "How many days ended jobs are kept with their attempts, logs and files, and keys that ended; 0 keeps them.",
        more: "Also uploads that no job is given. Money that was moved stays on record for good.")
    let auditRetentionDays = Variable(
        "HATCHFARM_AUDIT_RETENTION_DAYS", .integer(in: 0...36_500), default: 0, for: [.server],
        "How many days audit events are kept; 0 keeps them.",
        more: "What is left of an owner's chain still verifies, from the last event that is gone.")
    let taskQuota = Variable(
        "HATCHFARM_TASK_QUOTA", .integer(in: 1...1_000_000), default: 1_000, for: [.server],
        "Requests per 15 minutes for each member and operation on collaboration tasks.")
    let basePrices = Variable(
        "HATCHFARM_BASE_PRICES", .unitPrices, default: .standard, for: [.server],
        "USDT per hour for a core, a GB and a GPU, at 50 % utilisation.")
    let withdrawDailyCap = Variable(
        "WITHDRAW_DAILY_CAP_USDT", .integer(in: 0...1_000_000_000), default: 10_000, for: [.server],
        "USDT that a member may withdraw in 24 hours; 0 disables withdrawals.")
    let auditDisputeHours = Variable(
        "AUDIT_DISPUTE_HOURS", .integer(in: 0...720), default: 0, for: [.server],
        "How long the verdict on a bounty waits for a dispute before it settles; 0 settles with the report.")
    let auditFee = Variable(
        "AUDIT_FEE_USDT", .usdt, default: 0, for: [.server],
        "What @queenbee pays the owner of the machine for an audit's report, as far as it has the money.")
    let genesisKeys = Variable(
        "INKLING_GENESIS_KEYS", .inklingKeys, default: [], for: [.server],
        "Public keys of companion devices that are verified from the start, separated by commas.",
        more: "64 hex digits each. A key that is removed later stays verified.")
    let inklingsPerAddress = Variable(
        "INKLING_DEVICES_PER_ADDRESS", .integer(in: 1...1_000_000_000), default: 1_000, for: [.server],
        "How many companion devices one address may register in a day.")
    let anthropicKey = Variable(
        "ANTHROPIC_API_KEY", .headerValue, unset: "it is not asked", for: [.server],
        "The API key of the oracle's first language model.", isSecret: true)
    let anthropicURL = Variable(
        "ANTHROPIC_BASE_URL", .baseURL, default: "https://api.anthropic.com", for: [.server],
        "Where the oracle's first language model is called.")
    let anthropicModel = Variable(
        "ANTHROPIC_MODEL", .text, default: "claude-haiku-4-5", for: [.server],
        "The name of the oracle's first language model.")
    let openAIKey = Variable(
        "OPENAI_API_KEY", .headerValue, unset: "it is not asked", for: [.server],
        "The API key of the oracle's other language model, asked when the first fails.", isSecret: true)
    let openAIURL = Variable(
        "OPENAI_BASE_URL", .baseURL, default: "https://api.openai.com/v1", for: [.server],
        "Where the oracle's other language model is called.")
    let openAIModel = Variable(
        "OPENAI_MODEL", .text, default: "gpt-4o-mini", for: [.server],
        "The name of the oracle's other language model.")
    let oracleTimeoutSeconds = Variable(
        "ORACLE_TIMEOUT_SECONDS", .integer(in: 1...120), default: 30, for: [.server],
        "How long each language model may take for its answer.")
    // Requests in flight get ten seconds more: together less than the stop timeout of the unit.
    let drainNoticeMilliseconds = Variable(
        "HATCHFARM_DRAIN_NOTICE_MS", .integer(in: 0...5_000), default: 250, for: [.server],
        "How long connections are still accepted after SIGTERM, in milliseconds, while /readyz returns 503.",
        more: "As long as a load balancer needs to notice; at most 5000.")

    // MARK: Logs

    let log = Variable(
        "HATCHFARM_LOG", .logLevel, unset: "notice; `up` warning, `worker` info", for: [.server, .worker],
        "The minimum log level: trace, debug, info, notice, warning, error or critical.",
        more: "A server logs each request at info; a worker its progress and heartbeats at debug.", example: "info")
    let developmentLog = Variable(
        "HATCHFARM_DEV_LOG", .flag, default: false, for: [.server],
        "true: also log to .devlogs/orch-ID.log, by default from info; for development. The file is emptied at 64 MiB."
    )

    // MARK: A worker, and the commands that call a server

    let server = Variable(
        "HATCHFARM_SERVER", .text, unset: "that of the last `up` or `login`, else http://127.0.0.1:8080",
        for: [.worker, .client],
        "The server's URL.",
        example: "https://farm.example")
    let apiKey = Variable(
        "HATCHFARM_API_KEY", .text, unset: "the one saved by `up` or `login`", for: [.worker, .client],
        "The caller's API key.",
        more: """
            A worker needs its owner's key only for the first start: to enroll the machine, and to sign the rules and \
            the consent. Then it uses the machine's own token. Remove the key afterwards.
            """,
        example: "hf_…", isSecret: true)
    let owner = Variable(
        "HATCHFARM_OWNER", .text, for: [.client], "The owner to act for with the operator token.")
    let customerToken = Variable(
        "HATCHFARM_CUSTOMER_TOKEN", .text, for: [.client], "The token of a customer, for `fleet`.",
        more: "`hatchfarm admin customer token` makes one.", isSecret: true)
    let configurationHome = Variable(
        "XDG_CONFIG_HOME", .text, unset: "~/.config", for: [.client],
        "The folder of hatchfarm/client.json, where `up` and `login` save servers and keys.")
    let home = Variable("HOME", .text, for: [.client], "The folder of .config, if XDG_CONFIG_HOME is unset.")
    let allowsPrivateNetwork = Variable(
        "HATCHFARM_ALLOW_PRIVATE", .flag, default: false, for: [.worker],
        "true: --allow-domain may resolve to private addresses, such as those of a home network.")
    let slurmConfiguration = Variable(
        "SLURM_CONF", .text, unset: "Slurm's own default", for: [.worker],
        "The cluster's slurm.conf, with --executor slurm.", example: "/etc/slurm/slurm.conf")
    let workerOptions = Variable(
        "HATCHFARM_WORKER_OPTIONS", .text, for: [.unit], "Further options of `hatchfarm worker`.",
        more: "Changed rules in the file are signed again, which needs the key.",
        example: "--name attic --cpu 4 --memory 8 --accept-policy /etc/hatchfarm/rules.json")
    let noColour = Variable("NO_COLOR", .text, for: [.terminal], "Any value: no colours on a terminal.")

    private static let newSecret = "`openssl rand -hex 32` generates one"
}

/// A variable of any type.
protocol AnyVariable: Sendable {
    var facts: VariableFacts { get }
    /// nil if it is valid or unset.
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
