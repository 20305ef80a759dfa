import Support
import Testing

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("The checker of histories")
struct CheckerTests {
    /// A job that fails once and then completes, seen by its owner.
    private struct Story {
        var operations: [Operation] = []
        var ended = [
            EndedJob(
                id: "a", title: "A", status: "completed",
                attempts: [.init(fence: 1, outcome: "failure"), .init(fence: 2, outcome: "success")])
        ]

        init() {
            add(0, 5, .submit(key: "k", title: "A"), .job("a", body: "{a}"))
            add(10, 15, .claim(request: "r1", lease: .seconds(1)), .grants([Self.grant("a", 1)]))
            add(20, 25, .extend(Self.hold("a", 1), by: .seconds(1)), .done(body: "until"))
            add(30, 35, .finish(Self.hold("a", 1), isSuccess: false), .done(body: "pending"))
            add(40, 45, .claim(request: "r2", lease: .seconds(1)), .grants([Self.grant("a", 2)]))
            add(50, 55, .read(job: "a"), .status("running"))
            add(60, 65, .finish(Self.hold("a", 2), isSuccess: true), .done(body: "completed"))
            add(70, 75, .read(job: "a"), .status("completed"))
        }

        mutating func add(_ start: Int, _ end: Int, _ act: Operation.Act, _ outcome: Operation.Outcome) {
            operations.append(
                Operation(act: act, start: .milliseconds(start), end: .milliseconds(end), outcome: outcome))
        }

        static func grant(_ job: String, _ fence: Int64, attempt: Int64? = nil) -> FarmMachine.Grant {
            FarmMachine.Grant(
                job: job, token: "\(job)\(fence)", fence: fence, attempt: attempt ?? fence)
        }

        static func hold(_ job: String, _ fence: Int64) -> Operation.Hold {
            Operation.Hold(job: job, token: "\(job)\(fence)", fence: fence)
        }

        var promisesBroken: Set<String> {
            Set(Checker(operations, ended: ended, maxAttempts: 3).violations.map(\.promise))
        }
    }

    private func expect(_ promises: Set<String>, _ plant: (inout Story) -> Void) {
        var story = Story()
        plant(&story)
        #expect(story.promisesBroken == promises)
    }

    @Test("finds nothing in a good history, however answers got lost")
    func good() {
        expect([]) { _ in }
        expect([]) { story in
            story.add(0, 4, .submit(key: "k", title: "A"), .unknown)
            story.add(1, 9, .claim(request: "r1", lease: .seconds(1)), .unknown)
            story.add(16, 19, .claim(request: "r1", lease: .seconds(1)), .grants([Story.grant("a", 1)]))
            story.add(58, 60, .finish(Story.hold("a", 2), isSuccess: true), .unknown)
            story.add(90, 95, .finish(Story.hold("a", 2), isSuccess: true), .done(body: "completed"))
            story.add(90, 95, .finish(Story.hold("a", 1), isSuccess: true), .refused(409))
            story.add(90, 95, .submit(key: "other", title: "B"), .refused(503))
        }
    }

    @Test("sees that a result repeated after its answer was lost is no second one")
    func lateRepeat() {
        expect([]) { story in
            story.add(27, 29, .finish(Story.hold("a", 1), isSuccess: false), .unknown)
            story.add(57, 58, .finish(Story.hold("a", 1), isSuccess: false), .done(body: "pending"))
        }
    }

    @Test("finds jobs that are lost, doubled or made up")
    func jobs() {
        expect(["J1"]) { $0.add(5, 8, .submit(key: "l", title: "B"), .job("b", body: "{b}")) }
        expect(["J1"]) { $0.ended.append(EndedJob(id: "c", title: "C", status: "completed")) }
        expect(["J1"]) { $0.ended.append(EndedJob(id: "d", title: "A", status: "completed")) }
    }

    @Test("finds jobs that don't end, and ends that are not final")
    func endings() {
        expect(["J2"]) { story in
            story.add(1, 2, .submit(key: "m", title: "M"), .unknown)
            story.ended.append(EndedJob(id: "m", title: "M", status: "running"))
        }
        expect(["J3"]) { $0.add(80, 85, .read(job: "a"), .status("running")) }
        expect(["J3"]) { $0.add(80, 85, .read(job: "a"), .status("failed")) }
        expect(["J3"]) { story in
            story.ended[0] = EndedJob(id: "a", title: "A", status: "failed")
        }
    }

    @Test("finds attempts that are counted wrongly")
    func attempts() {
        expect(["J4"]) { story in
            story.operations.removeAll { if case .claim("r2", _) = $0.act { true } else { false } }
            story.add(40, 45, .claim(request: "r2", lease: .seconds(1)), .grants([Story.grant("a", 2, attempt: 1)]))
        }
    }

    @Test("finds two live leases, and one that was taken away early")
    func leases() {
        // Both hold it.
        expect(["L1", "F3"]) { story in
            story.operations.removeAll { $0.start == .milliseconds(30) }
            story.add(46, 48, .extend(Story.hold("a", 1), by: .seconds(1)), .done(body: "until"))
        }
        // The first one's was over only by its own word.
        expect(["L1"]) { story in
            story.operations.removeAll { $0.start == .milliseconds(30) }
        }
    }

    @Test("finds fences that don't grow")
    func fences() {
        expect(["F1"]) { story in
            story.ended.append(EndedJob(id: "b", title: "B", status: "completed"))
            story.add(0, 1, .submit(key: "b", title: "B"), .unknown)
            story.add(100, 101, .claim(request: "r3", lease: .milliseconds(5)), .grants([Story.grant("b", 2)]))
            let later = FarmMachine.Grant(job: "b", token: "late", fence: 1, attempt: 0)
            story.add(200, 201, .claim(request: "r4", lease: .milliseconds(5)), .grants([later]))
        }
        expect(["F1", "J4"]) { story in
            let twin = FarmMachine.Grant(job: "a", token: "twin", fence: 2, attempt: 2)
            story.add(66, 67, .claim(request: "r5", lease: .milliseconds(5)), .grants([twin]))
        }
    }

    @Test("finds a second end, a result after the end, and another answer to the same call")
    func results() {
        expect(["F2"]) { $0.add(80, 85, .finish(Story.hold("a", 1), isSuccess: true), .done(body: "completed")) }
        expect(["F2"]) { story in
            story.add(66, 68, .claim(request: "r3", lease: .milliseconds(1)), .grants([Story.grant("a", 3)]))
            story.add(80, 85, .finish(Story.hold("a", 3), isSuccess: false), .done(body: "pending"))
        }
        expect(["F2"]) { $0.add(80, 85, .finish(Story.hold("a", 2), isSuccess: true), .done(body: "failed")) }
        expect(["F2"]) { $0.ended[0].attempts.append(.init(fence: 3, outcome: "success")) }
    }

    @Test("finds what was accepted from one who was no longer the holder")
    func newest() {
        expect(["F3"]) { story in
            story.operations.removeAll { $0.start == .milliseconds(30) }
            // The lease was short: nothing but the fence is wrong.
            story.operations.removeAll { $0.start == .milliseconds(10) || $0.start == .milliseconds(20) }
            story.add(10, 15, .claim(request: "r1", lease: .milliseconds(8)), .grants([Story.grant("a", 1)]))
            story.add(52, 54, .finish(Story.hold("a", 1), isSuccess: false), .done(body: "pending"))
        }
    }

    @Test("finds a key with two answers")
    func keys() {
        expect(["I1"]) { $0.add(6, 8, .submit(key: "k", title: "A"), .job("a", body: "{another}")) }
    }
}
