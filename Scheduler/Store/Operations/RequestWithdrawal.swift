internal import Bytes
package import Domain

extension Transaction {
    /// Sets an owner's money aside until the operator has paid or rejected it.
    /// - Parameters:
    ///   - amount: minor units, 1…10¹².
    ///   - dailyCap: minor units that an owner may withdraw in 24 hours, what was rejected not counted.
    /// - Throws: `Refusal.insufficientFunds`; `.invalid` for more than the cap; `.quota` for more than is left of it.
    package func requestWithdrawal(
        of amount: Int64, _ asset: Asset, to address: String, by owner: OwnerID, actor: String, dailyCap: Int64
    ) throws -> Withdrawal {
        func decimal(_ units: Int64) -> String { Money.decimal(units, decimals: asset.decimals) }
        guard amount <= dailyCap else {
            throw Refusal.invalid(
                field: "amount", message: "amount must be at most \(decimal(dailyCap)), the most of a day")
        }
        let withdrawal = Withdrawal(
            id: .random(prefix: "wdr_", using: &random), owner: owner, asset: asset, amount: amount, address: address,
            createdAt: now, updatedAt: now)
        // It locks the owner's account: until the commit nobody else counts against the same cap.
        try hold(withdrawal.hold)
        guard try insertWithdrawal(withdrawal, cap: dailyCap) else {
            let left = max(0, dailyCap - (try countedWithdrawals(of: owner, asset)))
            let room = try roomForWithdrawal(of: amount - left, by: owner, asset) ?? now
            throw Refusal.quota(
                "\(asset.rawValue) withdrawn in 24 hours: \(decimal(left)) of \(decimal(dailyCap)) are left",
                retryAfterSeconds: max(1, (room - now + 999) / 1_000))
        }
        try record(withdrawal.event(.withdrawalRequested, actor: actor))
        return withdrawal
    }
}

extension Withdrawal {
    /// The fact with its money; the address is where an auditor looks first.
    func event(_ type: EventType, actor: String) -> Event {
        var metadata = JSONWriter(capacity: 128)
        metadata.beginObject()
        metadata.field("amount", Money.decimal(amount, decimals: asset.decimals))
        metadata.field("asset", asset.rawValue)
        metadata.field("address", address)
        if let reason { metadata.field("reason", reason) }
        if let txid { metadata.field("txid", txid) }
        metadata.endObject()
        return Event(
            owner: owner, type: type, actor: actor, object: id.text,
            metadata: String(decoding: metadata.bytes, as: UTF8.self))
    }
}
