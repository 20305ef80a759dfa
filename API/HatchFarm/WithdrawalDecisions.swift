internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What the operator does with members' withdrawals (CONTRACT 5). Each of them once: repeated with the same data it
/// answers as before.
enum WithdrawalDecisions {
    static let routes = [
        Route(
            .get, "/admin/withdrawals", "listAllWithdrawals", "Everybody's withdrawals, newest first.",
            query: [Withdrawals.status.parameter], Withdrawals.withdrawals, list),
        Route(
            .post, "/wallet/withdrawals/{withdrawal}/approve", "approveWithdrawal", "A requested one is to be paid.",
            body: .nothing, decided, approve),
        Route(
            .post, "/wallet/withdrawals/{withdrawal}/reject", "rejectWithdrawal",
            "Gives all of it back to its owner.", body: rejection, decided, reject),
        Route(
            .post, "/wallet/withdrawals/{withdrawal}/paid", "confirmWithdrawal", "An approved one was paid outside.",
            body: payment, decided, confirm),
    ].tagged("Wallet")

    private static let decided = Success<Withdrawal>.ok(Withdrawals.withdrawal.under("withdrawal"))
    private static let rejection = Input { required("reason", .text(1...500)) }
    private static let payment = Input { required("txid", .visible(1...128)) }

    static func list(
        _ call: Call, _ caller: OperatorContext, _ page: Page<(Int64, WithdrawalID)>
    ) async throws -> [Withdrawal] {
        try await Withdrawals.list(call, of: nil, page)
    }

    static func approve(_ call: Call, _ caller: OperatorContext, _ nothing: Void) throws -> Effect<Withdrawal> {
        try decide(.approve, call, caller)
    }

    static func reject(_ call: Call, _ caller: OperatorContext, _ reason: String) throws -> Effect<Withdrawal> {
        try decide(.reject(reason: reason), call, caller)
    }

    static func confirm(_ call: Call, _ caller: OperatorContext, _ txid: String) throws -> Effect<Withdrawal> {
        try decide(.pay(txid: txid), call, caller)
    }

    private static func decide(
        _ decision: WithdrawalDecision, _ call: Call, _ caller: OperatorContext
    ) throws -> Effect<Withdrawal> {
        let id = try call.parameter("withdrawal", as: WithdrawalID.self)
        return Effect(for: caller.keyOwner) { try $0.decide(decision, on: id, actor: caller.actor) }
    }
}
