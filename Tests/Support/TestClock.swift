import Bytes
import Synchronization

/// The time that a test can push on: as it is, plus what the test added. The same on both databases.
package final class TestClock: Sendable {
    private let added = Mutex<Int64>(0)

    package init() {}

    package func advance(milliseconds: Int64) { added.withLock { $0 += milliseconds } }

    package func advance(by duration: Duration) {
        let (seconds, attoseconds) = duration.components
        advance(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }

    /// Milliseconds that were added.
    package var offset: Int64 { added.withLock { $0 } }
    /// Milliseconds since 1970.
    package var now: Int64 { World.live.now() + offset }
}
