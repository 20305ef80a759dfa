package import Domain

extension Transaction {
    /// Moves a withdrawal on, and its money with it: rejected, all of it goes back; paid, it is gone. The same decision
    /// again gives the withdrawal and moves nothing.
    /// - Throws: `Refusal.notFound`; `.wrongState` where the withdrawal stands elsewhere.
    package func decide(_ decision: WithdrawalDecision, on id: WithdrawalID, actor: String) throws -> Withdrawal {
        guard let withdrawal = try make(decision, on: id) else {
            guard let standing = try self.withdrawal(id) else { throw Refusal.notFound("withdrawal") }
            guard decision.isMade(on: standing) else { throw standing.refusal(of: decision) }
            return standing
        }
        let hold = withdrawal.hold
        let isMoved =
            switch decision {
            case .approve: true
            case .reject: try voidHold(hold.id)
            case .pay:
                try postHold(
                    hold.id, amount: withdrawal.amount, to: .external(withdrawal.asset), reason: .withdrawal)
            }
        guard isMoved else { throw InternalError("\(id) has no pending hold") }
        try record(withdrawal.event(decision.event, actor: actor))
        return withdrawal
    }
}

extension WithdrawalDecision {
    fileprivate var event: EventType {
        switch self {
        case .approve: .withdrawalApproved
        case .reject: .withdrawalRejected
        case .pay: .withdrawalPaid
        }
    }
}
