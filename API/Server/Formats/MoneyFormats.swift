package import Bytes
package import Domain

extension Shape where Value == Int64 {
    /// Minor units as a decimal.
    package static func decimal(_ decimals: Int = Asset.usdt.decimals) -> Shape {
        Shape(.string(pattern: "^-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,6})?$").example("12.5")) { units, writer in
            writer.string(Money.decimal(units, decimals: decimals))
        }
    }
}

/// An amount of an asset, in minor units.
package struct Amount: Sendable, Hashable {
    package let units: Int64
    package let asset: Asset

    package init(_ units: Int64, of asset: Asset) {
        self.units = units
        self.asset = asset
    }
}

extension Shape where Value == Amount {
    /// A decimal of at most the asset's places.
    package static var amount: Shape {
        Shape(.string(pattern: "^-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,6})?$").example("12.5")) { amount, writer in
            writer.string(Money.decimal(amount.units, decimals: amount.asset.decimals))
        }
    }
}

extension Input where Value == Int64 {
    /// A decimal as a string or a number, in minor units.
    /// - Parameter minimum: 0 or 1 minor unit.
    package static func amount(of asset: Asset, minimum: Int64) -> Input {
        let places = asset.decimals
        let max = Money.decimal(Money.maxMinorUnits, decimals: places)
        let fraction = places > 0 ? "(\\.[0-9]{1,\(places)})?" : ""
        return Input(.either([.number, .string(pattern: "^[0-9]{1,13}\(fraction)$")]).example("12")) {
            json throws(FieldError) in
            let text: String
            switch json {
            case .number(let decimal), .string(let decimal): text = decimal
            default: throw .wrongType("a decimal, as a string or a number")
            }
            guard !text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) || Double(text) == nil else {
                throw .invalid(
                    "must be written without an exponent; a string is never written with one, as \"0.00001\"")
            }
            guard let units = Money.minorUnits(text, decimals: places), units >= minimum else {
                throw .invalid(
                    "must be a decimal \(minimum > 0 ? "greater than 0, " : "")of at most \(max) with at most "
                        + "\(places) places")
            }
            return units
        }
    }
}
