import Bytes
import Synchronization

/// What callers did about money, as they know it: every call has a name of its own, is asked until it is answered, and
/// then either happened or was refused.
final class MoneyRecord: Sendable {
    enum Ending: Sendable, Equatable {
        /// What the answer named: a job, a withdrawal.
        case done(String)
        case refused(Int)
        /// The test ended before anybody could know.
        case unknown
    }

    struct Call: Sendable {
        enum Kind: Sendable, Hashable, CaseIterable {
            case deposit, submit, cancel, retry, withdraw, reject, pay, result
            /// Bounties: to register, to post a task, to claim it, to assign, cancel, complete, settle and delete it,
            /// and to report what its audit found.
            case register, post, claim, assign, giveUp, complete, settle, delete, report
        }

        let kind: Kind
        /// A reference, a title, a job, a job and its fence, a handle, or a task.
        let name: String
        /// Minor units, or an audit's passed tests of ten; 0 where the call names none.
        let amount: Int64
        let ending: Ending
        /// Whether some try went unanswered.
        let wasUncertain: Bool
    }

    private let calls = Mutex<[Call]>([])
    private let surprises = Mutex<[String]>([])

    func add(_ call: Call) { calls.withLock { $0.append(call) } }
    /// An answer that nobody may ever get.
    func complain(_ text: String) { surprises.withLock { $0.append(text) } }

    var all: [Call] { calls.withLock { $0 } }
    var complaints: [String] { surprises.withLock { $0 } }

    func done(_ kind: Call.Kind) -> [Call] {
        all.filter { call in
            if case .done = call.ending { return call.kind == kind }
            return false
        }
    }

    func refused(_ kind: Call.Kind) -> [Call] {
        all.filter { call in
            if case .refused = call.ending { return call.kind == kind }
            return false
        }
    }

    /// `deposit 120 done 3 refused` of every kind, for the log.
    var summary: String {
        Call.Kind.allCases.map { "\($0) \(done($0).count)/\(refused($0).count)" }.joined(separator: ", ")
            + " (done/refused), \(all.count { $0.wasUncertain }) at first unknown"
    }
}
