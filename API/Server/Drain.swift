internal import Synchronization

/// The end of serving: from here on no new work, and what waits is let go.
package final class Drain: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isDraining: Bool { flag.load(ordering: .relaxed) }
    package func begin() { flag.store(true, ordering: .relaxed) }
}
