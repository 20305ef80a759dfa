import Domain
import Testing

@Suite("Which machine fits which job")
struct MatchingTests {
    /// A job and a machine that fit each other, each changed in one thing.
    struct Pair: CustomTestStringConvertible {
        let name: String
        let fits: Bool
        var need = Requirement(kind: .compute)
        var offer = Offer(worker: "wrk_1", owner: "farmer", kinds: [.compute])

        init(_ name: String, _ fits: Bool, _ change: (inout Requirement, inout Offer) -> Void) {
            self.name = name
            self.fits = fits
            change(&need, &offer)
        }

        var testDescription: String { name }
    }

    private static let whereAndWho: [Pair] = [
        Pair("as they are", true) { _, _ in },
        Pair("another kind", false) { need, _ in need.kind = .audit },
        Pair("one of several kinds", true) { need, offer in
            need.kind = .audit
            offer.kinds = [.compute, .audit]
        },
        Pair("a machine that serves no kind", false) { _, offer in offer.kinds = [] },
        Pair("any queue is served when none is named", true) { need, _ in need.queue = "nightly" },
        Pair("a queue that is served", true) { _, offer in offer.queues = ["default", "nightly"] },
        Pair("a queue that isn't", false) { _, offer in offer.queues = ["nightly"] },
        Pair("no queue at all", false) { _, offer in offer.queues = [] },
        Pair("a machine as dear as allowed", true) { need, offer in
            need.maxHourlyPrice = 500
            offer.asking = .stated(500)
        },
        Pair("a machine too dear", false) { need, offer in
            need.maxHourlyPrice = 499
            offer.asking = .stated(500)
        },
        Pair("any price when none is named", true) { _, offer in offer.asking = .stated(.max) },
    ]

    private static let room: [Pair] = [
        Pair("as much as there is", true) { need, offer in
            (need.milliCores, need.memoryMiB, need.gpus) = (2_000, 4_096, 1)
            (offer.milliCores, offer.memoryMiB, offer.gpus) = (2_000, 4_096, 1)
        },
        Pair("a thousandth of a core too few", false) { need, offer in
            need.milliCores = 2_001
            offer.milliCores = 2_000
        },
        Pair("a MiB too little", false) { need, offer in
            need.memoryMiB = 4_097
            offer.memoryMiB = 4_096
        },
        Pair("no bound where none is stated", true) { need, _ in
            need.milliCores = 128_000
            need.memoryMiB = 1_000_000
        },
        Pair("GPUs only where they are stated", false) { need, _ in need.gpus = 1 },
        Pair("nothing in particular on a full machine", true) { _, offer in
            (offer.milliCores, offer.memoryMiB) = (0, 0)
        },
        Pair("all labels", true) { need, offer in
            need.labels = ["avx", "eu"]
            offer.labels = ["avx", "eu", "ssd"]
        },
        Pair("one label missing", false) { need, offer in
            need.labels = ["avx", "eu"]
            offer.labels = ["avx", "ssd"]
        },
        Pair("a label in another case", false) { need, offer in
            need.labels = ["EU"]
            offer.labels = ["eu"]
        },
    ]

    private static let rules: [Pair] = [
        Pair("a shield as strong as asked", true) { need, offer in
            need.isolation = .vm
            offer.isolation = .vm
        },
        Pair("a shield too weak", false) { need, _ in need.isolation = .vm },
        Pair("a job that asks for less than the machine has", true) { need, offer in
            need.isolation = .none
            offer.isolation = .vm
        },
        Pair("a job that asks for less than the owner wants", false) { need, offer in
            need.isolation = .none
            offer.leastIsolation = .sandbox
        },
        Pair("exactly what the owner wants", true) { _, offer in offer.leastIsolation = .sandbox },
        Pair("an owner who wants more than the machine has", false) { need, offer in
            need.isolation = .vm
            offer.leastIsolation = .vm
        },
        Pair("as long as allowed", true) { need, offer in
            need.minutes = 30
            offer.maxMinutes = 30
        },
        Pair("a minute too long", false) { need, offer in
            need.minutes = 31
            offer.maxMinutes = 30
        },
    ]

    @Test(
        "a job fits a machine exactly when everything that it asks for is there", arguments: whereAndWho + room + rules)
    func table(pair: Pair) {
        #expect(pair.offer.fits(pair.need) == pair.fits)
    }

    @Test("placing takes room away, never below nothing")
    func placing() {
        var offer = Offer(worker: "wrk_1", owner: "farmer", kinds: [.compute])
        (offer.milliCores, offer.gpus) = (3_000, 1)
        var need = Requirement(kind: .compute)
        (need.milliCores, need.memoryMiB, need.gpus) = (2_000, 512, 1)
        #expect(offer.hasRoom(for: need))
        offer.place(need)
        #expect(offer.milliCores == 1_000)
        #expect(offer.memoryMiB == nil)
        #expect(offer.gpus == 0)
        #expect(!offer.hasRoom(for: need))
        offer.place(need)
        #expect(offer.milliCores == 0)
        #expect(offer.gpus == 0)
    }

    @Test("keys are equal exactly when the requirements are")
    func keys() {
        var slid = Requirement(kind: .compute, queue: "a")
        slid.labels = ["b,1:c"]
        var split = Requirement(kind: .compute, queue: "a")
        split.labels = ["b", "c"]
        var priced = Requirement(kind: .compute, queue: "a")
        priced.maxHourlyPrice = 0
        let all =
            [Requirement(kind: .compute, queue: "a"), slid, split, priced]
            + (0...9).map {
                Requirement(kind: .compute, queue: "b", priority: $0)
            }
        #expect(Set(all.map(\.key)).count == all.count)
        #expect(Requirement(kind: .compute).key == Requirement(kind: .compute).key)
    }

    @Test("a job costs its core-time, at least one core's, and nothing overflows")
    func cost() {
        var need = Requirement(kind: .compute)
        #expect(need.cost == 10 * 60 * 1_000)
        need.milliCores = 4_000
        #expect(need.cost == 10 * 60 * 4_000)
        need.milliCores = 1
        #expect(need.cost == 10 * 60 * 1_000)
        (need.minutes, need.milliCores) = (.max, .max)
        #expect(need.cost > 0)
    }
}
