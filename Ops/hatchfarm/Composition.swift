internal import API
internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import Glibc
internal import Logging
internal import NIOCore
internal import Store

/// All parts of a server, put together. The one place that chooses implementations.
struct Composition: Sendable {
    let settings: Settings
    let operatorToken: String
    private let database: Database
    private let app: App
    private let scheduler: Scheduler
    private let logger: Logger

    /// Opens the database and brings it up to date.
    static func open(_ settings: Settings, logger: Logger) async throws -> Composition {
        let world = World.live
        let token = settings.operatorToken ?? Hex.encode(world.random(24))
        let (database, _) = try await openDatabase(settings)
        try await settings.signIn.addUsers(to: database, logger: logger)
        let bus = LocalBus(sleep: world.sleep)
        let broker = JobBroker(database: database, bus: bus, world: world)
        var redis: Redis?
        if let address = settings.redis { redis = try await openRedis(address, logger) }
        if redis != nil, settings.redisNonceFallback {
            logger.warning(
                "REDIS_NONCE_FALLBACK is on: while Redis is down, SQL alone keeps heartbeats from repetition")
        }
        if let key = settings.queenbeeKey { try await configureQueenbee(key, database, logger) }
        let services = Dependencies(
            configuration: settings.app(operatorToken: token), database: database, broker: broker, bus: bus,
            redis: redis,
            world: world,
            gauges: [
                { try await JobMetrics.families(broker) }, { try await MarketMetrics.families(broker) },
                { try await LedgerMetrics.families(database) },
            ])
        return Composition(
            settings: settings, operatorToken: token, database: database,
            app: App(services, systems: APISystem.all, logger: logger),
            scheduler: Scheduler(
                broker, keyUses: services.keyUses, world: world, logger: logger, basePrices: settings.basePrices),
            logger: logger)
    }

    /// A key that was revoked stays so, and is no reason not to serve: who holds it could keep the server from
    /// starting.
    private static func configureQueenbee(_ key: String, _ database: Database, _ logger: Logger) async throws {
        let text = KeyText(key)
        let outcome: KeyConfiguration
        do {
            outcome = try await database.write { try $0.configureQueenbee(text) }
        } catch DatabaseError.conflict {
            // Another server that starts with the same key was first.
            outcome = try await database.write { try $0.configureQueenbee(text) }
        }
        switch outcome {
        case .isValid(let ended): try await KeyHints.send(.ended(ended), database)
        case .wasRevoked: logger.error("QUEENBEE_API_KEY was revoked and stays so: set another one")
        case .isAnother:
            throw Failure.misconfigured("QUEENBEE_API_KEY is another member's key, or has ended: set another one")
        }
    }

    /// Runs `body` on the database, brought up to date.
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

    /// Brings the database up to date; the names of the steps that were missing.
    static func migrate(_ settings: Settings) async throws -> [String] {
        let (database, steps) = try await openDatabase(settings)
        await database.close()
        return steps
    }

    private static func openDatabase(_ settings: Settings) async throws -> (Database, steps: [String]) {
        do {
            let database = try await Database.open(settings.database)
            return (database, try await database.migrate(Migration.all))
        } catch DatabaseError.unavailable(let reason) {
            throw Failure.unreachable("cannot reach \(settings.shownDatabase): \(reason)")
        } catch DatabaseError.failed(_, let reason) {
            throw Failure.misconfigured("cannot open \(settings.shownDatabase): \(reason)")
        } catch let error as DatabaseError {
            throw Failure.misconfigured("cannot open \(settings.shownDatabase): \(error)")
        }
    }

    /// A nonce that Redis threw away could be used again, so one that may evict is no nonce store (PROMISES R4). One
    /// that is away now is taken as it is: until it is back heartbeats are refused.
    private static func openRedis(_ settings: RedisSettings, _ logger: Logger) async throws -> Redis {
        let redis = await Redis.open(settings)
        do {
            guard try await redis.mayEvict() else { return redis }
            redis.close()
        } catch {
            logger.warning("cannot ask Redis whether it may evict: \(error)")
            return redis
        }
        throw Failure.misconfigured(
            "Redis at \(settings.host):\(settings.port) may throw keys away before they expire, so heartbeats could be "
                + "repeated: set its maxmemory-policy to noeviction")
    }

    /// Serves until SIGTERM or SIGINT, then drains. Both closures get the port that is served: `onReady` once,
    /// `companion` to run beside the server; it is asked to end before the server is.
    func serve(
        onReady: @escaping @Sendable (Int) -> Void = { _ in },
        companion: (@Sendable (Int) async throws -> Void)? = nil
    ) async throws {
        let served = AsyncStream.makeStream(of: Int.self)
        var parts = [
            Part(ending: .isFine) { [scheduler] in await scheduler.run() },
            Part { [app] in
                try await app.run { port in
                    onReady(port)
                    served.continuation.yield(port)
                }
            },
        ]
        if let companion {
            parts.append(
                Part {
                    for await port in served.stream { return try await companion(port) }
                })
        }
        defer { LogSink.standardError.drain(milliseconds: 500) }
        do {
            try await Part.runUntilSignal(parts, logger: logger)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw Failure.misconfigured("port \(settings.port) of \(settings.host) is taken; choose another with PORT")
        } catch let error as IOError where error.errnoCode == EACCES || error.errnoCode == EADDRNOTAVAIL {
            throw Failure.misconfigured("cannot listen on \(settings.host):\(settings.port): \(error)")
        }
        await database.close()
    }
}

extension Logger {
    /// Logs of all parts of a server go to standard error, a JSON object a line, and to a file if it is told to
    /// (CONTRACT 9). Once a process.
    static func start(_ settings: Settings, otherwise standard: Logger.Level) throws(Failure) -> Logger {
        if settings.developmentLog { LogSink.standardError.copy(to: try developmentFile()) }
        return start(settings.logLevel(otherwise: standard))
    }

    /// `.devlogs/orch-PID.log` where the process was started, for its user alone.
    private static func developmentFile() throws(Failure) -> LogSink {
        let path = ".devlogs/orch-\(getpid()).log"
        guard mkdir(".devlogs", 0o700) == 0 || errno == EEXIST else {
            throw .misconfigured("cannot make the folder .devlogs for HATCHFARM_DEV_LOG: \(Files.reason(errno))")
        }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw .misconfigured("cannot write \(path) for HATCHFARM_DEV_LOG: \(Files.reason(errno))")
        }
        return LogSink(descriptor: file, lengthLimit: 64 << 20)
    }

    /// Logs of all parts go to standard error, a JSON object a line. Once a process.
    static func start(_ level: Logger.Level) -> Logger {
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: level) }
        return Logger(label: "hatchfarm")
    }
}
