package import Bus
package import Bytes
internal import Domain
package import Engine
package import Store

/// What handlers work with. Made by the composition root, shared by all calls.
package final class Dependencies: Sendable {
    package let configuration: AppConfiguration
    package let database: Database
    /// Where jobs, claims and reports are brought.
    package let broker: JobBroker
    package let bus: LocalBus
    /// nil when none is configured; nonces are then kept in SQL alone.
    package let redis: Redis?
    package let world: World
    package let drain = Drain()
    private let startedAt: Int64
    package let heartbeats: HeartbeatReceiver
    /// Where devices bring their signs of life and claims.
    package let devices: DeviceBroker
    let deviceCredentials: DeviceCredentials
    /// The sockets of each caller that may have only so many.
    let seats = SocketSeats()
    let bodies: BodyBudget
    let oracle: Oracle
    let signIn: SignIn
    /// What live machines offer: read at most every two seconds, and for a twentieth of the time.
    let liveMachines: Cached<Result<LiveMachines, any Error>>
    let health: Health
    /// Written by a scheduler beside.
    package let keyUses: KeyUses
    /// What `/metrics` shows besides HTTP, the database and Redis.
    package let gauges: [@Sendable () async throws -> [MetricFamily]]

    package init(
        configuration: AppConfiguration, database: Database, broker: JobBroker, bus: LocalBus, redis: Redis?,
        world: World = .live,
        gauges: [@Sendable () async throws -> [MetricFamily]] = []
    ) {
        self.configuration = configuration
        self.database = database
        self.broker = broker
        self.bus = bus
        self.redis = redis
        self.world = world
        startedAt = world.monotonic()
        heartbeats = HeartbeatReceiver(
            database, redis: redis, allowsFallback: configuration.redisNonceFallback, world: world)
        devices = DeviceBroker(broker, world: world)
        deviceCredentials = DeviceCredentials(configuration, world: world)
        bodies = BodyBudget(
            most: configuration.bodyMegabytes << 20, mostOfTenant: configuration.bodyMegabytesPerOwner << 20)
        oracle = Oracle(configuration.oracle, world: world)
        signIn = SignIn(configuration, world: world)
        liveMachines = Cached(milliseconds: 2_000, rest: 20, clock: world.monotonic) {
            do { return .success(try await database.read { try $0.liveMachines() }) } catch { return .failure(error) }
        }
        keyUses = KeyUses(database)
        self.gauges = gauges
        health = Health(database, redis, world: world)
    }

    /// How long the process serves, in seconds.
    package var uptime: Int64 { max(0, (world.monotonic() - startedAt) / 1_000) }
}
