import Domain
import Testing

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("The checker of bounties")
struct BountyCheckerTests {
    private typealias Call = MoneyRecord.Call
    private typealias Move = BountyBooks.Move

    /// A task that is settled, one that is completed, one that its assignee gives up, one that is deleted, one that an
    /// audit settles, and one that is open; and a refusal of each sort.
    private struct Story {
        var calls: [Call] = [
            Story.call(.register, "maya", .done("maya")), Story.call(.register, "noor", .refused(400)),
            Story.call(.post, "A", 20, .done("1")), Story.call(.post, "B", 0, .done("2")),
            Story.call(.post, "C", 20, .done("3")), Story.call(.post, "D", 20, .done("4")),
            Story.call(.post, "E", 20, .done("5")), Story.call(.post, "F", 20, .done("6")),
            Story.call(.post, "G", 900, .refused(400)), Story.call(.claim, "1", .done("maya")),
            Story.call(.claim, "1", .done("maya")), Story.call(.claim, "1", .refused(409)),
            Story.call(.assign, "2", .done("maya")), Story.call(.claim, "3", .done("maya")),
            Story.call(.claim, "5", .done("maya")), Story.call(.settle, "1", 15, .done("1")),
            Story.call(.settle, "1", 20, .refused(409)), Story.call(.complete, "2", 7, .done("2")),
            Story.call(.giveUp, "3", .done("3")), Story.call(.giveUp, "3", .done("3")),
            Story.call(.delete, "4", .done("4")), Story.call(.report, "job/1", 4, .done("job")),
        ]
        var books = BountyBooks()

        init() {
            books.bonuses = ["maya": [100], "queenbee": [100]]
            books.tasks = [
                Self.task("1", "A", .done), Self.task("2", "B", .done, points: 7), Self.task("3", "C", .cancelled),
                Self.task("5", "E", .done),
                BountyBooks.Task(id: "6", title: "F", points: 20, status: .open, escrow: 20, assignee: nil),
            ]
            let (bounty, deposit) = (Self.move("bounty", 20, "poster"), Self.move("deposit", 2, "maya"))
            books.moves = [
                "1": [bounty, deposit, Self.move("payout", 15), Self.move("refund", 5), Self.move("release", 2)],
                "2": [Self.move("payout", 7)],
                "3": [bounty, deposit, Self.move("refund", 20), Self.move("forfeit", 2)],
                "4": [bounty, Self.move("refund", 20)],
                "5": [bounty, deposit, Self.move("payout", 8), Self.move("refund", 12), Self.move("forfeit", 2)],
                "6": [bounty],
            ]
            books.audits = ["job": .init(task: "5", state: "settled", passed: 4)]
        }

        static func call(_ kind: Call.Kind, _ name: String, _ amount: Int64, _ ending: MoneyRecord.Ending) -> Call {
            Call(kind: kind, name: name, amount: amount, ending: ending, wasUncertain: false)
        }

        static func call(_ kind: Call.Kind, _ name: String, _ ending: MoneyRecord.Ending) -> Call {
            call(kind, name, 0, ending)
        }

        static func task(
            _ id: String, _ title: String, _ status: Bounty.Status, points: Int64 = 20
        ) -> BountyBooks.Task {
            .init(id: id, title: title, points: points, status: status, escrow: 0, assignee: "maya")
        }

        static func move(_ name: String, _ amount: Int64, _ from: String = "poster") -> Move {
            Move(name: name, amount: amount, from: from)
        }

        var violations: [String] {
            let record = MoneyRecord()
            for call in calls { record.add(call) }
            return BountyChecker(record: record, books: books).violations
        }
    }

    @Test("finds nothing in good books")
    func good() {
        #expect(Story().violations == [])
        var unsure = Story()
        unsure.calls.append(Story.call(.register, "ines", .unknown))
        unsure.calls.append(Story.call(.post, "H", 20, .unknown))
        unsure.books.tasks.append(.init(id: "7", title: "H", points: 20, status: .open, escrow: 20, assignee: nil))
        unsure.books.moves["7"] = [Story.move("bounty", 20)]
        #expect(unsure.violations == [])
    }

