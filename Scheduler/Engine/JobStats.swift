package import Domain
internal import Store
internal import Synchronization

/// What this process has seen of jobs since it began; for metrics.
package final class JobStats: Sendable {
    package struct Line: Sendable, Hashable {
        package let kind: String
        package let queue: String
    }

    package struct Snapshot: Sendable {
        package var submitted: Int64 = 0
        package var claims: Int64 = 0
        package var emptyClaims: Int64 = 0
        package var granted: Int64 = 0
        package var outcomes: [String: Int64] = [:]
        package var sweeps: Int64 = 0
        package var lostLeases: Int64 = 0
        package var poisoned: Int64 = 0
        package var waits: [Line: Distribution] = [:]
        package var runs = Distribution.patience
        package var tenantWaits: [String: Distribution] = [:]
        /// Rows that retention took away, by table.
        package var pruned: [String: Int64] = [:]
    }

    /// Beyond this many tenants the rest is counted as `other`: a metric must not grow with the customers.
    private static let maxTenants = 200
    /// The same of queues, which anybody can name.
    private static let maxQueues = 200
    private static let other = "other"

    private let state = Mutex(Snapshot())

    package init() {}

    package var snapshot: Snapshot { state.withLock { $0 } }

    func submitted(_ count: Int) { state.withLock { $0.submitted += Int64(count) } }

    func claimed(_ answer: ClaimAnswer) {
        state.withLock { state in
            state.claims += 1
            if answer.grants.isEmpty { state.emptyClaims += 1 }
            state.granted += Int64(answer.grants.count)
            for (grant, wait) in zip(answer.grants, answer.waits) {
                let seconds = Double(wait) / 1_000
                let line = Line(kind: grant.requirement.kind.rawValue, queue: grant.requirement.queue)
                let isTold = state.waits[line] != nil || state.waits.count < Self.maxQueues
                let told = isTold ? line : Line(kind: line.kind, queue: Self.other)
                state.waits[told, default: .patience].record(seconds)
                let tenant = grant.owner.text
                let isKnown = state.tenantWaits[tenant] != nil || state.tenantWaits.count < Self.maxTenants
                state.tenantWaits[isKnown ? tenant : Self.other, default: .patience].record(seconds)
            }
        }
    }

    func ended(_ outcome: JobState, ran milliseconds: Int64? = nil) {
        state.withLock { state in
            state.outcomes[outcome == .pending ? "retried" : outcome.rawValue, default: 0] += 1
            if let milliseconds { state.runs.record(Double(milliseconds) / 1_000) }
        }
    }

    func swept(_ sweep: Sweep) {
        state.withLock { state in
            state.sweeps += 1
            state.count(sweep.losses)
        }
    }

    func pruned(_ rows: [String: Int]) {
        state.withLock { state in
            for (table, count) in rows { state.pruned[table, default: 0] += Int64(count) }
        }
    }

    /// A worker said that its work was lost.
    func lost(_ losses: Losses) { state.withLock { $0.count(losses) } }
}

extension JobStats.Snapshot {
    fileprivate mutating func count(_ losses: Losses) {
        lostLeases += Int64(losses.returned + losses.poisoned)
        poisoned += Int64(losses.poisoned)
    }
}
