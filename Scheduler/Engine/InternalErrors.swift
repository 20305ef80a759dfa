package import Logging
internal import Synchronization

/// Errors that nobody foresaw. Each is a bug of ours: what was under way is undone, and here it is logged and counted.
package final class InternalErrors: Sendable {
    private let total = Atomic(0)

    package init() {}

    /// How many this process has seen.
    package var count: Int { total.load(ordering: .relaxed) }

    /// - Parameter metadata: what was under way.
    package func note(_ error: any Error, in logger: Logger, _ metadata: Logger.Metadata) {
        total.wrappingAdd(1, ordering: .relaxed)
        logger.error("internal error", metadata: metadata.merging(["error": "\(error)"]) { first, _ in first })
    }
}
