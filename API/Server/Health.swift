internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// The operations that speak for the process itself.
final class Health: Sendable {
    private struct Readiness: Sendable {
        let database: DatabaseHealth
        let redis: RedisHealth?

        var errors: [String] {
            [
                database.ok ? nil : "database: unavailable",
                redis?.isHealthy == false ? "redis: unavailable" : nil,
            ].compactMap(\.self)
        }
    }

    private let dependencies: Dependencies
    private let readiness: Cached<Readiness>

    init(_ dependencies: Dependencies) {
        self.dependencies = dependencies
        let database = dependencies.database
        let redis = dependencies.redis
        readiness = Cached(milliseconds: 1_000, clock: dependencies.world.monotonic) {
            async let redisHealth = redis?.health()
            return await Readiness(database: database.health(), redis: redisHealth)
        }
    }

    /// `GET /health`: no dependency is touched.
    @Sendable func health(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["status": "healthy", "timestamp": now, "version": .string(dependencies.configuration.version)])
    }

    /// `GET /healthz`: the process runs.
    @Sendable func alive(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["status": "ok", "timestamp": now])
    }

    /// `GET /api/v1/healthz`: the database answers.
    @Sendable func databaseAnswers(_ call: Call, _ context: PublicContext) async throws -> Reply {
        guard await readiness.value.database.ok else {
            throw Problem(.internalServerError, "database_unavailable", "the database is unavailable")
        }
        return .json(.ok, ["status": "ok"])
    }

    /// `GET /readyz`: whether work should be sent here.
    @Sendable func ready(_ call: Call, _ context: PublicContext) async -> Reply {
        let state = await readiness.value
        let errors = (dependencies.drain.isDraining ? ["draining"] : []) + state.errors
        let checks: JSON = ["database": .bool(state.database.ok), "redis": .bool(state.redis?.isHealthy ?? true)]
        if errors.isEmpty { return .json(.ok, ["ready": true, "checks": checks]) }
        return .json(
            .serviceUnavailable,
            ["ready": false, "checks": checks, "errors": .array(errors.map { .string($0) })]
        ).with(.retryAfter, "1")
    }

    @Sendable func version(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, ["version": .string(dependencies.configuration.version)])
    }

    private var now: JSON { .string(RFC3339.format(dependencies.world.now())) }

    /// How database and Redis are.
    var metrics: [MetricFamily] {
        get async {
            let state = await readiness.value
            let load = dependencies.database.load
            var up = MetricFamily(.gauge, "hatchfarm_dependency_up", "1 when the dependency answers.")
            up.add(state.database.ok ? 1 : 0, ("name", "database"))
            var delay = MetricFamily(.gauge, "hatchfarm_dependency_seconds", "How long its last answer took.")
            delay.add(Double(state.database.latencyMilliseconds) / 1_000, ("name", "database"))
            var connections = MetricFamily(.gauge, "hatchfarm_database_connections", "Connections, by what they do.")
            connections.add(load.connections, ("state", "open"))
            connections.add(load.working, ("state", "working"))
            var waiting = MetricFamily(.gauge, "hatchfarm_database_waiting", "Callers waiting for a connection.")
            waiting.add(load.waiting)
            if let redis = state.redis {
                up.add(redis.isHealthy ? 1 : 0, ("name", "redis"))
                delay.add(Double(redis.pingMicroseconds) / 1e6, ("name", "redis"))
            }
            var dropped = MetricFamily(.counter, "hatchfarm_log_lines_dropped_total", "Log lines nobody read in time.")
            dropped.add(LogSink.standardError.droppedCount)
            var failures = MetricFamily(
                .counter, "hatchfarm_redis_failures_total", "Connections to Redis lost or refused.")
            if let redis = dependencies.redis { failures.add(redis.failureCount) }
            var fallbacks = MetricFamily(
                .counter, "hatchfarm_nonce_fallbacks_total", "Heartbeats checked by SQL alone, as Redis was down.")
            fallbacks.add(dependencies.heartbeats.fallback.count)
            return [up, delay, connections, waiting, dropped, failures, fallbacks]
        }
    }
}
