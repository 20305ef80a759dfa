internal import Bytes
internal import HTTPTypes
internal import Synchronization

/// So many calls in so many seconds.
package struct Quota: Sendable, Hashable {
    package var limit: Int
    package var seconds: Int64

    package init(limit: Int, seconds: Int64) {
        self.limit = limit
        self.seconds = seconds
    }
}

/// Counts calls by who makes them, in windows that begin with a first call, for limits that a caller is told about.
final class QuotaMeter: Sendable {
    /// What a caller is told of its limit.
    struct Standing {
        let limit: Int
        let remaining: Int
        /// Seconds until the window ends, at least 1.
        let wait: Int64
        /// The same as seconds since 1970.
        let reset: Int64
        /// Whether the call was over the limit.
        let isOver: Bool
    }

    private struct Window {
        let endsAt: Int64
        var count: Int
    }

    private let windows = Mutex<[String: Window]>([:])
    private let quota: Quota
    private let world: World
    private let capacity = 100_000

    init(_ quota: Quota, world: World) {
        self.quota = quota
        self.world = world
    }

    /// Counts a call.
    func take(_ key: String) -> Standing {
        let now = world.monotonic()
        let window = windows.withLock { windows in
            if windows.count >= capacity { windows = windows.filter { $0.value.endsAt > now } }
            if windows.count >= capacity { windows.removeAll(keepingCapacity: true) }
            var window = windows[key] ?? Window(endsAt: 0, count: 0)
            if window.endsAt <= now { window = Window(endsAt: now + quota.seconds * 1_000, count: 0) }
            window.count = min(window.count + 1, quota.limit + 1)
            windows[key] = window
            return window
        }
        let wait = max(1, (window.endsAt - now + 999) / 1_000)
        return Standing(
            limit: quota.limit, remaining: max(0, quota.limit - window.count), wait: wait,
            reset: world.now() / 1_000 + wait, isOver: window.count > quota.limit)
    }
}

extension QuotaMeter.Standing {
    var headers: HTTPFields {
        [.rateLimit: String(limit), .rateRemaining: String(remaining), .rateReset: String(reset)]
    }
}

extension HTTPField.Name {
    static let rateLimit = ours("X-RateLimit-Limit")
    static let rateRemaining = ours("X-RateLimit-Remaining")
    static let rateReset = ours("X-RateLimit-Reset")
}
