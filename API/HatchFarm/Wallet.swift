internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What an owner has, and how it came and went (CONTRACT 5). Amounts are decimal strings.
enum Wallet {
    static let routes = [
        Route(
            .get, "/wallet/balance", "showBalance", "What you may spend, and what is held for jobs and withdrawals.",
            .ok(balances), showBalance),
        Route(
            .get, "/wallet/transactions", "listTransactions", "Your transactions, newest first.",
            query: [asset.parameter], transactions, listTransactions),
        Route(
            .post, "/wallet/deposits", "makeDeposit",
            "Books money that came in. The same reference with the same data again changes nothing.",
            body: newDeposit, .created(deposit.under("deposit")), makeDeposit),
    ].tagged("Wallet")

    private static let asset = QueryParameter<Asset>.choice("asset", "Only those in it.")
    private static let reference = Format<String>.visible(1...128)

    private static let balances = Shape<(owner: OwnerID, balances: [Balance])> {
        field("owner_id", .owner) { $0.owner }
        field("balances", .array(balance, 2...2)) { $0.balances }
    }

    private static let balance = Shape<Balance>("Balance") {
        field("asset", .choice) { $0.asset }
        field("available", .amount) { Amount($0.available, of: $0.asset) }
        field("held", .amount) { Amount($0.held, of: $0.asset) }
    }

    private static let transaction = Shape<LedgerLine>("LedgerTransaction") {
        field("id", .string) { $0.id }
        field("asset", .choice) { $0.asset }
        field("amount", .amount, "Negative when it was taken.") { Amount($0.amount, of: $0.asset) }
        field("balance_after", .amount, "What was available then.") { Amount($0.balanceAfter, of: $0.asset) }
        field("reason", Shape<String>(.choice(Transfer.Reason.self)) { $1.string($0) }) { $0.reason }
        field("reference", .nullable(.string), "The job, the withdrawal or the payment.") { $0.reference }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let transactions = PagedList("transactions", of: transaction, by: TransactionCursor.cursor) {
        [$0.asset: $0.line]
    }

    private typealias NewDeposit = (OwnerID, Asset, Int64, String)

    private static let newDeposit = Input {
        required("owner_id", .owner)
        required("asset", .cash)
        required("amount", .amount(of: .usdt, minimum: 1))
        required("reference", reference, "The payment's own name, unique.")
    }

    private typealias Deposit = (line: LedgerLine, owner: OwnerID, reference: String)

    private static let deposit = Shape<Deposit>("Deposit") {
        field("id", .string) { $0.line.id }
        field("owner_id", .owner) { $0.owner }
        field("asset", .choice) { $0.line.asset }
        field("amount", .amount) { Amount($0.line.amount, of: $0.line.asset) }
        field("reference", reference) { $0.reference }
        field("balance_after", .amount) { Amount($0.line.balanceAfter, of: $0.line.asset) }
        field("created_at", .instant) { $0.line.createdAt }
    }

    private static func showBalance(
        _ call: Call, _ member: MemberContext
    ) async throws -> (owner: OwnerID, balances: [Balance]) {
        (member.owner, try await call.database.read { try $0.balances(of: member.owner) })
    }

    private static func listTransactions(
        _ call: Call, _ member: MemberContext, _ page: Page<[Asset: Int64]>
    ) async throws -> CutPage<LedgerLine> {
        let assets = try call.query[asset].map { [$0] } ?? Asset.allCases
        if let after = page.after, !Set(assets).isSubset(of: after.keys) { throw FieldError.foreignCursor }
        let found = try await call.database.read { tx in
            try tx.transactions(of: member.owner, assets, before: page.after ?? [:], limit: page.limit)
        }
        return transactions.page(found.lines, next: found.next)
    }

    private static func makeDeposit(
        _ call: Call, _ caller: OperatorContext, _ body: NewDeposit
    ) -> Effect<Deposit> {
        let (owner, asset, amount, reference) = body
        return Effect(for: caller.keyOwner) { tx in
            let line = try tx.deposit(
                to: owner, asset: asset, amount: amount, reference: reference, actor: caller.actor)
            return (line, owner, reference)
        }
    }
}

/// Where a list of transactions stands in each asset: `USDT:12,POINTS:3`.
private enum TransactionCursor {
    static let cursor = Cursor<[Asset: Int64]> { places in
        Asset.allCases.compactMap { asset in places[asset].map { "\(asset.rawValue):\($0)" } }.joined(separator: ",")
    } place: { text in
        var places: [Asset: Int64] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", omittingEmptySubsequences: false)
            guard halves.count == 2, let asset = Asset(rawValue: String(halves[0])), places[asset] == nil,
                let line = Int64(halves[1]), line > 0
            else { return nil }
            places[asset] = line
        }
        return places
    }
}
