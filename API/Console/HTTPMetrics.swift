internal import Domain
internal import HTTPTypes
internal import Synchronization

/// What became of the calls of one route.
final class RouteMeter: Sendable {
    struct Tally: Sendable {
        var statuses: [(code: Int, count: Int64)] = []
        var seconds = Distribution.latency
    }

    private let tally = Mutex(Tally())

    func count(_ status: HTTPResponse.Status, nanoseconds: Int64) {
        tally.withLock { tally in
            tally.seconds.record(Double(nanoseconds) / 1e9)
            if let index = tally.statuses.firstIndex(where: { $0.code == status.code }) {
                tally.statuses[index].count &+= 1
            } else {
                tally.statuses.append((status.code, 1))
            }
        }
    }

    var current: Tally { tally.withLock { $0 } }
}

extension RequestDispatcher {
    /// HTTP by route, and the sockets. Routes that nobody called are left out.
    var metrics: [MetricFamily] {
        var requests = MetricFamily(.counter, "hatchfarm_http_requests_total", "Requests answered.")
        var seconds = MetricFamily(.histogram, "hatchfarm_http_request_seconds", "From head to last byte of the reply.")
        var underWay = MetricFamily(.gauge, "hatchfarm_http_requests_under_way", "Requests not answered yet.")
        underWay.add(requestsUnderWay)
        for (served, meter) in meters {
            let tally = meter.current
            if tally.statuses.isEmpty { continue }
            let method = served?.route.method.rawValue ?? "none"
            let route = served?.path ?? "none"
            for (code, count) in tally.statuses.sorted(by: { $0.code < $1.code }) {
                requests.add(count, ("method", method), ("route", route), ("status", String(code)))
            }
            seconds.add(tally.seconds, ("method", method), ("route", route))
        }
        var bugs = MetricFamily(.counter, "hatchfarm_internal_errors_total", "Errors nobody foresaw: bugs of ours.")
        bugs.add(internalErrors)
        var ended = MetricFamily(
            .counter, "hatchfarm_connections_ended_total", "Connections and calls turned away unanswered, by the limit."
        )
        for ending in ConnectionCounts.Ending.allCases {
            ended.add(connections.count(of: ending), ("limit", ending.rawValue))
        }
        let bodies = dependencies.bodies
        var bytes = MetricFamily(
            .gauge, "hatchfarm_body_bytes", "Bytes of bodies under way that count for their limits.")
        bytes.add(bodies.total)
        var refused = MetricFamily(
            .counter, "hatchfarm_bodies_refused_total", "Bodies refused, by whose limit of bytes under way.")
        for limit in BodyBudget.Limit.allCases { refused.add(bodies.refused(by: limit), ("limit", limit.rawValue)) }
        return [requests, seconds, underWay, bugs, ended, bytes, refused] + sockets.metrics
    }
}
