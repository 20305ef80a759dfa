internal import Bytes
internal import Domain

/// What an accepted result, or its end, does to a job's money.
struct Settlement {
    /// With what was still held before.
    var job: LiveJob
    /// What the result earns, in minor units.
    var pay: Int64 = 0
    /// Whether the rest goes back to its owner.
    var isOver: Bool
}

extension LiveJob {
    /// What is held for it. A job that is tried again after its end gets a hold of its own.
    var hold: Hold {
        Hold(
            id: "job:\(id.text)/\(holdNumber)", owner: owner, asset: .usdt, amount: held, purpose: .job,
            reference: id.text)
    }

    /// What a result that is accepted at this instant earns.
    func earned(at now: Int64) -> Int64 {
        guard held > 0, let claimedAt, let hourlyPrice else { return 0 }
        return JobPay.earned(from: claimedAt, to: now, hourlyPrice: hourlyPrice, held: held)
    }
}

extension AcceptedJob {
    /// What is to be held for it (CONTRACT 5); nil when it offers no money, or never lives.
    var hold: Hold? {
        guard let price = job.maxPrice, price > 0, state != .cancelled else { return nil }
        return Hold(
            id: "job:\(id.text)/0", owner: job.owner, asset: .usdt, amount: price, purpose: .job, reference: id.text)
    }
}

extension Transaction {
    /// Pays providers and refunds owners, in the commit that ends the attempts: each job's money moves once, because
    /// its live row was taken or changed under the same guard. The accounts are locked after all live rows.
    /// - Parameter fees: paid as far as their payer has the money.
    func settle(_ settlements: [Settlement], fees: [Transfer] = []) throws {
        let moving = settlements.filter { $0.job.held > 0 && ($0.pay > 0 || $0.isOver) }
        guard !moving.isEmpty || !fees.isEmpty else { return }
        let providers = try owners(ofMachines: Set(moving.filter { $0.pay > 0 }.compactMap(\.job.worker)))
        var accounts = Set(fees.flatMap { [$0.debit, $0.credit] })
        for settlement in moving {
            accounts.formUnion([settlement.job.hold.held, settlement.job.hold.available])
        }
        for provider in providers.values { accounts.insert(Account(provider, .usdt, .available)) }
        var book = try lock(accounts)
        var paid: [Event.Payment] = []
        for settlement in moving {
            let job = settlement.job
            let hold = job.hold
            if settlement.pay > 0 {
                guard let worker = job.worker, let provider = providers[worker] else {
                    throw InternalError("\(job.id) has no provider to pay")
                }
                try book.mustPost(
                    Transfer(
                        id: "\(hold.id)/pay/\(job.fence)", from: hold.held,
                        to: Account(provider, .usdt, .available), amount: settlement.pay, reason: .jobPayment,
                        reference: job.id.text))
                paid.append(.init(provider: provider, worker: worker, job: job.id, amount: settlement.pay))
            }
            let rest = job.held - settlement.pay
            if settlement.isOver, rest > 0 { try book.mustPost(hold.refund(rest)) }
        }
        for fee in fees {
            do { try book.post(fee) } catch Refusal.insufficientFunds { continue }
        }
        try write(book)
        try change(
            moving.map { HoldChange(id: $0.job.hold.id, posted: $0.pay, isOver: $0.isOver || $0.pay == $0.job.held) })
        try record(Event.payments(paid))
    }
}

extension Event {
    /// The metadata of an event about money.
    static func money(_ amount: Int64, _ asset: Asset, reference: String) -> String {
        var metadata = JSONWriter(capacity: 96)
        metadata.beginObject()
        metadata.field("amount", Money.decimal(amount, decimals: asset.decimals))
        metadata.field("asset", asset.rawValue)
        metadata.field("reference", reference)
        metadata.endObject()
        return String(decoding: metadata.bytes, as: UTF8.self)
    }
}
