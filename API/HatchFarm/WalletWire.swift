internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

// The words that balances, transactions, deposits and withdrawals share.

extension Schema {
    static let asset = Schema.choice(Asset.self)
    /// What can come in and go out; points are given for registering alone (CONTRACT 7).
    static let cash = Schema.choice(Asset.usdt.rawValue)
    /// As we write it: at most six places, exact.
    static let amount = Schema.string(pattern: "^(0|[1-9][0-9]{0,18})(\\.[0-9]{1,6})?$")
    static let signedAmount = Schema.string(pattern: "^-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,6})?$")
    /// As we read it.
    static let givenAmount = Schema.either([.number, .string(pattern: "^[0-9]{1,13}(\\.[0-9]{1,6})?$")])
    static let visible = Schema.string(1...128, pattern: "^[!-~]+$")
}

extension Fields {
    /// An asset that comes from and goes to the outside.
    mutating func cash(_ key: String) throws(FieldError) -> Asset {
        let word = try string(key)
        if word.isExactly(Asset.points.rawValue) {
            throw error(key, .invalid("must be USDT: points are neither deposited nor withdrawn"))
        }
        guard word.isExactly(Asset.usdt.rawValue) else { throw error(key, .invalid("must be USDT")) }
        return .usdt
    }

    /// Minor units of a decimal, given as a string or a number.
    mutating func amount(_ key: String, of asset: Asset) throws(FieldError) -> Int64 {
        let text: String
        switch try raw(key) {
        case .number(let decimal), .string(let decimal): text = decimal
        case .null: throw error(key, .missing)
        default: throw error(key, .wrongType(expected: "a decimal, as a string or a number"))
        }
        guard let amount = Money.minorUnits(text, decimals: asset.decimals), amount > 0 else {
            let most = Money.decimal(Money.maxMinorUnits, decimals: asset.decimals)
            throw error(
                key,
                .invalid("must be a decimal of more than 0, at most \(most), with at most \(asset.decimals) places"))
        }
        return amount
    }

    /// 1–128 characters of visible ASCII.
    mutating func visible(_ key: String) throws(FieldError) -> String {
        let text = try string(key)
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw error(key, .invalid("must be 1 to 128 visible ASCII characters"))
        }
        return text
    }
}

extension JSONWriter {
    mutating func field(_ name: String, _ amount: Int64, of asset: Asset) {
        field(name, Money.decimal(amount, decimals: asset.decimals))
    }
}

extension StoredAnswer {
    /// HatchFarm's envelope. `path` is below the canonical base.
    static func data(_ status: HTTPResponse.Status, at path: String? = nil, _ data: (inout JSONWriter) -> Void) -> Self
    {
        var writer = JSONWriter()
        writer.success(data)
        return StoredAnswer(
            status: status.code, location: path.map { "/api/v1" + $0 },
            body: String(decoding: writer.bytes, as: UTF8.self))
    }
}

extension OperatorContext {
    /// Whose idempotency keys an operator's are: its own, so that no owner's and no other operator's meet them.
    var keyOwner: OwnerID { OwnerID("/operator/" + actor) }
}
