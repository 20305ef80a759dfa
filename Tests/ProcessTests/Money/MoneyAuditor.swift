import Bytes
import Store
import Synchronization

/// Takes one snapshot after the other while the books are being written, every tenth of them a full one.
final class MoneyAuditor: Sendable {
    private let database: Database
    private let state = Mutex((count: 0, flaws: [String]()))

    init(_ database: Database) { self.database = database }

    var count: Int { state.withLock { $0.count } }
    var flaws: [String] { state.withLock { $0.flaws } }

    /// Until it is cancelled.
    func run() async {
        var number = 0
        while !Task.isCancelled {
            number += 1
            let isFull = number.isMultiple(of: 10)
            // A database that is just being recovered has no snapshot to give.
            if let snapshot = try? await MoneySnapshot.take(database, full: isFull) {
                state.withLock { state in
                    state.count += 1
                    state.flaws += snapshot.flaws.prefix(10)
                }
            }
            try? await World.live.sleep(.milliseconds(200))
        }
    }
}
