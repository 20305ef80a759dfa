internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Owners take their money out: held at once, paid by the operator (CONTRACT 5).
enum Withdrawals {
    static let routes = [
        Route(
            .post, "/wallet/withdraw", "requestWithdrawal",
            "Holds an amount until the operator has paid or rejected it.",
            headers: [.requiredIdempotencyKey], body: newWithdrawal,
            .created(withdrawal.under("withdrawal")) { "/wallet/withdrawals/\($0.id)" }, request),
        Route(
            .get, "/wallet/withdrawals", "listWithdrawals", "Your withdrawals, newest first.",
            query: [status.parameter], withdrawals, list),
        Route(
            .get, "/wallet/withdrawals/{withdrawal}", "showWithdrawal", "One of your withdrawals.",
            .ok(withdrawal.under("withdrawal")), show),
    ].tagged("Wallet")

    private static let address = Format<String>.visible(1...128)

    private static let newWithdrawal = Input {
        required("amount", .amount(of: .usdt, minimum: 1))
        required("address", address)
        required("asset", .cash)
    }

    static let withdrawal = Shape<Withdrawal>("Withdrawal") {
        field("id", .id("wdr")) { $0.id }
        field("owner_id", .owner) { $0.owner }
        field("asset", .choice) { $0.asset }
        field("amount", .amount) { Amount($0.amount, of: $0.asset) }
        field("address", address) { $0.address }
        field("status", .choice) { $0.state }
        field("reason", .nullable(.text(1...500)), "Why it was rejected.") { $0.reason }
        field("txid", .nullable(.visible(1...128)), "The payment outside.") { $0.txid }
        field("created_at", .instant) { $0.createdAt }
        field("updated_at", .instant) { $0.updatedAt }
    }

    static let status = QueryParameter<Withdrawal.State>.choice("status", "Only those with this status.")

    static let withdrawals = PagedList<Withdrawal, (Int64, WithdrawalID)>(
        "withdrawals", of: withdrawal, by: .pair(.integer, .id())
    ) { ($0.createdAt, $0.id) }

    private static func request(
        _ call: Call, _ member: MemberContext, _ body: (Int64, String, Asset)
    ) throws -> Effect<Withdrawal> {
        guard call.header(.idempotencyKey) != nil else {
            throw Problem(
                .badRequest, "missing_idempotency_key",
                "send an Idempotency-Key with each withdrawal, and the same one when you repeat the call: it makes "
                    + "sure that money goes out only once", field: "Idempotency-Key")
        }
        let (amount, address, asset) = body
        let cap = call.dependencies.configuration.withdrawDailyCap
        return Effect(for: member.owner) { tx in
            try tx.requestWithdrawal(
                of: amount, asset, to: address, by: member.owner, actor: member.actor, dailyCap: cap)
        }
    }

    static func list(
        _ call: Call, _ member: MemberContext, _ page: Page<(Int64, WithdrawalID)>
    ) async throws -> [Withdrawal] {
        try await list(call, of: member.owner, page)
    }

    /// A page of an owner's withdrawals, or of everybody's.
    static func list(
        _ call: Call, of owner: OwnerID?, _ page: Page<(Int64, WithdrawalID)>
    ) async throws -> [Withdrawal] {
        let after = page.after.map { (createdAt: $0.0, id: $0.1) }
        let wanted = WithdrawalPage(
            owner: owner, state: try call.query[status], after: after, limit: page.wanted)
        return try await call.database.read { try $0.withdrawals(wanted) }
    }

    static func show(_ call: Call, _ member: MemberContext) async throws -> Withdrawal {
        let id = try call.parameter("withdrawal", as: WithdrawalID.self)
        let found = try await call.database.read { try $0.withdrawal(id) }
        guard let found, found.owner == member.owner else { throw Refusal.notFound("withdrawal") }
        return found
    }
}

extension Format where Value == Asset {
    /// What can come in and go out: points are given for registering alone (CONTRACT 7).
    static var cash: Format {
        Format(.choice(Asset.usdt.rawValue)) {
            $1.string($0.rawValue)
        } read: { json throws(FieldError) in
            guard let text = json.string else { throw .wrongType("a string") }
            if text.isExactly(Asset.points.rawValue) {
                throw .invalid("must be USDT: points can't be deposited or withdrawn")
            }
            guard text.isExactly(Asset.usdt.rawValue) else { throw .invalid("must be USDT") }
            return .usdt
        }
    }
}

extension Route.Parameter {
    fileprivate static let requiredIdempotencyKey = Route.Parameter(
        "Idempotency-Key", .string(1...255), "Makes a repeated call answer as the first did.", isRequired: true)
}

extension OperatorContext {
    /// Whose idempotency keys an operator's are: its own, so that no owner's and no other operator's meet them.
    var keyOwner: OwnerID { OwnerID("/operator/" + actor) }
}
