/// What can be owned (CONTRACT 5).
package enum Asset: String, Sendable, Hashable, CaseIterable {
    case usdt = "USDT"
    case points = "POINTS"

    /// Places behind the point of its decimals; a minor unit is one of the last.
    package var decimals: Int {
        switch self {
        case .usdt: 6
        case .points: 0
        }
    }
}

/// One of an owner's accounts in one asset.
package struct Account: Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// What its owner may spend.
        case available
        /// Set aside for holds.
        case held
        /// The world outside: what came in or was minted, less what went out, as a negative balance.
        case external
    }

    package let owner: OwnerID
    package let asset: Asset
    package let kind: Kind

    package init(_ owner: OwnerID, _ asset: Asset, _ kind: Kind) {
        self.owner = owner
        self.asset = asset
        self.kind = kind
    }

    package static func external(_ asset: Asset) -> Account { Account(OwnerID("system"), asset, .external) }

    /// No owner's id has a slash.
    package var id: String { "\(owner.text)/\(asset.rawValue)/\(kind.rawValue)" }
}

/// Moves an amount from one account to another: so every transfer sums to zero by its shape. Immutable once posted.
package struct Transfer: Sendable {
    /// Chosen by the caller and unique: a transfer that is tried twice is posted once.
    package var id: String
    package var debit: Account
    package var credit: Account
    /// Minor units, 1…10¹².
    package var amount: Int64
    package var reason: Reason
    /// What it is for: a job, a withdrawal, a payment's own reference.
    package var reference: String?

    /// As its owner reads it in the list of transactions.
    package enum Reason: String, Sendable, CaseIterable {
        case deposit
        case jobHold = "job_hold"
        case jobPayment = "job_payment"
        case jobRefund = "job_refund"
        case withdrawalHold = "withdrawal_hold"
        case withdrawalRefund = "withdrawal_refund"
        case withdrawal
        case registrationBonus = "registration_bonus"
        /// The five of bee:hack's seed for bounties (CONTRACT 7).
        case escrowHold = "escrow_hold"
        case escrowRelease = "escrow_release"
        case bountyPayout = "bounty_payout"
        case escrowForfeit = "escrow_forfeit"
        case refund
        case auditFee = "audit_fee"
    }

    package init(
        id: String, from debit: Account, to credit: Account, amount: Int64, reason: Reason, reference: String? = nil
    ) {
        self.id = id
        self.debit = debit
        self.credit = credit
        self.amount = amount
        self.reason = reason
        self.reference = reference
    }
}

/// A transfer in the books, with where it left both accounts.
package struct Posting: Sendable {
    package var transfer: Transfer
    package var debitAfter: Int64
    package var creditAfter: Int64
    /// Its place among the debit account's transfers, from 1, without a gap; and among the credit account's.
    package var debitLine: Int64
    package var creditLine: Int64
}

/// What an owner has of an asset, in minor units.
package struct Balance: Sendable, Equatable {
    package var asset: Asset
    package var available: Int64
    package var held: Int64

    package init(asset: Asset, available: Int64, held: Int64) {
        self.asset = asset
        self.available = available
        self.held = held
    }
}

/// A transfer as the owner of one of its accounts sees it.
package struct LedgerLine: Sendable, Equatable {
    /// The transfer's.
    package var id: String
    package var asset: Asset
    /// Minor units; negative when it was taken.
    package var amount: Int64
    /// Of the account, in minor units.
    package var balanceAfter: Int64
    /// Its place among the account's transfers, from 1.
    package var line: Int64
    package var reason: String
    package var reference: String?
    /// Milliseconds since 1970.
    package var createdAt: Int64

    package init(
        id: String, asset: Asset, amount: Int64, balanceAfter: Int64, line: Int64, reason: String,
        reference: String?, createdAt: Int64
    ) {
        self.id = id
        self.asset = asset
        self.amount = amount
        self.balanceAfter = balanceAfter
        self.line = line
        self.reason = reason
        self.reference = reference
        self.createdAt = createdAt
    }
}

/// Money set aside: pending until it is posted, voided or expired.
package struct Hold: Sendable {
    package enum Purpose: String, Sendable { case job, withdrawal }

    /// Chosen by the caller and unique.
    package var id: String
    package var owner: OwnerID
    package var asset: Asset
    /// Minor units.
    package var amount: Int64
    package var purpose: Purpose
    /// The job's or the withdrawal's id.
    package var reference: String
    /// Milliseconds since 1970 after which it may be expired; nil for never.
    package var expiresAt: Int64?

    package init(
        id: String, owner: OwnerID, asset: Asset, amount: Int64, purpose: Purpose, reference: String,
        expiresAt: Int64? = nil
    ) {
        self.id = id
        self.owner = owner
        self.asset = asset
        self.amount = amount
        self.purpose = purpose
        self.reference = reference
        self.expiresAt = expiresAt
    }

    package var available: Account { Account(owner, asset, .available) }
    package var held: Account { Account(owner, asset, .held) }

    /// The transfer that sets it aside.
    package var setAside: Transfer {
        let reason: Transfer.Reason = purpose == .job ? .jobHold : .withdrawalHold
        return Transfer(
            id: "\(id)/hold", from: available, to: held, amount: amount, reason: reason, reference: reference)
    }

    /// The transfer that gives `amount` of it back.
    package func refund(_ amount: Int64) -> Transfer {
        let reason: Transfer.Reason = purpose == .job ? .jobRefund : .withdrawalRefund
        return Transfer(
            id: "\(id)/refund", from: held, to: available, amount: amount, reason: reason, reference: reference)
    }
}
