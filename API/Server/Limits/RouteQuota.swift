internal import Domain
internal import Synchronization

/// How often a caller may use an operation: declared on the route, told on every reply that counts, and on the refusal.
package struct RouteQuota: Sendable {
    /// So many calls in a window that begins with the first one; counted in this process, before anything is done.
    var window: (@Sendable (AppConfiguration) -> Quota)?
    /// So many accepted calls in a day of UTC; counted in SQL, in the operation's own transaction.
    var daily: DailyQuota?

    /// By member, or by address where nobody is known.
    package static func window(_ quota: @escaping @Sendable (AppConfiguration) -> Quota) -> RouteQuota {
        RouteQuota(window: quota)
    }

    /// Only for operations that return an `Effect`.
    /// - Parameter name: what is counted together; operations may share it.
    package static func daily(_ name: String, _ limit: Int64) -> RouteQuota {
        .daily(DailyQuota(name: name, limit: limit))
    }

    /// The same, of a quota that is counted elsewhere too.
    static func daily(_ quota: DailyQuota) -> RouteQuota { RouteQuota(daily: quota) }
}

/// The meters of all windows, each made when its route is first called.
final class QuotaMeters: Sendable {
    private let meters = Mutex<[String: QuotaMeter]>([:])

    func meter(_ route: String, _ make: () -> QuotaMeter) -> QuotaMeter {
        meters.withLock { meters in
            if let meter = meters[route] { return meter }
            let meter = make()
            meters[route] = meter
            return meter
        }
    }
}

extension Call {
    /// Counts the call; throws 429 when there were too many.
    func take(_ quota: @Sendable (AppConfiguration) -> Quota, by subject: String) throws(Problem) {
        let meter = authenticator.meters.meter(route.id) {
            QuotaMeter(quota(dependencies.configuration), world: dependencies.world)
        }
        let (standing, wait) = meter.take(subject)
        noteWindow(standing)
        if let wait { throw .tooMany(retryAfter: wait) }
    }
}
