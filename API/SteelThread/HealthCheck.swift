internal import Bytes
internal import HTTPTypes

/// Whether the database answers (CONTRACT 1).
enum HealthCheck {
    static let routes = [
        Route(
            .get, "/healthz", "databaseHealth", "Whether the database answers; 500 when it doesn't.",
            .ok(Shape<Void> { constant("status", "ok") }), metering: .free, check)
    ].tagged("Health")

    static func check(_ call: Call, _ context: PublicContext) async throws {
        guard await call.dependencies.health.isDatabaseUp else {
            throw Problem(.internalServerError, "database_unavailable", "the database is unavailable")
        }
    }
}
