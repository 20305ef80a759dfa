import Domain
import Testing

@Suite("Why a job is not claimed")
struct LiveMachinesTests {
    private static func offer(_ change: (inout Offer) -> Void = { _ in }) -> Offer {
        var offer = Offer(worker: "", owner: "", kinds: [.compute])
        (offer.milliCores, offer.memoryMiB) = (4_000, 8_192)
        change(&offer)
        return offer
    }

    @Test("something lacks exactly when a claim would not get the job")
    func sameRule() {
        var chance = SeededChance(seed: 1)
        var fits = 0
        for _ in 0..<20_000 {
            func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &chance)] }
            var need = Requirement(kind: pick([.compute, .compute, .audit]), queue: pick(["default", "default", "q"]))
            need.milliCores = pick([0, 500, 4_000, 4_001])
            need.memoryMiB = pick([0, 8_192, 8_193])
            need.gpus = pick([0, 0, 1, 2])
            need.labels = pick([[], ["a"], ["a", "b"]])
            need.isolation = pick(Isolation.allCases)
            need.minutes = pick([10, 720])
            need.maxHourlyPrice = pick([nil, nil, 0, 44_000, 1_000_000])
            let offer = Self.offer {
                $0.milliCores = pick([nil, 4_000])
                $0.memoryMiB = pick([nil, 8_192])
                $0.gpus = pick([0, 1, .max])
                $0.labels = pick([[], ["a"], ["a", "b", "c"]])
                $0.isolation = pick(Isolation.allCases)
                $0.leastIsolation = pick(Isolation.allCases)
                $0.maxMinutes = pick([nil, 60])
                $0.queues = pick([nil, ["default"], []])
                $0.asking = pick([.stated(0), .stated(50_000), .market(.standard)])
            }
            #expect(offer.fits(need) == offer.lacks(need).isEmpty, "\(need) on \(offer)")
            if offer.fits(need) { fits += 1 }
        }
        #expect(fits > 500)
    }

    @Test("is told with what is missing, and on how many machines")
    func words() {
        var machines = LiveMachines()
        var need = Requirement(kind: .compute)
        #expect(machines.reason(for: need) == "no machine is live")
        for _ in 0..<3 { machines.add(Self.offer()) }
        machines.add(Self.offer { ($0.memoryMiB, $0.labels, $0.asking) = (65_536, ["ssd"], .stated(9_000_000)) })
        machines.add(nil)
        #expect(machines.kinds == 2)
        #expect(machines.reason(for: need) == "waits for a worker to be free: 4 of 5 live machines fit")
        (need.memoryMiB, need.labels, need.maxHourlyPrice) = (16_384, ["ssd"], 1_000_000)
        #expect(
            machines.reason(for: need) == """
                no live machine fits: of 5, 3 have too little memory_gb; 3 do not have the label ssd; \
                1 asks more than max_price_usdt pays; 1 takes no jobs now
                """)
        need.maxHourlyPrice = nil
        #expect(machines.reason(for: need) == "waits for a worker to be free: 1 of 5 live machines fit")
        need.minutes = 720
        #expect(machines.reason(for: need) == "waits for a worker to be free: 1 of 5 live machines fit")
    }
}
