package import Bytes
package import Domain
package import Store
internal import Synchronization

/// What this process believes about the requirement classes: which there are, which may hold something, and where
/// their living begin. Only hints: a claim decides on the rows, and the `ClassPoller` mends what is wrong.
package final class ClassIndex: Sendable {
    private struct Entry: Sendable {
        let requirement: Requirement
        var mark = LowWaterMark()
        var isFullRead = false
        var mayHold = true
        /// Counts what became ready, so that "nothing there" can't overwrite a later "here is something".
        private(set) var arrivals = 0
        /// The tags of the last of them.
        private var arrived: [Int64] = []
        /// The first that waits; nil when that isn't known.
        var head: Head?

        init(_ requirement: Requirement) { self.requirement = requirement }

        mutating func arrive(_ tag: Int64) {
            mark.lower(to: tag)
            arrivals += 1
            mayHold = true
            arrived.append(tag)
            if arrived.count > 256 { arrived.removeFirst(128) }
        }

        /// The smallest tag that has arrived since there were so many; as small as can be when that isn't known any
        /// more.
        func lowestArrival(since count: Int?) -> Int64 {
            let fresh = arrivals - (count ?? 0)
            guard count != nil, fresh <= arrived.count else { return .min }
            return arrived.suffix(fresh).min() ?? .max
        }
    }

    private struct Head: Sendable {
        let tag: Int64
        let since: Int64
        let owner: OwnerID
    }

    private struct State: Sendable {
        var entries: [ClassID: Entry] = [:]
        var holding: Set<ClassID> = []
        var fair = FairShare()
    }

    /// The most classes that one claim asks.
    private static let maxAsked = 64

    private let state = Mutex(State())
    private let world: World

    package init(world: World) { self.world = world }

    package var submitHints: SubmitHints {
        SubmitHints(isKnown: { self.isKnown($0) }, tag: { self.tag($0, owner: $1, cost: $2) })
    }

    package var claimHints: ClaimHints {
        ClaimHints(
            classes: { self.heads(for: $0) }, service: { owner in self.state.withLock { $0.fair.service(of: owner) } })
    }

    package func isKnown(_ id: ClassID) -> Bool { state.withLock { $0.entries[id] != nil } }

    package func tag(_ id: ClassID, owner: OwnerID, cost: Int64) -> Int64 {
        state.withLock { $0.fair.tag(id, owner: owner, cost: cost) }
    }

    /// Adds classes that are recorded in the database.
    package func add(_ classes: [(ClassID, Requirement)]) {
        state.withLock { state in
            for (id, requirement) in classes where state.entries[id] == nil {
                state.entries[id] = Entry(requirement)
                // Devices know where their commands are: nobody looks for them here.
                if requirement.kind != .device { state.holding.insert(id) }
            }
        }
    }

    /// Something in this class has become ready, the first of it with this tag, and whose it is if that is known. False
    /// when the class isn't known.
    @discardableResult
    package func ready(_ id: ClassID, tag: Int64, owner: OwnerID? = nil) -> Bool {
        let now = world.now()
        return state.withLock { state in
            guard var entry = state.entries[id] else { return false }
            if let owner, !entry.mayHold || tag < entry.head?.tag ?? .max {
                entry.head = Head(tag: tag, since: now, owner: owner)
            }
            entry.arrive(tag)
            state.entries[id] = entry
            state.holding.insert(id)
            return true
        }
    }

    package func requirement(_ id: ClassID) -> Requirement? { state.withLock { $0.entries[id]?.requirement } }

    /// The classes that may hold something for this offer, best first: by priority; then by how little service the
    /// owner of the first in it has had, so that nobody's many classes hide another's one; then by age.
    private func heads(for offer: Offer) -> [JobClass.Head] {
        let now = world.now()
        let time = world.monotonic()
        return state.withLock { state in
            var heads: [(head: JobClass.Head, service: Int64, since: Int64)] = []
            for id in state.holding {
                guard let entry = state.entries[id], entry.mayHold, offer.fits(entry.requirement) else { continue }
                let need = entry.requirement
                let priority = Ageing.priority(need.priority, waitingSince: entry.head?.since, now: now)
                heads.append(
                    (
                        .init(id: id, requirement: need, priority: priority, fromTag: 0),
                        entry.head.map { state.fair.service(of: $0.owner) } ?? 0, entry.head?.since ?? now
                    ))
            }
            heads.sort {
                ($1.head.priority, $0.service, $0.since, $0.head.id)
                    < ($0.head.priority, $1.service, $1.since, $1.head.id)
            }
            return heads.prefix(Self.maxAsked).map { item in
                var head = item.head
                let start = state.entries[head.id]?.mark.start(at: time)
                head.fromTag = start?.from ?? .min
                state.entries[head.id]?.isFullRead = start?.isFull ?? true
                return head
            }
        }
    }

    /// What a claim found. `arrivals` as they were before it began.
    package func learn(_ answer: ClaimAnswer, before arrivals: [ClassID: Int], took milliseconds: Int64) {
        let time = world.monotonic()
        state.withLock { state in
            for (id, seen) in answer.asked {
                guard var entry = state.entries[id] else { continue }
                // A read knows nothing of what has arrived since it began, at whatever tag.
                let arrived = entry.lowestArrival(since: arrivals[id])
                if seen.isEmpty {
                    guard entry.arrivals == arrivals[id] else { continue }
                    entry.mayHold = false
                    entry.head = nil
                    state.holding.remove(id)
                } else if let left = seen.left {
                    entry.head = Head(tag: left.tag, since: left.since, owner: left.owner)
                    // It was locked until now, and those who looked meanwhile passed it over.
                    entry.arrive(left.tag)
                    state.holding.insert(id)
                }
                if let taken = seen.taken { state.fair.observe(id, tag: taken.upperBound) }
                entry.mark.found(
                    lowest: seen.lowest.map { min($0, arrived) }, wasFull: entry.isFullRead, at: time,
                    took: milliseconds)
                state.entries[id] = entry
            }
            for grant in answer.grants { state.fair.serve(grant.owner, cost: grant.requirement.cost) }
        }
    }

    package var arrivals: [ClassID: Int] {
        state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.holding.map { ($0, state.entries[$0]?.arrivals ?? 0) })
        }
    }

    /// All classes, with where to read from, for the poller.
    package func all() -> [ClassHead] {
        let time = world.monotonic()
        return state.withLock { state in
            state.entries.filter { $0.value.requirement.kind != .device }.keys.sorted().map { id in
                ClassHead(id: id, fromTag: state.entries[id]?.mark.start(at: time).from ?? .min)
            }
        }
    }

    /// What the poller read: the head of a class.
    package func polled(_ head: QueueHead) {
        state.withLock { state in
            guard var entry = state.entries[head.id] else { return }
            entry.mayHold = true
            entry.head = Head(tag: head.tag, since: head.since, owner: head.owner)
            entry.mark.lower(to: head.tag)
            state.fair.observe(head.id, tag: head.tag)
            state.entries[head.id] = entry
            state.holding.insert(head.id)
        }
    }
}
