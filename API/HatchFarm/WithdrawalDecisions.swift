internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What the operator does with members' withdrawals (CONTRACT 5). Each of them once: repeated with the same data it
/// answers as before.
enum WithdrawalDecisions {
    static let routes: [Route] = [
        .get(
            "/admin/withdrawals", "listAllWithdrawals", "Everybody's withdrawals, newest first.", tag: "Wallet",
            query: [Withdrawals.status] + Route.Parameter.page,
            answers: [.ok(.list("withdrawals", Withdrawals.schema))], list),
        .post(
            "/wallet/withdrawals/{withdrawal}/approve", "approveWithdrawal", "A requested one is to be paid.",
            tag: "Wallet", headers: [.idempotencyKey], answers: [.ok(Withdrawals.one)], approve),
        .post(
            "/wallet/withdrawals/{withdrawal}/reject", "rejectWithdrawal", "Gives all of it back to its owner.",
            tag: "Wallet", headers: [.idempotencyKey], body: .object(.required("reason", .string(1...500))),
            answers: [.ok(Withdrawals.one)], reject),
        .post(
            "/wallet/withdrawals/{withdrawal}/paid", "confirmWithdrawal", "An approved one was paid outside.",
            tag: "Wallet", headers: [.idempotencyKey], body: .object(.required("txid", .visible)),
            answers: [.ok(Withdrawals.one)], confirm),
    ]

    static func list(_ call: Call, _ caller: OperatorContext) async throws -> Reply {
        try await Withdrawals.list(call, of: nil)
    }

    static func approve(_ call: Call, _ caller: OperatorContext) async throws -> Reply {
        let body = try await call.body()
        try body.expectNothing()
        return try await decide(.approve, body, call, caller)
    }

    static func reject(_ call: Call, _ caller: OperatorContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let reason = try fields.text("reason", 1...500)
        try fields.end()
        return try await decide(.reject(reason: reason), body, call, caller)
    }

    static func confirm(_ call: Call, _ caller: OperatorContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let txid = try fields.visible("txid")
        try fields.end()
        return try await decide(.pay(txid: txid), body, call, caller)
    }

    private static func decide(
        _ decision: WithdrawalDecision, _ body: Body, _ call: Call, _ caller: OperatorContext
    ) async throws -> Reply {
        let id = call.parameter("withdrawal", as: WithdrawalID.self)
        let answer = try await call.once(for: caller.keyOwner, body) { tx in
            let withdrawal = try tx.decide(decision, on: id, actor: caller.actor)
            return .data(.ok) { writer in writer.object("withdrawal") { Withdrawals.write(withdrawal, to: &$0) } }
        }
        return Reply(answer)
    }
}
