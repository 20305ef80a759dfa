import Bytes

package struct NeverHappened: Error {
    package let what: String
}

/// Waits until `condition` holds, looking every 10 ms; throws if it does not in time.
package func eventually(
    _ what: String, within limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws {
    let (seconds, attoseconds) = limit.components
    let deadline = World.live.monotonic() + seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    while try await !condition() {
        guard World.live.monotonic() < deadline else { throw NeverHappened(what: what) }
        try await World.live.sleep(.milliseconds(10))
    }
}
