/// Amounts: decimal text outside, whole minor units inside. Nothing passes through floating point.
package enum Money {
    /// One USDT in minor units.
    package static let usdt: Int64 = 1_000_000
    /// No amount is larger, so that no sum overflows (CONTRACT 7): 10¹² USDT would need 19 digits.
    package static let maxMinorUnits: Int64 = 1_000_000_000_000

    /// What a new member gets, in points (CONTRACT 7).
    package static let registrationBonus: Int64 = 100

    /// The minor units of a decimal such as `12.5`, exactly; nil for anything else: a sign, an exponent, more than
    /// `decimals` places, or more than 10¹² minor units.
    package static func minorUnits(_ text: String, decimals: Int = 6) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.utf8.count <= 13 else { return nil }
        let fraction = parts.count > 1 ? parts[1] : ""
        guard parts.count == 1 || !fraction.isEmpty, fraction.utf8.count <= decimals else { return nil }
        let digits = whole + fraction + String(repeating: "0", count: decimals - fraction.utf8.count)
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        guard let units = Int64(digits), units <= maxMinorUnits else { return nil }
        return units
    }

    /// `12500000` as `12.5`.
    package static func decimal(_ units: Int64, decimals: Int = 6) -> String {
        let digits = String(units.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.utf8.count)) + digits
        let whole = padded.dropLast(decimals)
        var fraction = padded.suffix(decimals)
        while fraction.last == "0" { fraction.removeLast() }
        return (units < 0 ? "-" : "") + whole + (fraction.isEmpty ? "" : "." + fraction)
    }
}
