/// Values counted by how large they are.
package struct Distribution: Sendable {
    /// Upper bounds, rising; what is larger than the last is counted apart.
    package let bounds: [Double]
    package private(set) var counts: [Int64]
    package private(set) var sum: Double = 0

    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package mutating func record(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] &+= 1
        sum += value
    }

    package var count: Int64 { counts.reduce(0, &+) }

    /// How many are at most the bound, by bound; the last is infinite.
    package var cumulative: [(bound: Double, count: Int64)] {
        var total: Int64 = 0
        return zip(bounds + [.infinity], counts).map { bound, count in
            total &+= count
            return (bound, total)
        }
    }

    /// Half a millisecond to half a minute, in seconds.
    package static let latency = Distribution(
        bounds: [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
    /// A hundredth of a second to a day, in seconds.
    package static let patience = Distribution(
        bounds: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400])
}
