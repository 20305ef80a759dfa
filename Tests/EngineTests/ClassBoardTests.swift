import Domain
import Store
import Support
import Testing
@testable import Engine

@Suite("The board of classes")
struct ClassBoardTests {
    private static let now: Int64 = 1_700_000_000_000

    private struct Standing {
        let need: Requirement
        let owner: OwnerID?
        let since: Int64
    }

    private static func offer(_ change: (inout Offer) -> Void = { _ in }) -> Offer {
        var offer = Offer(worker: "w", owner: "farmer", kinds: [.compute])
        (offer.milliCores, offer.memoryMiB, offer.gpus, offer.labels) = (8_000, 32_768, 1, ["linux", "ssd"])
        offer.asking = .market(.standard)
        change(&offer)
        return offer
    }

    private static func need(_ chance: inout ModelChance) -> Requirement {
        var need = Requirement(
            kind: chance.oneIn(8) ? .audit : .compute, queue: chance.pick(["default", "default", "q", "r"]) ?? "",
            priority: chance.number(0...9))
        need.milliCores = chance.pick([0, 1_000, 8_000, 8_001, 64_000]) ?? 0
        need.memoryMiB = chance.number(0...40_000)
        need.gpus = chance.pick([0, 0, 0, 1, 2]) ?? 0
        need.labels = chance.pick([[], [], ["linux"], ["linux", "ssd"], ["fpga"]]) ?? []
        need.isolation = chance.pick([.sandbox, .sandbox, .none, .vm]) ?? .sandbox
        need.minutes = chance.pick([10, 60, 720]) ?? 10
        need.maxHourlyPrice = chance.pick([nil, nil, 0, 20_000, 300_000, 9_000_000]) ?? nil
        return need
    }

    private static func anyOffer(_ chance: inout ModelChance) -> Offer {
        offer {
            $0.kinds = chance.pick([[.compute], [.compute, .audit]]) ?? []
            $0.queues = chance.pick([nil, ["default"], ["q", "r"], []]) ?? nil
            $0.milliCores = chance.pick([nil, 4_000, 8_000]) ?? nil
            $0.memoryMiB = chance.pick([nil, 16_000, 32_768]) ?? nil
            $0.gpus = chance.number(0...2)
            $0.labels = chance.pick([[], ["linux"], ["linux", "ssd", "x"]]) ?? []
            $0.isolation = chance.pick([.sandbox, .vm]) ?? .sandbox
            $0.leastIsolation = chance.pick([.none, .sandbox]) ?? .none
            $0.maxMinutes = chance.pick([nil, 60]) ?? nil
            $0.asking = chance.pick([.stated(0), .stated(25_000), .market(.standard)]) ?? .stated(0)
        }
    }

    @Test("shows each claim what looking at every class would, in the same order", arguments: 0..<20 as Range<UInt64>)
    func model(_ seed: UInt64) {
        var chance = ModelChance(seed: seed)
        var board = ClassBoards()
        var standing: [ClassID: Standing] = [:]
        let service: (OwnerID) -> Int64 = { Int64($0.text.utf8.reduce(0) { $0 + Int($1) } % 3) }
        var shown = 0
        for _ in 0..<3_000 {
            let id = ClassID(chance.number(1...300))
            let need = standing[id]?.need ?? Self.need(&chance)
            if chance.oneIn(4) {
                standing[id] = nil
                board.place(id, need, at: nil)
            } else {
                let owner = chance.oneIn(9) ? nil : OwnerID("owner \(chance.number(0...30))")
                // Few are older than what ageing counts.
                let since = Self.now - chance.number(0...100_000)
                standing[id] = Standing(need: need, owner: owner, since: since)
                board.place(id, need, at: .holding(owner: owner, since: since))
            }
            guard chance.oneIn(10) else { continue }
            let offer = Self.anyOffer(&chance)
            let all = standing.filter { offer.fits($0.value.need) }.map { id, one in
                (-one.need.priority, one.owner.map(service) ?? 0, one.since, id.number)
            }.sorted { $0 < $1 }
            var looked = 0
            let found = board.search(
                offer, atMost: 64, now: Self.now, monotonic: 0, looked: &looked, service: service,
                fits: { id in standing[id].map { offer.fits($0.need) } ?? false })
            #expect(found.map(\.id.number) == all.prefix(64).map { $0.3 })
            shown += found.count
        }
        #expect(shown > 1_000 && board.count == standing.count)
        for (id, one) in standing { board.place(id, one.need, at: nil) }
        #expect(board.count == 0)
    }

    @Test("those in doubt come last, when they are due")
    func doubtful() {
        var board = ClassBoards()
        let need = Requirement(kind: .compute)
        board.place(ClassID(1), need, at: .doubtful(due: 100))
        board.place(ClassID(2), need, at: .holding(owner: nil, since: 5))
        board.place(ClassID(3), need, at: .doubtful(due: 200))
        func found(at time: Int64) -> [Int64] {
            var looked = 0
            return board.search(
                Self.offer(), atMost: 64, now: 10, monotonic: time, looked: &looked, service: { _ in 0 },
                fits: { _ in true }
            ).map(\.id.number)
        }
        #expect(found(at: 99) == [2] && found(at: 100) == [2, 1] && found(at: 200) == [2, 1, 3])
        board.place(ClassID(1), need, at: .doubtful(due: 300))
        #expect(found(at: 200) == [2, 3])
    }

    /// What 60 owners who have all that one may have can bring up.
    enum Crowd: String, CaseIterable {
        case label, gpus, memory, cores, price, minutes, queue, isolation, matching

        func need(_ number: Int64) -> Requirement {
            var need = Requirement(kind: .compute, queue: self == .queue ? "queue \(number % 1_000)" : "default")
            // All differ, in what any machine has.
            need.memoryMiB = 1_024 + number % 1_000
            need.minutes = 1 + number / 1_000
            switch self {
            case .label: need.labels = ["fpga \(number % 7)", "linux"]
            case .gpus: need.gpus = 8 + number % 3
            case .memory: need.memoryMiB += 40_000
            case .cores: need.milliCores = 9_000 + number
            case .price: need.maxHourlyPrice = 10 + number % 5
            case .minutes: need.minutes += 60
            case .isolation: need.isolation = .vm
            case .queue, .matching: break
            }
            return need
        }
    }

    @Test(
        "a claim looks at hardly more classes where there are 60,000 than where there are 100",
        arguments: Crowd.allCases)
    func crowd(_ crowd: Crowd) {
        var looked: [Int] = []
        for count in [100, 60_000] as [Int64] {
            let index = ClassIndex(world: BoardTime().world)
            index.add((0..<count).map { (ClassID($0 + 1), crowd.need($0)) })
            for number in 0..<count {
                index.ready(ClassID(number + 1), tag: 1, owner: OwnerID("owner \(number / 1_000)"))
            }
            // The one that the machine is for.
            index.add([(ClassID(100_000), Requirement(kind: .compute, queue: "mine", priority: 0))])
            index.ready(ClassID(100_000), tag: 1, owner: Lab.alice)
            let offer = Self.offer {
                $0.queues = crowd == .queue ? ["mine"] : ["default", "mine"]
                $0.maxMinutes = 60
            }
            let before = index.looked
            let heads = index.begin(for: offer).heads
            looked.append(index.looked - before)
            if crowd == .matching {
                #expect(heads.count == 64)
            } else {
                #expect(heads.map(\.id) == [ClassID(100_000)])
            }
        }
        print("measured: of 100 and of 60,000 classes a claim looked at \(looked) (\(crowd))")
        #expect(looked[1] <= looked[0] + 400)
    }
}
