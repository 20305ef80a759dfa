internal import Synchronization

/// A job's network usage.
package struct EgressUsage: Sendable, Equatable {
    /// To servers.
    package var sentBytes: Int64 = 0
    /// From servers.
    package var receivedBytes: Int64 = 0
    package var requestsAllowed = 0
    package var requestsRefused = 0
    /// Of those refused: the rules allowed them, but the network did not answer.
    package var requestsFailed = 0
}

/// An event for the job's log.
package enum EgressEvent: Sendable, Equatable {
    /// Reported once for each host.
    case refused(subject: String, message: String)
    /// Too many hosts were refused; further ones are not reported.
    case refusalsHidden(after: Int)

    /// Without a line break.
    package var logLine: String {
        switch self {
        case .refused(let subject, let message): "[network] refused \(subject): \(message)"
        case .refusalsHidden(let count): "[network] \(count) hosts were refused; further ones are not listed"
        }
    }
}

/// Counts a job's bytes and requests, and enforces its byte limit exactly.
final class EgressMeter: Sendable {
    enum Direction: Sendable {
        case sent
        case received
    }

    private struct State {
        var usage = EgressUsage()
        var reported: Set<String> = []
    }

    private static let reportedLimit = 100
    private let limit: Int64
    private let events: @Sendable (EgressEvent) -> Void
    private let state = Mutex(State())

    init(limit: Int64, events: @escaping @Sendable (EgressEvent) -> Void) {
        self.limit = limit
        self.events = events
    }

    var usage: EgressUsage { state.withLock { $0.usage } }

    /// `nil` as long as the byte limit is not reached.
    var refusal: EgressRefusal? {
        state.withLock { $0.usage.sentBytes + $0.usage.receivedBytes } < limit ? nil : .bytes(limit)
    }

    /// Returns how many of `count` bytes may pass, and counts those. Fewer than `count`: the limit is reached.
    func admit(_ count: Int, _ direction: Direction) -> Int {
        let admitted = state.withLock { state in
            let admitted = min(Int64(count), max(0, limit - state.usage.sentBytes - state.usage.receivedBytes))
            switch direction {
            case .sent: state.usage.sentBytes += admitted
            case .received: state.usage.receivedBytes += admitted
            }
            return Int(admitted)
        }
        if admitted < count { report(.bytes(limit)) }
        return admitted
    }

    func allow() {
        state.withLock { $0.usage.requestsAllowed += 1 }
    }

    func refuse(_ refusal: EgressRefusal) {
        state.withLock { state in
            state.usage.requestsRefused += 1
            if !refusal.isByRules { state.usage.requestsFailed += 1 }
        }
        report(refusal)
    }

    private func report(_ refusal: EgressRefusal) {
        let count = state.withLock { state in
            guard state.reported.count <= Self.reportedLimit, state.reported.insert(refusal.subject).inserted else {
                return 0
            }
            return state.reported.count
        }
        guard count > 0 else { return }
        events(
            count <= Self.reportedLimit
                ? .refused(subject: refusal.subject, message: refusal.message)
                : .refusalsHidden(after: Self.reportedLimit))
    }
}
