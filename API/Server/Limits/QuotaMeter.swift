internal import Bytes
internal import Domain
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

    /// The seconds until the window ends, at least 1, when the limit is used up; counts nothing.
    func wait(_ key: String) -> Int? {
        let now = world.monotonic()
        return windows.withLock { windows in
            guard let window = windows[key], window.endsAt > now, window.count >= quota.limit else { return nil }
            return Int(clamping: max(1, (window.endsAt - now + 999) / 1_000))
        }
    }

    /// Counts a call. `wait` is nil when it is within the limit, else the seconds until the window ends, at least 1.
    func take(_ key: String) -> (standing: QuotaStanding, wait: Int?) {
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
        let standing = QuotaStanding(
            limit: Int64(quota.limit), remaining: Int64(max(0, quota.limit - window.count)),
            resetsAt: (world.now() / 1_000 + wait) * 1_000)
        return (standing, window.count > quota.limit ? Int(clamping: wait) : nil)
    }
}

extension QuotaStanding {
    /// Until all of it is there again, at least 1.
    func secondsLeft(at now: Int64) -> Int64 { max(1, (resetsAt - now + 999) / 1_000) }

    var headers: [HTTPField] {
        [
            HTTPField(name: .rateLimit, value: String(limit)),
            HTTPField(name: .rateRemaining, value: String(remaining)),
            HTTPField(name: .rateReset, value: String(resetsAt / 1_000)),
        ]
    }
}

extension Reply {
    /// With the headers of a limit that the caller is told of.
    func telling(_ standing: QuotaStanding?) -> Reply {
        guard let standing else { return self }
        var copy = self
        copy.headers += standing.headers
        return copy
    }

    /// A refusal with the headers of the limit that it comes of, or else of another.
    func telling(of error: any Error, or other: QuotaStanding?, now: Int64) -> Reply {
        guard case Refusal.limitReached(let standing) = error else { return telling(other) }
        // By our clock: the database's isn't asked again.
        return telling(standing).with(.retryAfter, String(standing.secondsLeft(at: now)))
    }
}

extension HTTPField.Name {
    static let rateLimit = ours("X-RateLimit-Limit")
    static let rateRemaining = ours("X-RateLimit-Remaining")
    static let rateReset = ours("X-RateLimit-Reset")
}
