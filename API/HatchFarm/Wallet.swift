internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What an owner has, and how it came and went (CONTRACT 5). Amounts are decimal strings.
enum Wallet {
    static let routes: [Route] = [
        .get(
            "/wallet/balance", "showBalance", "What you may spend, and what is held for jobs and withdrawals.",
            tag: "Wallet",
            answers: [
                .ok(.data(.object(.required("owner_id", .owner), .required("balances", .array(balance, 2...2)))))
            ], showBalance),
        .get(
            "/wallet/transactions", "listTransactions", "Your transactions, newest first.", tag: "Wallet",
            query: [.init("asset", .asset, "Only those in it.")] + Route.Parameter.page,
            answers: [.ok(.list("transactions", transaction))], listTransactions),
        .post(
            "/wallet/deposits", "makeDeposit",
            "Books money that came in. The same reference with the same data again changes nothing.",
            tag: "Wallet", headers: [.idempotencyKey],
            body: .object(
                .required("owner_id", .owner), .required("asset", .cash), .required("amount", .givenAmount),
                .required("reference", .visible, "The payment's own name, unique.")),
            answers: [.created(.data(.object(.required("deposit", deposit))))], makeDeposit),
    ]

    private static let balance = Schema.named(
        "Balance",
        .object(.required("asset", .asset), .required("available", .amount), .required("held", .amount)))

    private static let transaction = Schema.named(
        "LedgerTransaction",
        .object(
            .required("id", .string(1...512)), .required("asset", .asset),
            .required("amount", .signedAmount, "Negative when it was taken."),
            .required("balance_after", .amount, "What was available then."),
            .required("reason", .choice(Transfer.Reason.self)),
            .required("reference", .nullable(.string()), "The job, the withdrawal or the payment."),
            .required("created_at", .instant)))

    private static let deposit = Schema.named(
        "Deposit",
        .object(
            .required("id", .string(1...512)), .required("owner_id", .owner), .required("asset", .cash),
            .required("amount", .amount), .required("reference", .visible), .required("balance_after", .amount),
            .required("created_at", .instant)))

    static func showBalance(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let balances = try await call.dependencies.database.read { try $0.balances(of: member.owner) }
        return .data { writer in
            writer.beginObject()
            writer.field("owner_id", member.owner.text)
            writer.key("balances")
            writer.beginArray()
            for balance in balances {
                writer.beginObject()
                writer.field("asset", balance.asset.rawValue)
                writer.field("available", balance.available, of: balance.asset)
                writer.field("held", balance.held, of: balance.asset)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }

    static func listTransactions(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let assets = try call.query.choice("asset", Asset.self).map { [$0] } ?? Asset.allCases
        let before = try page.after.map { cursor throws(FieldError) in
            guard let places = TransactionCursor.places(in: cursor), Set(assets).isSubset(of: places.keys) else {
                throw FieldError("cursor", .invalid("is not one that this list gave"))
            }
            return places
        }
        let found = try await call.dependencies.database.read { tx in
            try tx.transactions(of: member.owner, assets, before: before ?? [:], limit: page.limit)
        }
        return .data { writer in
            writer.beginObject()
            writer.key("transactions")
            writer.beginArray()
            for line in found.lines { write(line, to: &writer) }
            writer.endArray()
            writer.field("next_cursor", found.next.map { Cursor.encode(TransactionCursor.text($0)) })
            writer.endObject()
        }
    }

    static func makeDeposit(_ call: Call, _ caller: OperatorContext) async throws -> Reply {
        let body = try await call.body()
        var fields = try body.fields()
        let named = try fields.string("owner_id")
        let asset = try fields.cash("asset")
        let amount = try fields.amount("amount", of: asset)
        let reference = try fields.visible("reference")
        try fields.end()
        guard OwnerID.isValid(named) else {
            throw FieldError("owner_id", .invalid("must be 1–128 of A–Z a–z 0–9 _ . : @ -"))
        }
        let owner = OwnerID(named)
        let answer = try await call.once(for: caller.keyOwner, body) { tx in
            let line = try tx.deposit(
                to: owner, asset: asset, amount: amount, reference: reference, actor: caller.actor)
            return .data(.created) { $0.object("deposit") { write(line, to: &$0, owner: owner, reference) } }
        }
        return Reply(answer)
    }

    private static func write(_ line: LedgerLine, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("id", line.id)
        writer.field("asset", line.asset.rawValue)
        writer.field("amount", line.amount, of: line.asset)
        writer.field("balance_after", line.balanceAfter, of: line.asset)
        writer.field("reason", line.reason)
        writer.field("reference", line.reference)
        writer.field("created_at", instant: line.createdAt)
        writer.endObject()
    }

    private static func write(
        _ line: LedgerLine, to writer: inout JSONWriter, owner: OwnerID, _ reference: String
    ) {
        writer.beginObject()
        writer.field("id", line.id)
        writer.field("owner_id", owner.text)
        writer.field("asset", line.asset.rawValue)
        writer.field("amount", line.amount, of: line.asset)
        writer.field("reference", reference)
        writer.field("balance_after", line.balanceAfter, of: line.asset)
        writer.field("created_at", instant: line.createdAt)
        writer.endObject()
    }
}

/// Where a list of transactions stands in each asset: `USDT:12,POINTS:3`.
private enum TransactionCursor {
    static func text(_ places: [Asset: Int64]) -> String {
        Asset.allCases.compactMap { asset in places[asset].map { "\(asset.rawValue):\($0)" } }.joined(separator: ",")
    }

    /// nil for anything that `text` can't have made.
    static func places(in text: String) -> [Asset: Int64]? {
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
