import Domain
import Testing

@Suite("Prices")
struct PriceTests {
    private static let edges: [Int64] = [
        .min, -1, 0, 1, 99, 100, 499, 500, 501, 999, 1_000, 1_001, 2_000, 1 << 40, .max,
    ]

    @Test("memory of any size is told in hundredths of a GB")
    func memory() {
        #expect(UnitPrices.centiGigabytes(954) == 100)
        #expect(UnitPrices.centiGigabytes(0) == 0)
        // A sum over very many machines.
        #expect(UnitPrices.centiGigabytes(.max) == Int64.max / 10_000_000)
    }

    @Test("half the base price when nothing runs, the base price at one half, twice when everything does")
    func line() {
        #expect(PriceFactor.target(utilisation: 0) == 500)
        #expect(PriceFactor.target(utilisation: 250) == 750)
        #expect(PriceFactor.target(utilisation: 500) == 1_000)
        #expect(PriceFactor.target(utilisation: 750) == 1_500)
        #expect(PriceFactor.target(utilisation: 1_000) == 2_000)
        #expect(PriceFactor.target(utilisation: nil) == 1_000)
    }

    @Test("more use never makes it cheaper, and nothing leaves the bounds")
    func monotone() {
        let targets = (0...1_000).map { PriceFactor.target(utilisation: $0) }
        #expect(targets == targets.sorted())
        for edge in Self.edges { #expect(PriceFactor.range.contains(PriceFactor.target(utilisation: edge))) }
    }

    @Test("a step is a tenth at most, towards the target, and arrives there")
    func steps() {
        for from in Self.edges {
            for target in Self.edges {
                var factor = PriceFactor.step(from: from, towards: target)
                #expect(PriceFactor.range.contains(factor))
                for _ in 0..<20 {
                    let next = PriceFactor.step(from: factor, towards: target)
                    #expect(abs(next - factor) * 10 <= factor)
                    factor = next
                }
                #expect(factor == min(max(target, 500), 2_000))
            }
        }
    }

    @Test("utilisation is that of the scarcer, of what is stated")
    func utilisation() {
        func load(_ cores: Int64, _ usedCores: Int64, _ memory: Int64, _ usedMemory: Int64) -> Int64? {
            MarketLoad(milliCores: cores, usedMilliCores: usedCores, memoryMiB: memory, usedMemoryMiB: usedMemory)
                .utilisation
        }
        #expect(load(4_000, 1_000, 8_000, 6_000) == 750)
        #expect(load(4_000, 3_000, 0, 0) == 750)
        #expect(load(0, 0, 0, 0) == nil)
        #expect(load(1_000, 5_000, 8_000, 0) == 1_000)
        for cores in Self.edges {
            for used in Self.edges {
                let share = load(cores, used, 0, 0)
                #expect(share.map { (0...1_000).contains($0) } ?? (cores <= 0))
            }
        }
    }

    @Test("a job pays for what it needs; for a core and a GB where it states none")
    func rate() {
        let prices = UnitPrices.standard
        var need = Requirement(kind: .compute)
        #expect(prices.rate(of: need) == 24_000)
        need.milliCores = 2_500
        #expect(prices.rate(of: need) == 54_000)
        // What the API makes of 1 GB, and of 16.
        need.memoryMiB = 953
        #expect(prices.rate(of: need) == 54_000)
        need.memoryMiB = 15_258
        #expect(prices.rate(of: need) == 50_000 + 64_000)
        need.gpus = 2
        #expect(prices.rate(of: need) == 50_000 + 64_000 + 800_000)
        #expect(prices.times(thousandths: 1_500).rate(of: need) == 75_000 + 96_000 + 1_200_000)
    }

    @Test("whatever comes in, a rate is an amount, and more never costs less")
    func bounded() {
        for price in Self.edges {
            var last: Int64 = 0
            for amount in Self.edges where amount > 0 {
                var need = Requirement(kind: .compute)
                (need.milliCores, need.memoryMiB, need.gpus) = (amount, amount, amount)
                let unit = UnitPrices(core: price, gigabyte: price, gpu: price)
                let rate = unit.rate(of: need)
                #expect((last...Money.maxMinorUnits).contains(rate), "\(price) × \(amount)")
                last = rate
                for factor in Self.edges {
                    #expect((0...Money.maxMinorUnits).contains(unit.times(thousandths: factor).core))
                }
            }
        }
    }

    @Test("whoever offers exactly what is asked can pay it")
    func exactly() {
        var chance = SeededChance(seed: 4)
        for _ in 0..<10_000 {
            let asked =
                Int64.random(in: 0...Money.maxMinorUnits, using: &chance) >> Int64.random(in: 0...40, using: &chance)
            var need = Requirement(kind: .compute)
            need.maxHourlyPrice = Requirement.coarse(asked)
            #expect(need.affords(asked))
            #expect(!need.affords(need.dearest.map { $0 + 1 } ?? .max))
            // A tenth less is too little.
            need.maxHourlyPrice = asked - asked / 10 - 1
            #expect(asked == 0 || !need.affords(asked))
        }
    }

    @Test("one owner counts as a quarter at the most, and whoever is missing says one half")
    func votes() {
        func load(_ thousandths: Int64) -> MarketLoad {
            MarketLoad(milliCores: 1_000, usedMilliCores: thousandths, memoryMiB: 0, usedMemoryMiB: 0)
        }
        #expect(MarketVotes.utilisation([]) == nil)
        #expect(
            MarketVotes.utilisation([MarketLoad(milliCores: 0, usedMilliCores: 0, memoryMiB: 0, usedMemoryMiB: 0)])
                == nil)
        #expect(MarketVotes.utilisation([load(0)]) == 375 && MarketVotes.utilisation([load(1_000)]) == 625)
        #expect(MarketVotes.utilisation([load(1_000), load(0)]) == 500)
        #expect(MarketVotes.utilisation([0, 200, 400, 600].map(load)) == 300)
        // Ten honest ones and one who says what he likes.
        let honest = [Int64](repeating: 500, count: 10)
        #expect(MarketVotes.utilisation((honest + [0]).map(load)) == 454)
        #expect(MarketVotes.utilisation((honest + [1_000]).map(load)) == 545)
        let most = MarketLoad(milliCores: .max, usedMilliCores: .max, memoryMiB: .max, usedMemoryMiB: .max)
        #expect(MarketVotes.utilisation([most, most, most, most]) == 1_000)
    }

    @Test("prices hold from when they changed, and are moved once a minute")
    func stepped() {
        func four(_ load: MarketLoad) -> [MarketLoad] { Array(repeating: load, count: 4) }
        let idle = MarketLoad(milliCores: 1_000, usedMilliCores: 500, memoryMiB: 0, usedMemoryMiB: 0)
        let first = MarketPrices(base: .standard, factor: 1_000, utilisation: 0, since: 0, steppedAt: 0)
        let second = first.stepped(base: .standard, votes: four(idle), at: 100_000)
        #expect((second.since, second.factor, second.nextStep) == (100_000, 1_000, 160_000))
        let third = second.stepped(base: .standard, votes: four(idle), at: 160_000)
        #expect((third.since, third.utilisation, third.nextStep) == (100_000, 500, 220_000))
        let busy = MarketLoad(milliCores: 1_000, usedMilliCores: 1_000, memoryMiB: 0, usedMemoryMiB: 0)
        let fourth = third.stepped(base: .standard, votes: four(busy), at: 220_000)
        #expect((fourth.since, fourth.factor, fourth.current.core) == (220_000, 1_100, 22_000))
    }
}
