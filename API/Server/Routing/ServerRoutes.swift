internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Logging

/// What the server serves of itself: health, version, metrics and its own description.
final class ServerRoutes: Sendable {
    private let health: Health
    private let metrics: Cached<MetricSnapshot>
    private let dispatcher: SetOnce<RequestDispatcher>
    private let document: SetOnce<[UInt8]>

    init(
        _ dependencies: Dependencies, dispatcher: SetOnce<RequestDispatcher>, document: SetOnce<[UInt8]>, logger: Logger
    ) {
        let health = Health(dependencies)
        self.health = health
        self.dispatcher = dispatcher
        self.document = document
        metrics = Cached(milliseconds: 1_000, clock: dependencies.world.monotonic) {
            var families = dispatcher.value?.metrics ?? []
            families += await health.metrics
            for gauge in dependencies.gauges {
                do {
                    families += try await gauge()
                } catch {
                    // The rest is worth showing all the more.
                    logger.warning("a gauge could not be read", metadata: ["error": "\(error)"])
                }
            }
            return MetricSnapshot(families)
        }
    }

    var tables: [APISystem] {
        [
            // Paths that nobody owns are refused in HatchFarm's words.
            APISystem(
                name: "Server", shape: .hatchFarm, bases: [""], refusal: Self.refusal, routes: routes),
            APISystem(
                name: "SteelThread health", shape: .steelThread, bases: ["/api/v1"], owns: ["/healthz"],
                refusal: Self.refusal, routes: [databaseHealth]),
        ]
    }

    private var routes: [Route] {
        let instant = Schema.instant
        return [
            .get(
                "/health", "health", "Whether the process serves; touches no dependency.", tag: "Health",
                answers: [
                    .ok(
                        .object(
                            .required("status", .constant("healthy")), .required("timestamp", instant),
                            .required("version", .string())))
                ], metering: .free, health.health),
            .get(
                "/healthz", "alive", "Liveness.", tag: "Health",
                answers: [.ok(.object(.required("status", .constant("ok")), .required("timestamp", instant)))],
                metering: .free, health.alive),
            .get(
                "/readyz", "ready", "Readiness, cached for a second; fails while draining.", tag: "Health",
                answers: [.ok(Self.readiness), .init(.serviceUnavailable, Self.readiness)], metering: .free,
                health.ready),
            .get(
                "/version", "version", "The version of the API.", tag: "Health",
                answers: [.ok(.object(.required("version", .string())))], metering: .free, health.version),
            .get(
                "/metrics", "metrics", "Prometheus text.", tag: "Operations",
                answers: [.ok(.string(), type: "text/plain")], metering: .free, text),
            .get(
                "/metrics.json", "metricsJSON", "The same as JSON.", tag: "Operations",
                answers: [.ok(.object(.required("metrics", .array(.anyObject))))], metering: .free, json),
            .get(
                "/openapi.json", "openapi", "This document.", tag: "Operations", answers: [.ok(.anyObject)],
                metering: .free, description),
        ]
    }

    private var databaseHealth: Route {
        .get(
            "/healthz", "databaseHealth", "Whether the database answers; 500 when it doesn't.", tag: "Health",
            answers: [.ok(.object(.required("status", .constant("ok"))))], metering: .free,
            health.databaseAnswers)
    }

    private static let readiness = Schema.object(
        .required("ready", .boolean),
        .required("checks", .object(.required("database", .boolean), .required("redis", .boolean))),
        .optional("errors", .array(.string())))

    @Sendable private func text(_ call: Call, _ context: PublicContext) async -> Reply {
        .text(.ok, await metrics.value.prometheus(), type: "text/plain; version=0.0.4; charset=utf-8")
    }

    @Sendable private func json(_ call: Call, _ context: PublicContext) async -> Reply {
        .json(.ok, await metrics.value.json())
    }

    @Sendable private func description(_ call: Call, _ context: PublicContext) -> Reply {
        .json(.ok, bytes: document.value ?? []).with(.cacheControl, "public, max-age=60")
    }

    /// None of these operations refuses anything.
    private static func refusal(_ refusal: Refusal) -> Problem { .internal }
}
