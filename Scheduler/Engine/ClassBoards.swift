internal import Domain

/// All classes that may hold something, on a board for each queue and label, so that a claim doesn't come across those
/// of queues that it doesn't serve or with labels that its machine lacks, however many there are.
struct ClassBoards: Sendable {
    private struct Key: Hashable, Sendable {
        /// nil: whatever the queue, for claims that serve all.
        let queue: String?
        /// One of the labels that a class needs; nil where it needs none.
        let label: String?
    }

    private var boards: [Key: ClassBoard] = [:]
    /// By which of its labels each class is found.
    private var labels: [ClassID: String?] = [:]
    /// How many of these classes need a label.
    private var needing: [String: Int] = [:]

    var count: Int { labels.count }

    func contains(_ id: ClassID) -> Bool { labels[id] != nil }

    /// Puts a class where it stands now; nil: it is believed to hold nothing.
    mutating func place(_ id: ClassID, _ need: Requirement, at position: ClassBoard.Position?) {
        let known = labels[id]
        if known == nil, position == nil { return }
        // By the label that the fewest need: one that no machine has is hidden from all.
        let label = known ?? need.labels.min { (needing[$0] ?? 0, $0) < (needing[$1] ?? 0, $1) }
        if known == nil {
            labels[id] = .some(label)
            for label in need.labels { needing[label, default: 0] += 1 }
        } else if position == nil {
            labels[id] = nil
            for label in need.labels { needing[label] = needing[label].flatMap { $0 > 1 ? $0 - 1 : nil } }
        }
        for key in [Key(queue: nil, label: label), Key(queue: need.queue, label: label)] {
            boards[key, default: ClassBoard()].place(id, need, at: position)
            if position == nil, boards[key]?.isEmpty == true { boards[key] = nil }
        }
    }

    /// As `ClassBoard.search`, in all that may have something for the offer.
    func search(
        _ offer: Offer, atMost limit: Int, now: Int64, monotonic: Int64, looked: inout Int,
        service: (OwnerID) -> Int64, fits: (ClassID) -> Bool
    ) -> [ClassBoard.Found] {
        let queues: [String?] = offer.queues.map { $0.map(Optional.some) } ?? [nil]
        let labels: [String?] = [nil] + offer.labels.map(Optional.some)
        var found: [ClassBoard.Found] = []
        for queue in queues {
            for label in labels {
                guard let board = boards[Key(queue: queue, label: label)] else { continue }
                found += board.search(
                    offer, atMost: limit, now: now, monotonic: monotonic, looked: &looked, service: service, fits: fits)
            }
        }
        return Array(found.sorted { $0.rank < $1.rank }.prefix(limit))
    }
}
