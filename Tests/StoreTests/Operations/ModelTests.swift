import Bytes
import Domain
import Foundation
import Support
import Testing

@Suite("Ten thousand operations against a plain model")
struct ModelTests {
    /// `HATCHFARM_TEST_SEED` repeats a run.
    private static let seed =
        ProcessInfo.processInfo.environment["HATCHFARM_TEST_SEED"].flatMap { UInt64($0) }
        ?? World.live.random(4).reduce(0) { $0 << 8 | UInt64($1) }

    @Test("both databases answer as the model does, and every promise is kept", .timeLimit(.minutes(10)))
    func both() async throws {
        print("measured: model test: HATCHFARM_TEST_SEED=\(Self.seed)")
        let run = try await ModelRun(seed: Self.seed, on: TestDatabase.all)
        try await run.run(10_000)
        try await run.heal()
        #expect(run.history.violations == [])
        // Whatever can happen has happened, and often.
        let reasons = Set(run.farm.jobs.compactMap(\.reason))
        #expect(reasons.isSuperset(of: ["poison", "dependency", "cancelled", "failure", "timeout"]))
        for (event, count) in run.history.counts { #expect(count >= 40, "\(event)") }
        #expect(run.history.counts.count == 12)
    }
}

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("The checker of histories catches planted bugs")
struct ModelCheckerTests {
    /// The shortest history in which everything happens.
    private static let good: ModelHistory = {
        var history = ModelHistory()
        func grant(_ job: Int, _ worker: Int, _ fence: Int64, at time: Int64) -> ModelHistory.Event {
            .granted(
                ModelGrant(
                    job: job, worker: worker, fence: fence, attempt: fence, until: time + 60, ends: time + 1_000),
                request: nil)
        }
        history.note(.submitted(job: 0, maxAttempts: 2), at: 0)
        history.note(.submitted(job: 1, maxAttempts: 1), at: 0)
        history.note(.round, at: 0)
        history.note(grant(0, 7, 1, at: 10), at: 10)
        history.note(grant(1, 7, 1, at: 10), at: 10)
        history.note(.extended(ModelToken(job: 0, fence: 1, worker: 7), until: 100), at: 40)
        history.note(.passed(70, isAttended: true), at: 110)
        history.note(.lost(job: 0), at: 110)
        history.note(.lost(job: 1), at: 110)
        history.note(grant(0, 8, 2, at: 120), at: 120)
        history.note(
            .accepted(
                ModelToken(job: 0, fence: 2, worker: 8), ModelResult(state: .completed, attempt: 2, fence: 2)), at: 130)
        history.note(.seen(sight(0, .completed, fence: 2, losses: 1)), at: 131)
        history.note(.cancelled(job: 1), at: 140)
        history.ends = [sight(0, .completed, fence: 2, losses: 1), sight(1, .cancelled, fence: 1, losses: 1)]
        return history
    }()

    private static func sight(_ job: Int, _ state: JobState, fence: Int64, losses: Int64) -> ModelSight {
        ModelSight(job: job, state: state, attempt: fence, fence: fence, losses: losses)
    }

    struct Plant: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let promise: String
        let change: @Sendable (inout ModelHistory) -> Void

        init(_ name: String, _ promise: String, _ change: @escaping @Sendable (inout ModelHistory) -> Void) {
            testDescription = name
            self.promise = promise
            self.change = change
        }
    }

    private static let plants: [Plant] = [
        Plant("a job is lost", "J1") { $0.ends.removeLast() },
        Plant("a job that nobody submitted", "J1") { $0.lines.remove(at: 1) },
        Plant("a job never ends", "J2") { $0.ends[1] = sight(1, .pending, fence: 1, losses: 1) },
        Plant("a completed job is pending again (River #1302)", "J3") {
            $0.note(.seen(sight(0, .pending, fence: 2, losses: 1)), at: 150)
        },
        Plant("a completed job is granted again", "J3") { history in
            history.note(.granted(grant(0, fence: 3, attempt: 3), request: nil), at: 150)
        },
        Plant("a cancelled job is granted", "J5") { history in
            history.note(.granted(grant(1, fence: 2, attempt: 2), request: nil), at: 150)
        },
        Plant("an attempt is skipped", "J4") { $0.change(9) { $0.attempt = 5 } },
        Plant("a failure ends a job that had attempts left", "J4") { $0.answer(10, .failed) },
        Plant("a fence is given twice", "L5") { $0.change(9) { $0.fence = 1 } },
        Plant("a fence goes back", "F1") { $0.change(9) { $0.fence = -1 } },
        Plant("a second grant while the first holds", "L1") { history in
            history.lines.remove(at: 7)
            history.lines[8].time = 90
        },
        Plant("a lease is taken away too early", "L2") { $0.lines[7].time = 99 },
        Plant("what nobody held is swept", "L2") { $0.note(.lost(job: 0), at: 150) },
        Plant("an extension after the end", "L3") { $0.lines[5].time = 71 },
        Plant("a result after the end", "L3") { $0.lines[10].time = 181 },
        Plant("an endless lease", "L4") { $0.change(9) { $0.until = 50_000_000 } },
        Plant("an endless extension", "L4") { history in
            history.lines[5].event = .extended(ModelToken(job: 0, fence: 1, worker: 7), until: 44_000_000)
        },
        Plant("a stale fence finishes", "F3") { $0.show(10, fence: 1, worker: 7) },
        Plant("a thief finishes", "F3") { $0.show(10, fence: 2, worker: 7) },
        Plant("two answers to one report", "F2") { history in
            history.lines.insert(history.lines[10], at: 11)
            history.answer(11, .failed)
        },
        Plant("a result gets lost", "J3") { $0.lines.remove(at: 10) },
        Plant("a lost lease isn't counted", "J4") { $0.ends[1].losses = 0 },
    ]

    private static func grant(_ job: Int, fence: Int64, attempt: Int64) -> ModelGrant {
        ModelGrant(job: job, worker: 9, fence: fence, attempt: attempt, until: 200, ends: 1_000)
    }

    @Test("the history without one is clean")
    func clean() {
        #expect(Self.good.violations == [])
    }

    @Test("each is caught, by its promise", arguments: plants)
    func caught(plant: Plant) {
        var history = Self.good
        plant.change(&history)
        #expect(history.violations.contains { $0.hasPrefix(plant.promise) }, "\(history.violations)")
    }
}

extension ModelHistory {
    fileprivate mutating func change(_ line: Int, _ body: (inout ModelGrant) -> Void) {
        guard case .granted(var grant, let request) = lines[line].event else { return }
        body(&grant)
        lines[line].event = .granted(grant, request: request)
    }

    fileprivate mutating func answer(_ line: Int, _ state: JobState) {
        guard case .accepted(let token, var result) = lines[line].event else { return }
        result.state = state
        lines[line].event = .accepted(token, result)
    }

    fileprivate mutating func show(_ line: Int, fence: Int64, worker: Int) {
        guard case .accepted(var token, let result) = lines[line].event else { return }
        (token.fence, token.worker) = (fence, worker)
        lines[line].event = .accepted(token, result)
    }
}
