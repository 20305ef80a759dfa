internal import Bus
internal import Bytes
internal import HTTPTypes
internal import Logging
internal import Store

/// What the server serves of itself: health, version, metrics and its own description.
final class ServerRoutes: Sendable {
    private let dependencies: Dependencies
    private let metrics: Cached<MetricSnapshot>
    private let documents: Cached<(json: KeptText, page: KeptText)>

    init(_ dependencies: Dependencies, dispatcher: SetOnce<RequestDispatcher>, logger: Logger) {
        self.dependencies = dependencies
        let version = dependencies.configuration.version
        documents = Cached(milliseconds: .max, clock: dependencies.world.monotonic) {
            let document = dispatcher.value.map { OpenAPI($0.table, version: version).json() } ?? [:]
            return (
                KeptText(document.bytes(.compact), type: "application/json"),
                KeptText(DocumentPage(document).html, type: "text/html; charset=utf-8")
            )
        }
        metrics = Cached(milliseconds: 1_000, clock: dependencies.world.monotonic) {
            var families = dispatcher.value?.metrics ?? []
            families += await dependencies.health.metrics(dependencies)
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

    /// Its refusals are in the words of the system that speaks for paths nobody owns.
    func system(like other: APISystem) -> APISystem {
        APISystem(
            name: "Server", envelope: .bare(failure: other.envelope.failure), bases: [""], overrides: other.overrides,
            routes: health.tagged("Health") + operations.tagged("Operations"))
    }

    private var health: [Route] {
        let dependencies = dependencies
        let version = dependencies.configuration.version
        return [
            Route(
                .get, "/health", "health", "Whether the process serves; touches no dependency.", .ok(Self.healthy),
                metering: .free
            ) { (_: Call, _: PublicContext) in (dependencies.world.now(), version) },
            Route(.get, "/healthz", "alive", "Liveness.", .ok(Self.alive), metering: .free) {
                (_: Call, _: PublicContext) in dependencies.world.now()
            },
            Route(
                .get, "/readyz", "ready", "Readiness, cached for a second; fails while draining.",
                answers: [.ok(Self.readiness.schema), .init(.serviceUnavailable, Self.readiness.schema)],
                metering: .free
            ) { (call: Call, _: PublicContext) in
                let state = await dependencies.health.readiness(isDraining: call.isDraining)
                let body = Self.readiness.bytes(state)
                guard !state.errors.isEmpty else { return .json(.ok, bytes: body) }
                return .json(.serviceUnavailable, bytes: body).with(.retryAfter, "1")
            },
            Route(.get, "/version", "version", "The version of the API.", .ok(Self.version), metering: .free) {
                (_: Call, _: PublicContext) in version
            },
        ]
    }

    /// The figures of all tenants, for whom `Context` admits.
    private func figures<Context: CallContext>(for _: Context.Type, metering: Route.Metering? = nil) -> [Route] {
        [
            Route(
                .get, "/metrics", "metrics", "Prometheus text; for the operator, or a key with `metrics:read`.",
                answers: [.ok(Format.string.schema.example("hatchfarm_up 1"), type: "text/plain")], metering: metering
            ) { [metrics] (_: Call, _: Context) in
                .text(.ok, await metrics.value.prometheus(), type: "text/plain; version=0.0.4; charset=utf-8")
            },
            Route(
                .get, "/metrics.json", "metricsJSON", "The same as JSON, for the same.",
                answers: [.ok(Self.metricList.schema)], metering: metering
            ) { [metrics] (_: Call, _: Context) in .json(.ok, await metrics.value.json()) },
        ]
    }

    /// What is served on the address that the operator keeps to himself (`HATCHFARM_METRICS_LISTEN`).
    func figuresAlone(like other: APISystem) -> APISystem {
        APISystem(
            name: "Metrics", envelope: .bare(failure: other.envelope.failure), bases: [""], overrides: other.overrides,
            routes: figures(for: PublicContext.self, metering: .free))
    }

    private var operations: [Route] {
        figures(for: MetricsContext.self) + [
            Route(
                .get, "/openapi.json", "openapi", "This document.", answers: [.ok(.anyObject)], metering: .free
            ) { [documents] (call: Call, _: PublicContext) in await documents.value.json.reply(for: call) },
            Route(
                .get, "/docs", "docs", "This document as a page for people.",
                answers: [.ok(Format.string.schema.example("<!doctype html>…"), type: "text/html")], metering: .free
            ) { [documents] (call: Call, _: PublicContext) in
                await documents.value.page.reply(for: call).with(.contentSecurityPolicy, DocumentPage.contentPolicy)
            },
        ]
    }

    private static let healthy = Shape<(now: Int64, version: String)> {
        constant("status", "healthy")
        field("timestamp", .instant) { $0.now }
        field("version", .string) { $0.version }
    }

    private static let alive = Shape<Int64> {
        constant("status", "ok")
        field("timestamp", .instant) { $0 }
    }

    private static let version = Shape<String> { field("version", .string) { $0 } }

    private static let readiness = Shape<Health.Readiness> {
        field("ready", .boolean) { $0.errors.isEmpty }
        field(
            "checks",
            Shape {
                field("database", .boolean) { $0.database.ok }
                field("redis", .boolean) { $0.redis?.isHealthy ?? true }
            }
        ) { $0 }
        optionalField("errors", .array(.string)) { $0.errors.isEmpty ? nil : $0.errors }
    }

    private static let metricList = Shape<JSON>(.object(.required("metrics", .array(.anyObject)))) { $1.json($0) }
}
