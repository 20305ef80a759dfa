internal import Domain
internal import Store
internal import Synchronization

/// Takes away requirement classes that nobody uses any more, in bites. Any number of processes may run one.
package final class ClassPruner: Ticking {
    package static let topic = "class_pruner"
    private static let bite = 500
    private let broker: JobBroker
    private let place = Mutex<ClassID?>(nil)

    package init(_ broker: JobBroker) { self.broker = broker }

    package func round() async throws -> Duration {
        let start = place.withLock { $0 }
        let (next, _) = try await broker.database.write { tx in
            try tx.removeUnusedClasses(after: start, limit: Self.bite)
        }
        place.withLock { $0 = next }
        return next == nil ? .seconds(60) : .milliseconds(100)
    }
}
