package import Domain
internal import Store

/// Money on its way out.
extension Lab {
    /// No cap that a test would meet.
    package static let noCap: Int64 = 1_000_000_000_000_000

    @discardableResult
    package func withdraw(
        _ amount: Int64, by owner: OwnerID = Lab.alice, to address: String = "0xabc", cap: Int64 = noCap
    ) async throws -> Withdrawal {
        try await database.write { tx in
            try tx.requestWithdrawal(of: amount, .usdt, to: address, by: owner, actor: owner.text, dailyCap: cap)
        }
    }

    @discardableResult
    package func decide(_ decision: WithdrawalDecision, on id: WithdrawalID) async throws -> Withdrawal {
        try await database.write { try $0.decide(decision, on: id, actor: "operator") }
    }

    package func withdrawal(_ id: WithdrawalID) async throws -> Withdrawal? {
        try await database.read { try $0.withdrawal(id) }
    }
}
