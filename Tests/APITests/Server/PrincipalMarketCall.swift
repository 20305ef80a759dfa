import API
import Bytes
import Domain
import Store
import Support
import Testing

/// The calls about money, logins and the forum.
extension PrincipalCall {
    static let wallet: [String: Make] = [
        "POST /auth/login": { all in
            PrincipalCall([:], ["username": .string(try await all.user()), "password": "secret"])
        },
        "POST /api/v1/wallet/deposits": { all in
            PrincipalCall(
                [:],
                [
                    "owner_id": .string(all.own.owner), "asset": "USDT", "amount": "1", "reference": .string(unique()),
                ])
        },
        "POST /api/v1/wallet/withdraw": { all in
            try await all.deposit()
            return PrincipalCall(headers: [("Idempotency-Key", unique())], withdrawal)
        },
        "GET /api/v1/wallet/withdrawals/{withdrawal}": { all in try await all.onWithdrawal(nil) },
        "POST /api/v1/wallet/withdrawals/{withdrawal}/approve": { all in try await all.onWithdrawal(nil) },
        "POST /api/v1/wallet/withdrawals/{withdrawal}/reject": { all in
            try await all.onWithdrawal(["reason": "no such address"])
        },
        "POST /api/v1/wallet/withdrawals/{withdrawal}/paid": { all in
            let call = try await all.onWithdrawal(["txid": .string(unique())])
            let path = call.path("/wallet/withdrawals/{withdrawal}/approve")
            #expect(try await all.plane.post(path, .operator(for: all.own.owner)).status == 200)
            return call
        },
    ]

    static let forum: [String: Make] = [
        "POST /api/v1/forum/posts": { _ in PrincipalCall([:], ["title": "t", "content": "c"]) },
        "GET /api/v1/forum/posts/{post}": { all in try await all.onPost(nil) },
        "GET /api/v1/forum/posts/{post}/comments": { all in try await all.onPost(nil) },
        "POST /api/v1/forum/posts/{post}/comments": { all in try await all.onPost(["content": "c"]) },
    ]

    fileprivate static let withdrawal: JSON = ["amount": "1", "asset": "USDT", "address": "0xabc"]

    fileprivate static func unique() -> String { Hex.encode(World.live.random(8)) }
}

extension Principals {
    /// The name of somebody with the password `secret`.
    fileprivate func user() async throws -> String {
        let name = PrincipalCall.unique()
        try await plane.user(name)
        return name
    }

    fileprivate func deposit() async throws {
        let (owner, reference) = (OwnerID(own.owner), PrincipalCall.unique())
        _ = try await plane.dependencies.database.write { tx in
            try tx.deposit(to: owner, asset: .usdt, amount: Money.usdt, reference: reference, actor: "operator")
        }
    }

    fileprivate func onWithdrawal(_ body: JSON?) async throws -> PrincipalCall {
        try await deposit()
        let caller = own.with(("Idempotency-Key", PrincipalCall.unique()))
        let made = try await plane.post("/wallet/withdraw", caller, PrincipalCall.withdrawal)
        let id = try #require(made.data["withdrawal"]?["id"]?.string, "\(made.text)")
        return PrincipalCall(["withdrawal": id], body)
    }

    fileprivate func onPost(_ body: JSON?) async throws -> PrincipalCall {
        let made = try await plane.post("/forum/posts", own, ["title": "t", "content": "c"])
        let id = try #require(made.data["post"]?["id"]?.string, "\(made.text)")
        return PrincipalCall(["post": id], body)
    }
}
