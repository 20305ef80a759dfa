internal import Domain

extension UnitPrices {
    static let variable = "HATCHFARM_BASE_PRICES"

    /// `cpu=0.02,gb=0.004,gpu=0.4` of the environment: USDT per core-hour, GB-hour and GPU-hour. What isn't named is
    /// as in `standard`.
    init(_ environment: Environment) throws(Failure) {
        self = .standard
        for item in environment.list(Self.variable) {
            let parts = item.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let price = Money.minorUnits(String(parts[1])) else {
                throw .misconfigured("\(Self.variable) must be like cpu=0.02,gb=0.004,gpu=0.4")
            }
            switch parts[0] {
            case "cpu": core = price
            case "gb": gigabyte = price
            case "gpu": gpu = price
            default: throw .misconfigured("\(Self.variable) names cpu, gb and gpu, not \(Text.tame(String(parts[0])))")
            }
        }
    }
}
