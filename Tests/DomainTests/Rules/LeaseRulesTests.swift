import Domain
import Testing

@Suite("What becomes of a job")
struct LeaseRulesTests {
    @Test("a success completes, on the last attempt too", arguments: [1, 2, 3] as [Int64])
    func success(attempt: Int64) {
        #expect(NextStep.after(.success, attempt: attempt, of: 3) == .complete)
    }

    @Test(
        "a failure is tried again until the attempts are used up",
        arguments: [
            (1, 3, .retry), (2, 3, .retry), (3, 3, .fail(reason: "failure")), (1, 1, .fail(reason: "failure")),
            (100, 3, .fail(reason: "failure")),
        ] as [(Int64, Int64, NextStep)])
    func failure(attempt: Int64, most: Int64, step: NextStep) {
        #expect(NextStep.after(.failure, attempt: attempt, of: most) == step)
    }

    @Test("a timeout counts as a failure, and is named")
    func timeout() {
        #expect(NextStep.after(.timeout, attempt: 1, of: 2) == .retry)
        #expect(NextStep.after(.timeout, attempt: 2, of: 2) == .fail(reason: "timeout"))
    }

    @Test("the third loss in a row is poison")
    func poison() {
        #expect(NextStep.afterLoss(lossesInRow: 1) == .retry)
        #expect(NextStep.afterLoss(lossesInRow: 2) == .retry)
        #expect(NextStep.afterLoss(lossesInRow: 3) == .fail(reason: "poison"))
    }

    @Test("a lease lasts twelve hours at the most, and a claim a minute or, for devices, five")
    func numbers() {
        #expect(LeaseRules.longest == 12 * 3_600 * 1_000)
        #expect(Kind.compute.visibilityTimeout == 60_000)
        #expect(Kind.audit.visibilityTimeout == 60_000)
        #expect(Kind.device.visibilityTimeout == 300_000)
    }

    @Test("only three states are the end, and a scheduled job is shown as pending")
    func states() {
        #expect(JobState.allCases.filter(\.isEnded) == [.completed, .failed, .cancelled])
        #expect(JobState.scheduled.shown == "pending")
        #expect(JobState.allCases.filter { $0 != .scheduled }.allSatisfy { $0.shown == $0.rawValue })
    }
}
