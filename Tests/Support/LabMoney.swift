internal import Bytes
package import Domain
internal import Store

/// Money.
extension Lab {
    /// One USDT a second, in minor units an hour.
    package static let aDollarASecond = 3_600 * Money.usdt

    /// Deposits USDT, in minor units.
    package func fund(_ owner: OwnerID = Lab.alice, _ amount: Int64, reference: String? = nil) async throws {
        let reference = reference ?? "lab \(World.live.random(8))"
        _ = try await database.write { tx in
            try tx.deposit(to: owner, asset: .usdt, amount: amount, reference: reference, actor: "operator")
        }
    }

    package func balance(of owner: OwnerID = Lab.alice, _ asset: Asset = .usdt) async throws -> Balance {
        let balances = try await database.read { try $0.balances(of: owner) }
        return balances.first { $0.asset == asset } ?? Balance(asset: asset, available: 0, held: 0)
    }

    /// An owner's transactions in USDT, oldest first.
    package func lines(of owner: OwnerID = Lab.alice) async throws -> [LedgerLine] {
        try await database.read { try $0.lines(of: owner, .usdt, before: nil, limit: 10_000) }.reversed()
    }
}
