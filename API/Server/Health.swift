internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// How the process and what it depends on are, looked at once a second at the most.
final class Health: Sendable {
    struct Readiness: Sendable {
        let database: DatabaseHealth
        let redis: RedisHealth?
        var isDraining = false

        /// Why work should not be sent here.
        var errors: [String] {
            [
                isDraining ? "draining" : nil, database.ok ? nil : "database: unavailable",
                redis?.isHealthy == false ? "redis: unavailable" : nil,
            ].compactMap(\.self)
        }
    }

    private let current: Cached<Readiness>

    init(_ database: Database, _ redis: Redis?, world: World) {
        current = Cached(milliseconds: 1_000, clock: world.monotonic) {
            async let redisHealth = redis?.health()
            return await Readiness(database: database.health(), redis: redisHealth)
        }
    }

    /// Whether the database answers.
    var isDatabaseUp: Bool { get async { await current.value.database.ok } }

    func readiness(isDraining: Bool) async -> Readiness {
        var state = await current.value
        state.isDraining = isDraining
        return state
    }

    /// How database and Redis are.
    func metrics(_ dependencies: Dependencies) async -> [MetricFamily] {
        let state = await current.value
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
