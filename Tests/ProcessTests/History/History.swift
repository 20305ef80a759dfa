import Support
import Synchronization

/// One call of a client, and what came of it. Times are since the history began, by one clock.
struct Operation: Sendable {
    /// A job in somebody's hands.
    struct Hold: Sendable, Hashable {
        let job: String
        let token: String
        let fence: Int64
    }

    enum Act: Sendable {
        case submit(key: String, title: String)
        case claim(request: String, lease: Duration)
        case extend(Hold, by: Duration)
        case finish(Hold, isSuccess: Bool)
        case read(job: String)
    }

    enum Outcome: Sendable {
        /// A submit's answer: the job, and the body as it came.
        case job(String, body: String)
        case grants([FarmMachine.Grant])
        /// Accepted, with this body.
        case done(body: String)
        case status(String)
        /// Surely without effect.
        case refused(Int)
        /// Nobody knows: it may have happened, or happen yet.
        case unknown
    }

    let act: Act
    let start: Duration
    let end: Duration
    let outcome: Outcome
}

/// What all clients did and what they were told. They write it, never the server (PROMISES 1).
final class History: Sendable {
    private let begin = ContinuousClock.now
    private let written = Mutex<[Operation]>([])

    var operations: [Operation] { written.withLock { $0 } }

    /// Makes a call and writes it down.
    @discardableResult
    func write(
        _ act: Operation.Act, _ call: () async throws -> FarmReply, _ read: (FarmReply) throws -> Operation.Outcome
    ) async -> Operation.Outcome {
        let start = ContinuousClock.now - begin
        let outcome: Operation.Outcome
        do {
            let reply = try await call()
            switch reply.status {
            case 200..<300: outcome = try read(reply)
            case 400..<500, 503: outcome = .refused(reply.status)
            default: outcome = .unknown
            }
        } catch {
            outcome = .unknown
        }
        let operation = Operation(act: act, start: start, end: ContinuousClock.now - begin, outcome: outcome)
        written.withLock { $0.append(operation) }
        return outcome
    }
}

/// A job as it is found when all is over.
struct EndedJob: Sendable {
    struct Attempt: Sendable {
        let fence: Int64
        let outcome: String
    }

    let id: String
    let title: String
    let status: String
    var attempts: [Attempt] = []
}
