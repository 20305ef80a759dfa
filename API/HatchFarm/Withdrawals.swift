internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Owners take their money out: held at once, paid by the operator (CONTRACT 5).
enum Withdrawals {
    static let routes: [Route] = [
        .post(
            "/wallet/withdraw", "requestWithdrawal", "Holds an amount until the operator has paid or rejected it.",
            tag: "Wallet",
            headers: [
                .init(
                    "Idempotency-Key", .string(1...255), "Makes a repeated call answer as the first did.",
                    isRequired: true)
            ],
            body: .object(
                .required("amount", .givenAmount), .required("address", .visible), .required("asset", .cash)),
            answers: [.created(one)], request),
        .get(
            "/wallet/withdrawals", "listWithdrawals", "Your withdrawals, newest first.", tag: "Wallet",
            query: [status] + Route.Parameter.page, answers: [.ok(.list("withdrawals", schema))], list),
        .get(
            "/wallet/withdrawals/{withdrawal}", "showWithdrawal", "One of your withdrawals.", tag: "Wallet",
            answers: [.ok(one)], show),
    ]

    static let schema = Schema.named(
        "Withdrawal",
        .object(
            .required("id", .identifier("wdr")), .required("owner_id", .owner), .required("asset", .cash),
            .required("amount", .amount), .required("address", .visible),
            .required("status", .choice(Withdrawal.State.self)),
            .required("reason", .nullable(.string(1...500)), "Why it was rejected."),
            .required("txid", .nullable(.visible), "The payment outside."), .required("created_at", .instant),
            .required("updated_at", .instant)))

    static let one = Schema.data(.object(.required("withdrawal", schema)))
    static let status = Route.Parameter("status", .choice(Withdrawal.State.self), "Only those that stand there.")

    static func request(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let body = try await call.body()
        guard call.header(.idempotencyKey) != nil else {
            throw Problem(
                .badRequest, "missing_idempotency_key",
                "send an Idempotency-Key of your own with each withdrawal, the same when you repeat the call: money "
                    + "that went out twice doesn't come back", field: "Idempotency-Key")
        }
        var fields = try body.fields()
        let asset = try fields.cash("asset")
        let amount = try fields.amount("amount", of: asset)
        let address = try fields.visible("address")
        try fields.end()
        let cap = call.dependencies.configuration.withdrawDailyCap
        let answer = try await call.once(for: member.owner, body) { tx in
            let withdrawal = try tx.requestWithdrawal(
                of: amount, asset, to: address, by: member.owner, actor: member.actor, dailyCap: cap)
            return .data(.created, at: "/wallet/withdrawals/\(withdrawal.id)") { writer in
                writer.object("withdrawal") { write(withdrawal, to: &$0) }
            }
        }
        return Reply(answer)
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        try await list(call, of: member.owner)
    }

    /// A page of an owner's withdrawals, or of everybody's.
    static func list(_ call: Call, of owner: OwnerID?) async throws -> Reply {
        let page = try call.page()
        let state = try call.query.choice("status", Withdrawal.State.self)
        let after = try page.after.map { cursor throws(FieldError) in
            guard let place = place(in: cursor) else {
                throw FieldError("cursor", .invalid("is not one that this list gave"))
            }
            return place
        }
        let wanted = WithdrawalPage(owner: owner, state: state, after: after, limit: page.limit + 1)
        let withdrawals = try await call.dependencies.database.read { try $0.withdrawals(wanted) }
        return .list(
            "withdrawals", withdrawals, limit: page.limit, cursor: { "\($0.createdAt):\($0.id)" },
            write: { write($0, to: &$1) })
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("withdrawal", as: WithdrawalID.self)
        let found = try await call.dependencies.database.read { try $0.withdrawal(id) }
        guard let found, found.owner == member.owner else { throw Refusal.notFound("withdrawal") }
        return .data { writer in writer.object("withdrawal") { write(found, to: &$0) } }
    }

    /// `1760000000000:wdr_0123456789abcdef`
    private static func place(in cursor: String) -> (createdAt: Int64, id: WithdrawalID)? {
        let halves = cursor.split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2, let createdAt = Int64(halves[0]) else { return nil }
        return (createdAt, WithdrawalID(String(halves[1])))
    }

    static func write(_ withdrawal: Withdrawal, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", withdrawal.id.text)
        writer.field("owner_id", withdrawal.owner.text)
        writer.field("asset", withdrawal.asset.rawValue)
        writer.field("amount", withdrawal.amount, of: withdrawal.asset)
        writer.field("address", withdrawal.address)
        writer.field("status", withdrawal.state.rawValue)
        writer.field("reason", withdrawal.reason)
        writer.field("txid", withdrawal.txid)
        writer.field("created_at", instant: withdrawal.createdAt)
        writer.field("updated_at", instant: withdrawal.updatedAt)
        writer.endObject()
    }
}
