import Domain
import Testing

@Suite("Fair shares")
struct FairnessTests {
    /// One class's queue as the store keeps it: served in the order of tags.
    private struct Queue {
        var fair = FairShare()
        var waiting: [(tag: Int64, number: Int, owner: OwnerID)] = []
        private var submitted = 0
        let classID = ClassID(1)

        mutating func submit(_ count: Int, by owner: OwnerID, cost: Int64 = 600) {
            for _ in 0..<count {
                submitted += 1
                waiting.append((fair.tag(classID, owner: owner, cost: cost), submitted, owner))
            }
            waiting.sort { ($0.tag, $0.number) > ($1.tag, $1.number) }
        }

        /// Serves the first; nil when nothing waits.
        mutating func serve() -> OwnerID? {
            guard let first = waiting.popLast() else { return nil }
            fair.observe(classID, tag: first.tag)
            return first.owner
        }

        mutating func serve(_ count: Int) -> [OwnerID] { (0..<count).compactMap { _ in serve() } }
    }

    private let big = OwnerID("big")
    private let small = (1...9).map { OwnerID("small-\($0)") }

    @Test("nine small tenants wait for one another, not for the hundred thousand jobs of a tenth")
    func nineAndOne() {
        var queue = Queue()
        queue.submit(100_000, by: big)
        _ = queue.serve(500)
        for owner in small { queue.submit(10, by: owner) }
        // Alone, the nine would be done after 90; sharing with one more, after 100.
        let served = queue.serve(100)
        #expect(served.count { $0 != big } >= 90)
        for owner in small { #expect(served.count { $0 == owner } == 10) }
    }

    @Test("a tenant who comes first with little is not held up by who comes after with much")
    func earlyBird() {
        var queue = Queue()
        for owner in small { queue.submit(10, by: owner) }
        queue.submit(10_000, by: big)
        #expect(queue.serve(100).count { $0 != big } == 90)
    }

    @Test("equal tenants are served in turns")
    func turns() {
        var queue = Queue()
        queue.submit(50, by: small[0])
        queue.submit(50, by: small[1])
        let served = queue.serve(40)
        #expect(served.count { $0 == small[0] } == 20)
    }

    @Test("who asks for dear jobs gets fewer of them, and the same time")
    func cost() {
        var queue = Queue()
        queue.submit(200, by: small[0], cost: 400)
        queue.submit(200, by: small[1], cost: 100)
        let served = queue.serve(100)
        #expect((18...22).contains(served.count { $0 == small[0] }))
    }

    @Test("a newcomer starts at the present, without a debt and without a claim on the past")
    func newcomer() {
        var queue = Queue()
        queue.submit(1_000, by: big)
        _ = queue.serve(500)
        queue.submit(500, by: small[0])
        let served = queue.serve(100)
        #expect((49...51).contains(served.count { $0 == small[0] }))
    }

    @Test("who was away saves nothing up")
    func returning() {
        var queue = Queue()
        queue.submit(10, by: small[0])
        _ = queue.serve(10)
        queue.submit(1_000, by: big)
        _ = queue.serve(500)
        queue.submit(500, by: small[0])
        #expect((49...51).contains(queue.serve(100).count { $0 == small[0] }))
    }

    @Test("over many classes, who got least service goes first")
    func overClasses() {
        var fair = FairShare()
        for _ in 0..<500 { fair.serve(big, cost: 600) }
        #expect(fair.service(of: small[0]) < fair.service(of: big))
        var served: [OwnerID: Int] = [:]
        for _ in 0..<100 {
            let next = fair.service(of: small[0]) <= fair.service(of: big) ? small[0] : big
            served[next, default: 0] += 1
            fair.serve(next, cost: 600)
        }
        #expect((49...51).contains(served[small[0]] ?? 0))
    }

    @Test("over many classes, who was away saves nothing up either")
    func returningOverClasses() {
        var fair = FairShare()
        for _ in 0..<10 { fair.serve(small[0], cost: 600) }
        for _ in 0..<1_000 { fair.serve(big, cost: 600) }
        var served: [OwnerID: Int] = [:]
        for _ in 0..<100 {
            let next = fair.service(of: small[0]) <= fair.service(of: big) ? small[0] : big
            served[next, default: 0] += 1
            fair.serve(next, cost: 600)
        }
        #expect((49...51).contains(served[small[0]] ?? 0))
    }

    @Test("forgetting old tenants lets nobody overtake and keeps the memory bounded")
    func capacity() {
        var fair = FairShare(capacity: 100)
        let classID = ClassID(1)
        var last: Int64 = 0
        for number in 0..<10_000 {
            let tag = fair.tag(classID, owner: OwnerID("owner-\(number)"), cost: 10)
            #expect(tag >= last)
            fair.observe(classID, tag: tag)
            fair.serve(OwnerID("owner-\(number)"), cost: 10)
            last = tag
        }
    }

    @Test("no cost overflows a tag or a sum")
    func overflow() {
        var fair = FairShare()
        for _ in 0..<50 {
            #expect(fair.tag(ClassID(1), owner: big, cost: .max) >= 0)
            fair.serve(big, cost: .max)
            #expect(fair.service(of: big) > 0)
        }
    }
}

@Suite("Ageing")
struct AgeingTests {
    @Test("every two minutes at the head lift by one, up to nine")
    func lifts() {
        #expect(Ageing.priority(5, waitingSince: 0, now: 119_999) == 5)
        #expect(Ageing.priority(5, waitingSince: 0, now: 120_000) == 6)
        #expect(Ageing.priority(0, waitingSince: 0, now: 120_000 * 9) == 9)
        #expect(Ageing.priority(5, waitingSince: 0, now: .max) == 9)
    }

    @Test("nothing waits, or a clock that went back: no lift")
    func unknown() {
        #expect(Ageing.priority(3, waitingSince: nil, now: 1_000_000) == 3)
        #expect(Ageing.priority(3, waitingSince: 1_000_000, now: 0) == 3)
    }

    @Test("even the lowest gets to the top within twenty minutes")
    func bound() {
        #expect(Ageing.priority(0, waitingSince: 0, now: 20 * 60_000) == 9)
    }
}
