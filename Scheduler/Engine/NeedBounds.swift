internal import Domain

/// What a group of classes needs at the least, so that a machine which can't give that is shown none of them. It errs
/// on one side only: what fits is never hidden.
struct NeedBounds: Sendable, Equatable {
    private var kinds: UInt8
    /// A bit for each queue, which several may share.
    private var queues: UInt64
    /// The bits of the labels that all of them need.
    private var labels: UInt64
    private var milliCores: Int64
    private var memoryMiB: Int64
    private var gpus: Int64
    private var minutes: Int64
    private var isolation: ClosedRange<Int64>
    /// The most that one of them pays by the hour.
    private var dearest: Int64
    /// What the market charges at the least is for so much: who states none is charged for some.
    private var chargedMilliCores: Int64
    private var chargedMiB: Int64
    /// Whether one of them may cost nothing.
    private var hasFree: Bool

    init(_ need: Requirement) {
        kinds = Self.bit(of: need.kind)
        queues = Self.bit(of: need.queue)
        labels = need.labels.reduce(0) { $0 | Self.bit(of: $1) }
        milliCores = need.milliCores
        memoryMiB = need.memoryMiB
        gpus = need.gpus
        minutes = need.minutes
        isolation = need.isolation.rank...need.isolation.rank
        dearest = need.dearest ?? .max
        chargedMilliCores = need.milliCores > 0 ? need.milliCores : 1_000
        chargedMiB = need.memoryMiB > 0 ? need.memoryMiB : 900
        hasFree = need.kind != .compute || need.maxHourlyPrice == 0
    }

    mutating func join(_ other: NeedBounds) {
        kinds |= other.kinds
        queues |= other.queues
        labels &= other.labels
        milliCores = min(milliCores, other.milliCores)
        memoryMiB = min(memoryMiB, other.memoryMiB)
        gpus = min(gpus, other.gpus)
        minutes = min(minutes, other.minutes)
        isolation =
            min(
                isolation.lowerBound, other.isolation.lowerBound)...max(
                isolation.upperBound, other.isolation.upperBound)
        dearest = max(dearest, other.dearest)
        chargedMilliCores = min(chargedMilliCores, other.chargedMilliCores)
        chargedMiB = min(chargedMiB, other.chargedMiB)
        hasFree = hasFree || other.hasFree
    }

    static func joined(_ bounds: some Sequence<NeedBounds>) -> NeedBounds? {
        bounds.reduce(nil) { sum, next in
            guard var sum else { return next }
            sum.join(next)
            return sum
        }
    }

    /// What an offer has, in the same bits.
    struct Room: Sendable {
        fileprivate let kinds: UInt8
        fileprivate let queues: UInt64
        fileprivate let labels: UInt64
        fileprivate let milliCores: Int64
        fileprivate let memoryMiB: Int64
        fileprivate let gpus: Int64
        fileprivate let minutes: Int64
        fileprivate let isolation: (least: Int64, most: Int64)
        fileprivate let asking: Asking

        init(_ offer: Offer) {
            kinds = offer.kinds.reduce(0) { $0 | NeedBounds.bit(of: $1) }
            queues = offer.queues.map { $0.reduce(0) { $0 | NeedBounds.bit(of: $1) } } ?? .max
            labels = offer.labels.reduce(0) { $0 | NeedBounds.bit(of: $1) }
            milliCores = offer.milliCores ?? .max
            memoryMiB = offer.memoryMiB ?? .max
            gpus = offer.gpus
            minutes = offer.maxMinutes ?? .max
            isolation = (offer.leastIsolation.rank, offer.isolation.rank)
            asking = offer.asking
        }
    }

    /// False only when no class of the group fits.
    func mayFit(_ room: Room) -> Bool {
        kinds & room.kinds != 0 && queues & room.queues != 0 && labels & ~room.labels == 0
            && milliCores <= room.milliCores && memoryMiB <= room.memoryMiB && gpus <= room.gpus
            && minutes <= room.minutes && isolation.lowerBound <= room.isolation.most
            && isolation.upperBound >= room.isolation.least && (hasFree || dearest >= leastPrice(room.asking))
    }

    /// No class of the group is asked for less by the hour.
    private func leastPrice(_ asking: Asking) -> Int64 {
        switch asking {
        case .stated(let price): return price
        case .market(let prices):
            // Each part is rounded, memory to a hundredth, and a MiB is a little more than a thousandth of a GB.
            let cores = Double(prices.core) * Double(chargedMilliCores) / 1_000
            let memory = Double(prices.gigabyte) * max(0, Double(chargedMiB) / 1_000 - 0.01)
            let devices = Double(prices.gpu) * Double(gpus)
            return Int64(max(0, min((cores + memory + devices) * 0.99 - 4, Double(Money.maxMinorUnits))))
        }
    }

    private static func bit(of kind: Kind) -> UInt8 {
        switch kind {
        case .compute: 1
        case .manual: 2
        case .device: 4
        case .audit: 8
        }
    }

    /// By a hash that nobody outside can foresee.
    private static func bit(of text: String) -> UInt64 { 1 << UInt64(UInt(bitPattern: text.hashValue) & 63) }
}
