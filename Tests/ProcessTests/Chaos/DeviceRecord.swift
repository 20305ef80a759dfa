import Synchronization

/// What customers and devices did, and what they were told. They write it, never the server (PROMISES 1).
final class DeviceRecord: Sendable {
    typealias Hold = ChaosDevice.Hold

    /// A command that was acknowledged.
    struct Sent: Sendable {
        let device: String
        /// Its Idempotency-Key, which is also its type.
        let key: String
        let id: String
    }

    struct Lease: Sendable {
        let hold: Hold
        /// Milliseconds since 1970 by the server's clock.
        let grantedAt: Int64
        /// As last told.
        var visibleUntil: Int64
    }

    /// A command was executed.
    struct Run: Sendable, Hashable {
        let hold: Hold
        let output: String
    }

    /// An answer to a device that extended a lease or reported a result.
    struct Answer: Sendable {
        enum Kind: Sendable { case extend, report }

        let kind: Kind
        let hold: Hold
        /// Of a report.
        var output = ""
        let status: Int
        /// Milliseconds since 1970.
        let at: Int64
    }

    struct Log: Sendable {
        var sent: [Sent] = []
        var leases: [Hold: Lease] = [:]
        var runs: [Run] = []
        var answers: [Answer] = []
        /// What may never happen.
        var complaints: [String] = []
        /// Calls that nobody answered.
        var unanswered = 0
        /// How often a device died, and how often it came back for what it had.
        var deaths = 0
        var returns = 0
    }

    private let written = Mutex(Log())

    var log: Log { written.withLock { $0 } }
    var completed: Int { written.withLock { $0.answers.count { $0.kind == .report && $0.status == 200 } } }

    func know(_ sent: Sent) { written.withLock { $0.sent.append(sent) } }

    func know(_ grant: ChaosDevice.Grant) {
        written.withLock { log in
            let granted = grant.visibleUntil - ChaosDevice.lease
            log.leases[grant.hold, default: Lease(hold: grant.hold, grantedAt: granted, visibleUntil: 0)]
                .visibleUntil = grant.visibleUntil
        }
    }

    /// Executes a command: what it puts out is told from that of every other run.
    func run(_ hold: Hold) -> String {
        written.withLock { log in
            let run = Run(hold: hold, output: "run \(log.runs.count + 1)")
            log.runs.append(run)
            return run.output
        }
    }

    func know(_ answer: Answer) { written.withLock { $0.answers.append(answer) } }
    func complain(_ text: String) { written.withLock { $0.complaints.append(text) } }
    func noteUnanswered() { written.withLock { $0.unanswered += 1 } }
    func noteDeath() { written.withLock { $0.deaths += 1 } }
    func noteReturn() { written.withLock { $0.returns += 1 } }
}
