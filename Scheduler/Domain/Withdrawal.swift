/// An owner's money on its way out (CONTRACT 5): set aside when it is asked for, gone once the operator has paid it.
package struct Withdrawal: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case requested, approved, paid, rejected
    }

    package var id: WithdrawalID
    package var owner: OwnerID
    package var asset: Asset
    /// Minor units, 1…10¹².
    package var amount: Int64
    /// Where it goes: 1–128 visible ASCII.
    package var address: String
    package var state: State
    /// Why it was rejected.
    package var reason: String?
    /// The payment outside.
    package var txid: String?
    /// Milliseconds since 1970.
    package var createdAt: Int64
    package var updatedAt: Int64

    package init(
        id: WithdrawalID, owner: OwnerID, asset: Asset, amount: Int64, address: String, state: State = .requested,
        reason: String? = nil, txid: String? = nil, createdAt: Int64, updatedAt: Int64
    ) {
        self.id = id
        self.owner = owner
        self.asset = asset
        self.amount = amount
        self.address = address
        self.state = state
        self.reason = reason
        self.txid = txid
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// What it sets aside for as long as it is open.
    package var hold: Hold {
        Hold(
            id: "withdrawal:\(id)", owner: owner, asset: asset, amount: amount, purpose: .withdrawal,
            reference: id.text)
    }

    /// Over how long an owner's cap counts.
    package static let capMilliseconds: Int64 = 86_400_000
}

/// What the operator does with a withdrawal.
package enum WithdrawalDecision: Sendable {
    case approve
    case reject(reason: String)
    /// It was paid outside, as `txid`.
    case pay(txid: String)

    package var outcome: Withdrawal.State {
        switch self {
        case .approve: .approved
        case .reject: .rejected
        case .pay: .paid
        }
    }

    /// Where a withdrawal must stand for it.
    package var origins: [Withdrawal.State] {
        switch self {
        case .approve: [.requested]
        case .reject: [.requested, .approved]
        case .pay: [.approved]
        }
    }

    package var reason: String? {
        if case .reject(let reason) = self { reason } else { nil }
    }

    package var txid: String? {
        if case .pay(let txid) = self { txid } else { nil }
    }

    /// Whether a withdrawal stands just as this decision leaves one.
    package func isMade(on withdrawal: Withdrawal) -> Bool {
        withdrawal.state == outcome && Self.same(withdrawal.reason, reason) && Self.same(withdrawal.txid, txid)
    }

    /// Byte for byte.
    private static func same(_ left: String?, _ right: String?) -> Bool {
        (left ?? "").utf8.elementsEqual((right ?? "").utf8)
    }
}

extension Withdrawal {
    /// Why a decision can't be made on this one, and what would help.
    package func refusal(of decision: WithdrawalDecision) -> Refusal {
        let stand =
            switch state {
            case .requested: "the withdrawal is requested"
            case .approved: "the withdrawal is approved"
            case .paid: "the withdrawal is paid (\(txid ?? "")); that is final"
            case .rejected: "the withdrawal is rejected (\(reason ?? "")); that is final"
            }
        let remedy = decision.outcome == .paid && state == .requested ? "; approve it first" : ""
        return .wrongState(stand + remedy)
    }
}
