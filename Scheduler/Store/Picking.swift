internal import Synchronization

/// What a round of a service may take: so many rows at once, but for those that it leaves alone. The operation notes
/// what it picked before it acts, so that a row that can't be settled can be found.
package final class Picking: Sendable {
    package let limit: Int
    /// The ids of rows that are left alone.
    package let except: [String]
    private let picked = Mutex<[String]>([])

    package init(_ limit: Int, except: [String] = []) {
        self.limit = limit
        self.except = except
    }

    /// The ids of what was picked last.
    package var ids: [String] { picked.withLock { $0 } }

    /// The numbers among those that are left alone.
    var exceptNumbers: [Int64] { except.compactMap { Int64($0) } }

    func note(_ ids: some Sequence<String>) {
        let ids = Array(ids)
        picked.withLock { $0 = ids }
    }
}
