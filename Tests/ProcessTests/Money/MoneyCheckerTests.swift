import Testing

/// A checker that never caught a planted bug proves nothing (PROMISES 0.11).
@Suite("The checker of money")
struct MoneyCheckerTests {
    private typealias Call = MoneyRecord.Call

    /// A deposit, a job that fails once and is paid twice, one that is cancelled, a withdrawal that is paid and one
    /// that is rejected; and a refusal of each sort.
    private struct Story {
        var calls: [Call] = [
            Story.call(.deposit, "d1", 50, .done("d1")), Story.call(.deposit, "d1", 50, .done("d1")),
            Story.call(.deposit, "d2", 7, .refused(400)),
            Story.call(.submit, "A", 600, .done("a")), Story.call(.submit, "B", 600, .done("b")),
            Story.call(.submit, "C", 900, .refused(400)), Story.call(.cancel, "b", 0, .done("b")),
            Story.call(.cancel, "a", 0, .refused(409)),
            Story.call(.withdraw, "w1", 5, .done("wdr_1")), Story.call(.withdraw, "w2", 6, .done("wdr_2")),
            Story.call(.withdraw, "w3", 9, .refused(400)), Story.call(.pay, "wdr_1", 0, .done("wdr_1")),
            Story.call(.reject, "wdr_2", 0, .done("wdr_2")),
            Story.call(.result, "a/1", 0, .done("a")), Story.call(.result, "a/3", 0, .done("a")),
            Story.call(.result, "a/3", 0, .done("a")), Story.call(.result, "a/2", 0, .refused(403)),
        ]
        var books = MoneyBooks()

        init() {
            books.deposits = ["d1": [50]]
            books.jobs = [
                "A": [.init(id: "a", maxPrice: 600, state: "completed")],
                "B": [.init(id: "b", maxPrice: 600, state: "cancelled")],
            ]
            books.withdrawals = [
                "w1": [.init(id: "wdr_1", amount: 5, state: "paid")],
                "w2": [.init(id: "wdr_2", amount: 6, state: "rejected")],
            ]
            books.attempts = [
                .init(name: "a/1", outcome: "failure", worked: 3, pay: 30),
                .init(name: "a/2", outcome: "lost", worked: 9, pay: 0),
                .init(name: "a/3", outcome: "success", worked: 4, pay: 40),
            ]
            books.payments = ["a/1": [30], "a/3": [40]]
        }

        static func call(_ kind: Call.Kind, _ name: String, _ amount: Int64, _ ending: MoneyRecord.Ending) -> Call {
            Call(kind: kind, name: name, amount: amount, ending: ending, wasUncertain: false)
        }

        var violations: [String] {
            let record = MoneyRecord()
            for call in calls { record.add(call) }
            return MoneyChecker(record: record, books: books).violations
        }
    }

    @Test("finds nothing in good books")
    func good() {
        #expect(Story().violations == [])
        var unsure = Story()
        unsure.calls.append(Story.call(.submit, "D", 1, .unknown))
        unsure.calls.append(Story.call(.deposit, "d3", 1, .unknown))
        unsure.books.deposits["d3"] = [1]
        #expect(unsure.violations == [])
    }

    @Test("finds what was planted")
    func planted() {
        let plants: [(String, (inout Story) -> Void)] = [
            ("a deposit lost", { $0.books.deposits["d1"] = nil }),
            ("a deposit booked twice", { $0.books.deposits["d1"] = [50, 50] }),
            ("a deposit of another amount", { $0.books.deposits["d1"] = [51] }),
            ("a refused deposit booked", { $0.books.deposits["d2"] = [7] }),
            ("nobody's deposit", { $0.books.deposits["d9"] = [1] }),
            ("a job lost", { $0.books.jobs["A"] = nil }),
            (
                "a job twice",
                { $0.books.jobs["A", default: []].append(.init(id: "x", maxPrice: 600, state: "pending")) }
            ),
            ("a refused job accepted", { $0.books.jobs["C"] = [.init(id: "c", maxPrice: 900, state: "pending")] }),
            ("a job at another price", { $0.books.jobs["A"] = [.init(id: "a", maxPrice: 601, state: "completed")] }),
            ("a cancel forgotten", { $0.books.jobs["B"] = [.init(id: "b", maxPrice: 600, state: "completed")] }),
            ("a withdrawal lost", { $0.books.withdrawals["w1"] = nil }),
            (
                "a refused withdrawal made",
                { $0.books.withdrawals["w3"] = [.init(id: "wdr_3", amount: 9, state: "requested")] }
            ),
            (
                "a payment outside forgotten",
                { $0.books.withdrawals["w1"] = [.init(id: "wdr_1", amount: 5, state: "approved")] }
            ),
            ("a result unpaid", { $0.books.payments["a/1"] = nil }),
            ("a result paid twice", { $0.books.payments["a/3"] = [40, 40] }),
            (
                "a result paid too much",
                { story in
                    story.books.attempts[2] = .init(name: "a/3", outcome: "success", worked: 4, pay: 41)
                    story.books.payments["a/3"] = [41]
                }
            ),
            (
                "a result paid too little",
                { story in
                    story.books.attempts[2] = .init(name: "a/3", outcome: "success", worked: 4, pay: 39)
                    story.books.payments["a/3"] = [39]
                }
            ),
            (
                "a lost lease paid",
                { story in
                    story.books.attempts[1] = .init(name: "a/2", outcome: "lost", worked: 9, pay: 90)
                    story.books.payments["a/2"] = [90]
                }
            ),
            (
                "a refused result accepted",
                { story in
                    story.books.attempts[1] = .init(name: "a/2", outcome: "success", worked: 9, pay: 90)
                    story.books.payments["a/2"] = [90]
                }
            ),
            (
                "an accepted result forgotten",
                { story in
                    story.books.attempts.removeLast()
                    story.books.payments["a/3"] = nil
                }
            ),
            ("a payment for nothing", { $0.books.payments["b/1"] = [1] }),
        ]
        for (what, plant) in plants {
            var story = Story()
            plant(&story)
            #expect(!story.violations.isEmpty, "\(what)")
        }
    }
}
