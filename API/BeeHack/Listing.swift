internal import Bytes

/// A page of one of bee:hack's lists, with what it was asked for (CONTRACT 7).
struct Listing<Item: Sendable>: Sendable {
    var sort = ""
    var limit: Int
    var page: CutPage<Item>
}

extension QueryParameter where Value == Int {
    /// `limit` as bee:hack takes it: brought into its bounds, and the default for what is no integer.
    static func clamped(_ bounds: ClosedRange<Int> = 1...100, default standard: Int) -> QueryParameter {
        QueryParameter(
            "limit", .string(), "\(bounds.lowerBound)–\(bounds.upperBound), \(standard) when absent; clamped."
        ) { text in
            Query.integer(text).map { min(max($0, bounds.lowerBound), bounds.upperBound) } ?? standard
        }
    }
}
