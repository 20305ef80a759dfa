internal import API
internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import Glibc
internal import Logging
internal import NIOCore
internal import Store

/// The composition root of a server: the only place that chooses implementations.
struct Composition: Sendable {
    let settings: Settings
    let operatorToken: String
    private let database: Database
    private let app: App
    private let scheduler: Scheduler
    private let logger: Logger
    private let lock: ProcessLock?

    /// Opens and migrates the database.
    static func open(_ settings: Settings, logger: Logger) async throws -> Composition {
        let world = World.live
        let token = settings.operatorToken ?? Hex.encode(world.random(24))
        let lock = try lockFile(of: settings.database)
        let (database, _) = try await openDatabase(settings)
        try await settings.signIn.addUsers(to: database, logger: logger)
        let bus = LocalBus(sleep: world.sleep)
        let broker = JobBroker(
            database: database, bus: bus, world: world, audits: settings.audits,
            liveLimit: LiveLimit(Int64(settings.liveJobs)), retention: settings.retention)
        var redis: Redis?
        if let address = settings.redis { redis = try await openRedis(address, logger) }
        if redis != nil, settings.redisNonceFallback {
            logger.warning(
                "REDIS_NONCE_FALLBACK is on: while Redis is down, only SQL protects heartbeats against replay")
        }
        if let key = settings.queenbeeKey { try await configureQueenbee(key, database, logger) }
        let genesis = settings.genesisKeys
        if !genesis.isEmpty { try await database.write { try $0.blessGenesis(genesis) } }
        let jobs = JobMetrics(broker, world: world)
        let books = LedgerMetrics(database, world: world)
        let services = Dependencies(
            configuration: settings.app(operatorToken: token), database: database, broker: broker, bus: bus,
            redis: redis,
            world: world,
            gauges: [
                jobs.families, { try await MarketMetrics.families(broker) }, books.families,
            ])
        return Composition(
            settings: settings, operatorToken: token, database: database,
            app: App(services, systems: APISystem.all, logger: logger),
            scheduler: Scheduler(
                broker, keyUses: services.keyUses, world: world, logger: logger, basePrices: settings.basePrices),
            logger: logger, lock: lock)
    }

    /// For as long as this process lives.
    private static func lockFile(of database: String) throws(Failure) -> ProcessLock? {
        guard database.hasPrefix("sqlite:"), database != "sqlite::memory:" else { return nil }
        try requireFolder(of: database)
        return try ProcessLock.server(String(database.dropFirst("sqlite:".count)))
    }

    /// Waiting makes no folder: unlike a database that is away, this is a setting to correct.
    private static func requireFolder(of database: String) throws(Failure) {
        guard database.hasPrefix("sqlite:"), database != "sqlite::memory:" else { return }
        let folder = Files.folder(of: String(database.dropFirst("sqlite:".count)))
        guard Files.isDirectory(folder) else {
            throw .misconfigured(
                "cannot open \(database): the folder \(folder) does not exist; create it, or correct DATABASE_URL")
        }
    }

    /// A revoked key stays revoked, but doesn't prevent the start: otherwise its holder could, by revoking it.
    private static func configureQueenbee(_ key: String, _ database: Database, _ logger: Logger) async throws {
        let text = KeyText(key)
        let outcome: KeyConfiguration
        do {
            outcome = try await database.write { try $0.configureQueenbee(text) }
        } catch DatabaseError.conflict {
            // Another server that is starting with the same key was faster.
            outcome = try await database.write { try $0.configureQueenbee(text) }
        }
        switch outcome {
        case .isValid(let ended): try await KeyHints.send(.ended(ended), database)
        case .wasRevoked: logger.error("QUEENBEE_API_KEY was revoked and stays revoked: set another one")
        case .isAnother:
            throw Failure.misconfigured(
                "QUEENBEE_API_KEY belongs to another member, or is no longer valid: set another one")
        }
    }

    /// Migrates the database, and runs `body` on it.
    static func withDatabase<Answer>(
        _ settings: Settings, _ body: (Database) async throws -> Answer
    ) async throws -> Answer {
        let (database, _) = try await openDatabase(settings)
        do {
            let answer = try await body(database)
            await database.close()
            return answer
        } catch {
            await database.close()
            throw error
        }
    }

    /// Migrates the database; returns the names of the applied steps.
    static func migrate(_ settings: Settings) async throws -> [String] {
        let (database, steps) = try await openDatabase(settings)
        await database.close()
        return steps
    }

