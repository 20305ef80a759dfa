internal import Bus
internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What a customer may know of the system (CONTRACT 6).
enum SystemInfo {
    static let routes = [
        Route(
            .get, "/customer/system/info", "systemInfo", "The version, and how the services are.", .ok(info), show)
    ].tagged("Customers")

    private struct Info: Sendable {
        let version: String
        let environment: String
        let uptime: Int64
        let database: Bool
        let redis: Bool?
    }

    private enum Stand: String, CaseIterable, Sendable { case healthy, unhealthy, absent }

    private static let services = Shape<Info> {
        field("database", Format<Stand>.choice) { $0.database ? .healthy : .unhealthy }
        field("redis", Format<Stand>.choice) { $0.redis.map { $0 ? .healthy : .unhealthy } ?? .absent }
    }

    private static let info = Shape<Info> {
        field("version", .string) { $0.version }
        field("build", .string) { _ in build }
        field("environment", .string) { $0.environment }
        field("uptime", .integer(0...Int64.max), "Seconds.") { $0.uptime }
        field("services", services) { $0 }
    }

    #if DEBUG
        private static let build = "debug"
    #else
        private static let build = "release"
    #endif

    private static func show(_ call: Call, _ customer: CustomerContext) async throws -> Info {
        let dependencies = call.dependencies
        let state = await dependencies.health.readiness(isDraining: call.isDraining)
        return Info(
            version: dependencies.configuration.version, environment: dependencies.configuration.environment,
            uptime: dependencies.uptime, database: state.database.ok, redis: state.redis?.isHealthy)
    }
}
