internal import Domain
internal import Runtime
internal import Synchronization
internal import Wire

/// What a worker has done and earned since its start, as reported by the server.
struct Earnings: Sendable {
    private(set) var done = 0
    private(set) var failed = 0
    private var units: Int64 = 0

    mutating func record(_ event: WorkerEvent) {
        switch event {
        case .finished(_, let status, _, _, let paid):
            if status == .success { done += 1 } else { failed += 1 }
            add(paid)
        case .paid(_, let usdt): add(usdt)
        default: break
        }
    }

    /// A decimal; nil if nothing was paid.
    var usdt: String? { units > 0 ? Money.decimal(units) : nil }

    /// `0.012 USDT`; nil for zero, or for an invalid amount.
    static func text(_ usdt: String?) -> String? {
        guard let units = usdt.flatMap({ Money.minorUnits($0) }), units > 0 else { return nil }
        return "\(Money.decimal(units)) USDT"
    }

    private mutating func add(_ usdt: String?) {
        guard let more = usdt.flatMap({ Money.minorUnits($0) }) else { return }
        let (sum, overflow) = units.addingReportingOverflow(more)
        units = overflow ? .max : sum
    }
}

/// Earnings that are updated concurrently.
final class EarningsCounter: Sendable {
    private let earnings = Mutex(Earnings())

    func record(_ event: WorkerEvent) { earnings.withLock { $0.record(event) } }

    var total: Earnings { earnings.withLock { $0 } }
}
