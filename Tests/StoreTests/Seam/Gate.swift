import Dispatch
import Synchronization

/// Holds a database's thread until the test lets it go on.
final class Gate: Sendable {
    private let passed = Mutex(false)
    private let semaphore = DispatchSemaphore(value: 0)

    var isOpen: Bool { passed.withLock { $0 } }

    func open() {
        passed.withLock { $0 = true }
        semaphore.signal()
    }

    /// At most ten seconds.
    func wait() {
        _ = semaphore.wait(timeout: .now() + 10)
        semaphore.signal()
    }
}
