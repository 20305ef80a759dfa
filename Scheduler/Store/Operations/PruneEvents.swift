internal import Domain

extension Transaction {
    /// Cuts the beginnings of the chains off: one bite of a pass over all owners, which all servers share. The last
    /// link that goes leaves its position and its hash, from which what is left of its chain verifies (decision 21).
    /// - Parameters:
    ///   - limit: how many links are looked at, at least 2.
    ///   - instant: a link stays when one of its events was recorded after it.
    package func pruneEvents(limit: Int, recordedBefore instant: Int64) throws -> PruneBite {
        var bite = PruneBite()
        guard var place = try lockPruning("events") else { return bite }
        let page = try links(after: place, limit: limit)
        let old = try oldEvents(page.flatMap(\.numbers), before: instant)
        var cut = ChainCut()
        for link in page { cut.look(at: link, old) }
        bite.add(try cutChains(cut.checkpoints, links: cut.gone), "chain_links")
        bite.add(try deleteEvents(cut.events), "recorded_events")
        bite.isMore = page.count == limit
        if let last = page.last, bite.isMore {
            place.place = last.owner.text
            // The rest of this owner's chain is younger, or the next bite begins with its checkpoint and moves that on.
            place.number = cut.isClosed ? .max : last.position - 1
        } else {
            place = PruningPlace(nextAt: now + Self.prunePause)
        }
        try movePruning("events", to: place)
        return bite
    }
}

/// Which links of a page of chains go.
private struct ChainCut {
    private(set) var gone: [OldLink] = []
    private(set) var events: [Int64] = []
    private var checkpoint: OldLink?
    private var owner: OwnerID?
    /// Whether the chain that is looked at has come to a link that stays.
    private(set) var isClosed = false
    private var done: [OldLink] = []

    /// The last link that goes of each chain: its row stays.
    var checkpoints: [(owner: OwnerID, position: Int64)] {
        (done + [checkpoint].compactMap { $0 }).filter { !$0.numbers.isEmpty }.map { ($0.owner, $0.position) }
    }

    mutating func look(at link: OldLink, _ old: Set<Int64>) {
        if link.owner != owner {
            if let checkpoint { done.append(checkpoint) }
            (owner, checkpoint, isClosed) = (link.owner, nil, false)
        }
        guard !isClosed, link.numbers.allSatisfy({ old.contains($0) }) else {
            isClosed = true
            return
        }
        if let checkpoint { gone.append(checkpoint) }
        checkpoint = link
        events += link.numbers
    }
}