    private static func openDatabase(_ settings: Settings) async throws -> (Database, steps: [String]) {
        try requireFolder(of: settings.database)
        do {
            var store = DatabaseSettings()
            store.quotas = settings.quotas
            let database = try await Database.open(settings.database, settings: store)
            return (database, try await database.migrate(Migration.all))
        } catch DatabaseError.unavailable(let reason) {
            throw Failure.unreachable("cannot reach \(settings.shownDatabase): \(reason)")
        } catch DatabaseError.failed(_, let reason) {
            throw Failure.misconfigured("cannot open \(settings.shownDatabase): \(reason)")
        } catch let error as DatabaseError {
            throw Failure.misconfigured("cannot open \(settings.shownDatabase): \(error)")
        }
    }

    /// An evicted nonce could be replayed, so a Redis that may evict is not accepted (PROMISES R4). One that is down
    /// is: until it is up, heartbeats are refused.
    private static func openRedis(_ settings: RedisSettings, _ logger: Logger) async throws -> Redis {
        let redis = await Redis.open(settings)
        do {
            guard try await redis.mayEvict() else { return redis }
            redis.close()
        } catch {
            logger.warning("cannot determine whether Redis may evict keys: \(error)")
            return redis
        }
        throw Failure.misconfigured(
            "Redis at \(settings.host):\(settings.port) may evict keys before they expire, so heartbeats could be "
                + "replayed: set its maxmemory-policy to noeviction")
    }

    /// Serves until SIGTERM or SIGINT, then drains. Both closures receive the port: `onReady` is called once,
    /// `companion` runs beside the server and is shut down before it.
    func serve(
        onReady: @escaping @Sendable (Int) -> Void = { _ in },
        companion: (@Sendable (Int) async throws -> Void)? = nil
    ) async throws {
        let ports = AsyncStream.makeStream(of: Int.self)
        var services = [
            ClosureService(earlyReturn: .isAllowed) { [scheduler] in await scheduler.run() },
            ClosureService { [app, logger] in
                try await app.run { port in
                    onReady(port)
                    ports.continuation.yield(port)
                } onFigures: { port in
                    logger.notice("metrics are shown without a token", metadata: ["port": "\(port)"])
                }
            },
        ]
        if let companion {
            services.append(
                ClosureService {
                    for await port in ports.stream { return try await companion(port) }
                })
        }
        defer {
            LogSink.standardError.drain(milliseconds: 500)
            withExtendedLifetime(lock) {}
        }
        do {
            try await ClosureService.runUntilSignal(services, logger: logger)
        } catch let failure as CannotListen {
            throw failure.shown(isFigures: failure.place == settings.metricsListen)
        }
        await database.close()
    }
}

extension CannotListen {
    fileprivate func shown(isFigures: Bool) -> any Error {
        let remedy = isFigures ? "HATCHFARM_METRICS_LISTEN" : "PORT"
        switch error.errnoCode {
        case EADDRINUSE:
            return Failure.misconfigured(
                "port \(place.port) of \(place.host) is already in use; choose another with \(remedy)")
        case EACCES, EADDRNOTAVAIL: return Failure.misconfigured("cannot listen on \(place): \(error)")
        default: return error
        }
    }
}

extension Logger {
    /// Sends all logs of a server to standard error, as one JSON object per line, and to a file when so configured
    /// (CONTRACT 9). Call once per process.
    static func start(_ settings: Settings, otherwise standard: Logger.Level) throws(Failure) -> Logger {
        if settings.developmentLog { LogSink.standardError.copy(to: try developmentFile()) }
        return start(settings.logLevel(otherwise: standard))
    }

    /// A new `.devlogs/orch-ID.log` where the process was started, for its user alone; the id sorts by time.
    private static func developmentFile() throws(Failure) -> LogSink {
        let path = ".devlogs/orch-\(UUIDv7.text(in: .live)).log"
        guard mkdir(".devlogs", 0o700) == 0 || errno == EEXIST else {
            throw .misconfigured("cannot make the folder .devlogs for HATCHFARM_DEV_LOG: \(Files.reason(errno))")
        }
        let folder = open(".devlogs", O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else {
            throw .misconfigured(".devlogs must be a folder for HATCHFARM_DEV_LOG: \(Files.reason(errno))")
        }
        defer { close(folder) }
        let file = openat(folder, Files.name(path), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw .misconfigured("cannot write \(path) for HATCHFARM_DEV_LOG: \(Files.reason(errno))")
        }
        Output.error("logging to \(path) as well")
        return LogSink(descriptor: file, lengthLimit: 64 << 20)
    }

    /// Sends all logs to standard error, as one JSON object per line. Call once per process.
    static func start(_ level: Logger.Level) -> Logger {
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: level) }
        return Logger(label: "hatchfarm")
    }
}
