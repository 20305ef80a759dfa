import Testing

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("The checker of devices")
struct DeviceCheckerTests {
    private typealias Hold = DeviceRecord.Hold
    private typealias Command = DeviceChecker.Command
    private typealias Update = UpdateFollower.Update

    /// A command that is done at once, and one whose device dies and gets it again.
    private static func story() -> DeviceChecker {
        let (first, lost, second) = (
            Hold(command: "a", token: "1"), Hold(command: "b", token: "2"), Hold(command: "b", token: "3")
        )
        var log = DeviceRecord.Log()
        log.sent = [.init(device: "d", key: "A", id: "a"), .init(device: "d", key: "B", id: "b")]
        log.leases = [
            first: .init(hold: first, grantedAt: 0, visibleUntil: 60),
            lost: .init(hold: lost, grantedAt: 10, visibleUntil: 70),
            second: .init(hold: second, grantedAt: 70, visibleUntil: 130),
        ]
        log.runs = [
            .init(hold: first, output: "run 1"), .init(hold: lost, output: "run 2"),
            .init(hold: second, output: "run 3"),
        ]
        log.answers = [
            .init(kind: .extend, hold: first, status: 200, at: 1),
            .init(kind: .report, hold: first, output: "run 1", status: 200, at: 2),
            .init(kind: .report, hold: first, output: "run 1", status: 200, at: 3),
            .init(kind: .report, hold: second, output: "run 3", status: 200, at: 80),
            .init(kind: .report, hold: lost, output: "run 2", status: 403, at: 75),
        ]
        let steps: [(String?, String)] = [
            (nil, "online"), ("a", "pending"), ("b", "pending"), ("a", "claimed"), ("b", "claimed"),
            ("a", "completed"), ("b", "pending"), ("b", "claimed"), ("b", "completed"),
        ]
        let updates = steps.enumerated().map { number, step in
            Update(position: Int64(number + 1), command: step.0, status: step.1)
        }
        return DeviceChecker(
            log: log,
            commands: [
                Command(id: "b", device: "d", key: "B", status: "completed", output: "run 3"),
                Command(id: "a", device: "d", key: "A", status: "completed", output: "run 1"),
            ],
            told: ["d": updates], ends: ["d": 9])
    }

    @Test("finds nothing in a good story")
    func good() {
        #expect(Self.story().violations == [])
    }

    @Test("finds what was planted")
    func planted() {
        let lost = Hold(command: "b", token: "2")
        func command(_ id: String, key: String, _ output: String, status: String = "completed") -> Command {
            Command(id: id, device: "d", key: key, status: status, output: output)
        }
        let plants: [(String, (inout DeviceChecker) -> Void)] = [
            ("a command lost", { $0.commands.removeLast() }),
            ("a key that made two", { $0.commands.append(command("x", key: "A", "run 9")) }),
            ("nobody's command", { $0.commands.append(command("x", key: "X", "run 9")) }),
            ("a command that waits", { $0.commands[1] = command("a", key: "A", "", status: "pending") }),
            ("another run's output", { $0.commands[0] = command("b", key: "B", "run 2") }),
            ("an output of no run", { $0.log.runs.removeLast() }),
            ("a result forgotten", { $0.log.answers.remove(at: 3) }),
            (
                "two results accepted",
                { $0.log.answers.append(.init(kind: .report, hold: lost, output: "run 2", status: 200, at: 60)) }
            ),
            (
                "a holder refused",
                { $0.log.answers.append(.init(kind: .extend, hold: lost, status: 403, at: 69)) }
            ),
            (
                "a result not found",
                { $0.log.answers.append(.init(kind: .report, hold: lost, status: 404, at: 90)) }
            ),
            ("two holders at a time", { $0.log.leases[lost]?.visibleUntil = 71 }),
            ("an update lost", { $0.told["d"]?.remove(at: 0) }),
            ("the last update lost", { $0.told["d"]?.removeLast() }),
            ("an update twice", { $0.told["d"]?.append(Update(position: 9, command: "b", status: "completed")) }),
            ("updates that change places", { $0.told["d"]?.swapAt(1, 2) }),
            ("no update at all", { $0.told = [:] }),
            ("an end of which nobody tells", { $0.told["d"]?[8] = Update(position: 9, command: nil, status: "busy") }),
            ("two ends", { $0.told["d"]?[6] = Update(position: 7, command: "b", status: "completed") }),
            ("an update of nothing", { $0.told["d"]?[0] = Update(position: 1, command: "x", status: "completed") }),
            ("a complaint", { $0.log.complaints.append("an internal error") }),
        ]
        for (what, plant) in plants {
            var story = Self.story()
            plant(&story)
            #expect(!story.violations.isEmpty, "\(what)")
        }
    }
}
