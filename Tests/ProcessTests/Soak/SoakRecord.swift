import Support
import Synchronization

/// What honest tenants did, and what they saw of it.
final class SoakRecord: Sendable {
    enum Call: String, CaseIterable, Sendable { case submit, claim, extend, result }

    struct Log: Sendable {
        /// The owners of the jobs that were acknowledged.
        var jobs: [String: String] = [:]
        /// How many of a job's claims had their result accepted.
        var results: [String: Int] = [:]
        var abandoned = 0
        /// Of calls that the server was up for, from their begin to their end.
        var times: [Call: [Duration]] = [:]
        /// How many of those were refused with 503.
        var refused = 0
        var unanswered = 0
        var complaints: [String] = []
    }

    private let state = Mutex(Log())
    private let up = Mutex<ContinuousClock.Instant?>(nil)

    var log: Log { state.withLock { $0 } }

    /// Since when the server has been up, as far as a call may count on it; nil while it isn't.
    var upSince: ContinuousClock.Instant? {
        up.withLock { $0 }.flatMap { $0 <= ContinuousClock.now ? $0 : nil }
    }

    func noteDown() { up.withLock { $0 = nil } }
    /// Clients come back all at once: the first two seconds don't count.
    func noteUp() { up.withLock { $0 = ContinuousClock.now + .seconds(2) } }

    func note(_ call: Call, took time: Duration) { state.withLock { $0.times[call, default: []].append(time) } }
    func noteRefused() { state.withLock { $0.refused += 1 } }
    func noteUnanswered() { state.withLock { $0.unanswered += 1 } }
    func noteAbandoned() { state.withLock { $0.abandoned += 1 } }
    func note(job: String, of owner: String) { state.withLock { $0.jobs[job] = owner } }
    func noteResult(of job: String) { state.withLock { $0.results[job, default: 0] += 1 } }
    func complain(_ complaint: String) { state.withLock { $0.complaints.append(complaint) } }
}