    @Test("finds what was planted")
    func planted() {
        let plants: [(String, (inout Story) -> Void)] = [
            ("a member lost", { $0.books.bonuses["maya"] = nil }),
            ("a bonus twice", { $0.books.bonuses["maya"] = [100, 100] }),
            ("a member without a bonus", { $0.books.bonuses["queenbee"] = [] }),
            ("a refused member", { $0.books.bonuses["noor"] = [100] }),
            ("a task lost", { $0.books.tasks.remove(at: 4) }),
            ("a task twice", { $0.books.tasks.append(Story.task("8", "A", .open)) }),
            ("a refused task", { $0.books.tasks.append(Story.task("8", "G", .open)) }),
            ("a bounty that was never held", { $0.books.moves["6"] = nil }),
            ("a bounty of another amount", { $0.books.moves["6"] = [Story.move("bounty", 19)] }),
            ("nobody's task", { $0.books.moves["9"] = [Story.move("bounty", 1), Story.move("refund", 1)] }),
            ("two assignees", { $0.calls.append(Story.call(.claim, "1", .done("ines"))) }),
            ("another assignee", { $0.calls[9] = Story.call(.claim, "5", .done("ines")) }),
            ("a deposit that wasn't taken", { $0.books.moves["1"]?.removeAll { $0.name == "deposit" } }),
            ("a deposit twice", { $0.books.moves["1"]?.append(Story.move("deposit", 2, "maya")) }),
            ("another's deposit", { $0.books.moves["1"]?[1] = Story.move("deposit", 2, "ines") }),
            ("a refund too much", { $0.books.moves["1"]?[3] = Story.move("refund", 6) }),
            ("a refund forgotten", { $0.books.moves["4"]?.removeLast() }),
            ("a refund of what was paid", { $0.books.moves["1"]?.append(Story.move("refund", 20)) }),
            (
                "an ended task that holds",
                { story in
                    story.books.moves["1"]?.removeAll { $0.name == "release" }
                    story.books.tasks[0] = .init(
                        id: "1", title: "A", points: 20, status: .done, escrow: 2, assignee: "maya")
                }
            ),
            ("a settlement twice", { $0.calls.append(Story.call(.settle, "1", 15, .done("1"))) }),
            ("a settlement and a refund", { $0.calls.append(Story.call(.giveUp, "1", .done("1"))) }),
            ("a completion twice", { $0.calls.append(Story.call(.complete, "2", 7, .done("2"))) }),
            ("a settlement beside an audit", { $0.calls.append(Story.call(.settle, "5", 8, .done("5"))) }),
            (
                "a settlement of another payout",
                { story in
                    story.books.moves["1"]?[2] = Story.move("payout", 14)
                    story.books.moves["1"]?[3] = Story.move("refund", 6)
                }
            ),
            ("a settlement forgotten", { $0.books.tasks[0] = Story.task("1", "A", .claimed) }),
            ("a completion unpaid", { $0.books.moves["2"] = nil }),
            ("a task done that was given up", { $0.books.tasks[2] = Story.task("3", "C", .done) }),
            ("an audit that isn't there", { $0.books.audits = [:] }),
            (
                "an audit with another report",
                { $0.books.audits["job"] = .init(task: "5", state: "settled", passed: 5) }
            ),
            ("two reports of one audit", { $0.calls.append(Story.call(.report, "job/2", 4, .done("job"))) }),
            (
                "an audit paid otherwise",
                { story in
                    story.books.moves["5"]?[2] = Story.move("payout", 9)
                    story.books.moves["5"]?[3] = Story.move("refund", 11)
                }
            ),
        ]
        for (what, plant) in plants {
            var story = Story()
            plant(&story)
            #expect(!story.violations.isEmpty, "\(what)")
        }
    }
}
