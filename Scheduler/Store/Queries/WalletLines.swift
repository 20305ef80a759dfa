package import Domain

/// A piece of an owner's transactions in several assets, newest first.
package struct WalletLines: Sendable {
    package var lines: [LedgerLine]
    /// The lines that were not shown yet are before these; nil at the end.
    package var next: [Asset: Int64]?
}

extension Transaction {
    /// An owner's transactions, the newest of all assets first, each asset's in the order of its account. Who goes on
    /// from `next` sees every line once, whatever is added meanwhile.
    /// - Parameter before: for each asset, only lines before this one.
    package func transactions(
        of owner: OwnerID, _ assets: [Asset], before: [Asset: Int64], limit: Int
    ) throws -> WalletLines {
        var waiting: [(asset: Asset, lines: ArraySlice<LedgerLine>)] = []
        var next: [Asset: Int64] = [:]
        for asset in assets {
            let lines = try lines(of: owner, asset, before: before[asset], limit: limit + 1)
            waiting.append((asset, lines[...]))
            // So that what comes later stays out of this list.
            next[asset] = (lines.first?.line ?? 0) + 1
        }
        var shown: [LedgerLine] = []
        while shown.count < limit {
            let newest = waiting.indices.filter { !waiting[$0].lines.isEmpty }.max { left, right in
                (waiting[left].lines.first?.createdAt ?? 0) < (waiting[right].lines.first?.createdAt ?? 0)
            }
            guard let newest, let line = waiting[newest].lines.popFirst() else { break }
            shown.append(line)
            next[line.asset] = line.line
        }
        return WalletLines(lines: shown, next: waiting.allSatisfy(\.lines.isEmpty) ? nil : next)
    }
}
