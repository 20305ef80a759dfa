package import Domain

extension Transaction {
    /// Money that came in from outside. The same `reference` again gives the first one's line and moves nothing.
    /// - Parameter amount: minor units, 1…10¹².
    /// - Throws: `Refusal.wrongState` when the reference came with another owner or amount before.
    package func deposit(
        to owner: OwnerID, asset: Asset, amount: Int64, reference: String, actor: String
    ) throws -> LedgerLine {
        let account = Account(owner, asset, .available)
        let transfer = Transfer(
            id: "deposit:\(asset.rawValue):\(reference)", from: .external(asset), to: account, amount: amount,
            reason: .deposit, reference: reference)
        // With the accounts locked, nobody else posts the same deposit.
        var book = try lock([.external(asset), account])
        if let (credited, line) = try creditLine(transfer.id) {
            guard credited == account.id, line.amount == amount else {
                throw Refusal.wrongState("this reference came with another owner or amount before")
            }
            return line
        }
        try book.post(transfer)
        try write(book)
        try record(
            Event(
                owner: owner, type: .depositMade, actor: actor, object: transfer.id,
                metadata: Event.money(amount, asset, reference: reference)))
        guard let (_, line) = try creditLine(transfer.id) else {
            throw InternalError("\(transfer.id) was written and is not there")
        }
        return line
    }

    /// Mints what a member gets for registering (CONTRACT 7).
    func mintBonus(for member: MemberID) throws {
        let account = Account(OwnerID(member.text), .points, .available)
        var book = try lock([.external(.points), account])
        try book.post(
            Transfer(
                id: "bonus:\(member.text)", from: .external(.points), to: account, amount: Money.registrationBonus,
                reason: .registrationBonus))
        try write(book)
    }

    /// Sets money aside. Throws `Refusal.insufficientFunds`, or `.conflict` when the id is taken.
    package func hold(_ hold: Hold) throws {
        var book = try lock([hold.available, hold.held])
        try book.post(hold.setAside)
        try write(book)
        try insertHolds([hold])
    }

    /// Pays `amount` out of a pending hold to `account`, gives the rest back, and ends it. False when it wasn't
    /// pending.
    package func postHold(
        _ id: String, amount: Int64, to account: Account, reason: Transfer.Reason
    ) throws -> Bool {
        guard let pending = try lockHold(id) else { return false }
        let hold = pending.hold
        var book = try lock([hold.available, hold.held, account])
        try book.mustPost(
            Transfer(
                id: "\(id)/post", from: hold.held, to: account, amount: amount, reason: reason,
                reference: hold.reference))
        let rest = pending.left - amount
        if rest > 0 { try book.mustPost(hold.refund(rest)) }
        try write(book)
        try change([HoldChange(id: id, posted: amount, isOver: true)])
        return true
    }

    /// Gives all that is left of a pending hold back, and ends it. False when it wasn't pending.
    package func voidHold(_ id: String) throws -> Bool {
        guard let pending = try lockHold(id) else { return false }
        try giveBack([pending])
        try change([HoldChange(id: id, posted: 0, isOver: true)])
        return true
    }

    /// Gives back what holds whose time is over still hold. Returns how many there were.
    package func expireHolds(_ picking: Picking) throws -> Int {
        let pending = try lockExpiredHolds(picking)
        picking.note(pending.map(\.hold.id))
        guard !pending.isEmpty else { return 0 }
        try giveBack(pending)
        try markExpired(pending.map(\.hold.id))
        return pending.count
    }

    private func giveBack(_ pending: [PendingHold]) throws {
        var book = try lock(Set(pending.flatMap { [$0.hold.available, $0.hold.held] }))
        for pending in pending where pending.left > 0 { try book.mustPost(pending.hold.refund(pending.left)) }
        try write(book)
    }
}
