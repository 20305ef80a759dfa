internal import Bytes

/// How long a server, or the database behind it, may be away from somebody who follows: a minute from the first call
/// that failed, however long all was quiet before.
struct Outage {
    private var since: Int64?

    /// Throws `.unreachable` when it has lasted too long.
    mutating func bear(_ reason: String) throws(Failure) {
        let now = World.live.monotonic()
        let began = since ?? now
        since = began
        guard now - began < JobFollower.reconnectTimeout else { throw .unreachable(reason) }
    }

    mutating func end() { since = nil }
}
