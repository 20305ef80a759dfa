package import Bytes
package import Domain
package import Store
internal import Synchronization

/// What this process believes about the requirement classes: which there are, which may hold something, and where
/// their living begin. Only hints: a claim decides on the rows, and the `ClassPoller` mends what is wrong.
package final class ClassBoard: Sendable {
    private struct Entry: Sendable {
        let requirement: Requirement
        var mark = LowWater()
        var isFullRead = false
        var mayHold = true
        /// The first that waits; nil when that isn't known.
        var head: Head?
        /// Who waits here with least service, and the last of its tags that is known; nil when nobody has come since.
        var neediest: (owner: OwnerID, lastTag: Int64)?
        /// The largest tag that was served, or is at the head.
        var time = Int64.min
    }

    private struct Head: Sendable {
        let tag: Int64
        let since: Int64
        let owner: OwnerID
    }

    private struct State: Sendable {
        var entries: [ClassID: Entry] = [:]
        var holding: Set<ClassID> = []
        var byTarget: [String: Set<ClassID>] = [:]
        var fair = FairShare()
        /// The looks that are on their way, and for each what has come to be there since it began: the smallest tag by
        /// class. A look that saw nothing there, or only what lies behind, must not overwrite that.
        var looks: [Int: [ClassID: Int64]] = [:]
        var lastLook = 0

        mutating func tell(_ id: ClassID, tag: Int64) {
            for number in looks.keys { looks[number]?[id] = min(tag, looks[number]?[id] ?? tag) }
        }

        /// How little service the neediest owner in a class has had, as far as that is known.
        func service(in entry: Entry) -> Int64 {
            let first = entry.head.map { fair.service(of: $0.owner) }
            guard let neediest = entry.neediest, neediest.lastTag >= entry.time else { return first ?? 0 }
            return min(first ?? .max, fair.service(of: neediest.owner))
        }
    }

    /// A claim that looks for jobs: what it is told, and by which number it is known.
    struct Look: Sendable {
        let number: Int
        let hints: ClaimHints
    }

    /// The most classes that one claim asks.
    private static let mostAsked = 64

    private let state = Mutex(State())
    private let world: World

    package init(world: World) { self.world = world }

    package var submitHints: SubmitHints {
        SubmitHints(isKnown: { self.isKnown($0) }, tag: { self.tag($0, owner: $1, cost: $2) })
    }

    /// A claim begins to look. It must `learn` or `abandon`.
    func begin() -> Look {
        let number = state.withLock { state in
            state.lastLook += 1
            state.looks[state.lastLook] = [:]
            return state.lastLook
        }
        let hints = ClaimHints(
            classes: { self.heads(for: $0) }, service: { owner in self.state.withLock { $0.fair.service(of: owner) } })
        return Look(number: number, hints: hints)
    }

    /// A look failed: nothing was learnt.
    func abandon(_ look: Look) { state.withLock { $0.looks[look.number] = nil } }

    package func isKnown(_ id: ClassID) -> Bool { state.withLock { $0.entries[id] != nil } }

    package func tag(_ id: ClassID, owner: OwnerID, cost: Int64) -> Int64 {
        state.withLock { $0.fair.tag(id, owner: owner, cost: cost) }
    }

    /// Adds classes that are recorded in the database.
    package func add(_ classes: [(ClassID, Requirement)]) {
        state.withLock { state in
            for (id, requirement) in classes where state.entries[id] == nil {
                state.entries[id] = Entry(requirement: requirement)
                state.holding.insert(id)
                if let target = requirement.target { state.byTarget[target, default: []].insert(id) }
            }
        }
    }

    /// Something in this class has become ready: the first tag, and if that is known, whose they are and the last of
    /// them. False when the class isn't known.
    @discardableResult
    package func ready(_ id: ClassID, tag: Int64, of owner: (id: OwnerID, lastTag: Int64)? = nil) -> Bool {
        let now = world.now()
        return state.withLock { state in
            guard var entry = state.entries[id] else { return false }
            if let owner {
                if !entry.mayHold || tag < entry.head?.tag ?? .max {
                    entry.head = Head(tag: tag, since: now, owner: owner.id)
                }
                if state.fair.service(of: owner.id) <= state.service(in: entry) {
                    entry.neediest = (owner.id, owner.lastTag)
                }
            }
            entry.mark.lower(to: tag)
            entry.mayHold = true
            state.tell(id, tag: tag)
            state.entries[id] = entry
            state.holding.insert(id)
            return true
        }
    }

    package func requirement(_ id: ClassID) -> Requirement? { state.withLock { $0.entries[id]?.requirement } }

    /// The classes that may hold something for this offer, best first: by priority; then by how little service the
    /// neediest owner in it has had, so that nobody's many classes hide another's one; then by age.
    private func heads(for offer: Offer) -> [JobClass.Head] {
        let now = world.now()
        let time = world.monotonic()
        return state.withLock { state in
            let candidates = offer.kinds == [.device] ? state.byTarget[offer.worker] ?? [] : state.holding
            var heads: [(head: JobClass.Head, service: Int64, since: Int64)] = []
            for id in candidates {
                guard let entry = state.entries[id], entry.mayHold, offer.fits(entry.requirement) else { continue }
                let need = entry.requirement
                let priority = Ageing.priority(need.priority, waitingSince: entry.head?.since, now: now)
                let head = JobClass.Head(id: id, requirement: need, priority: priority, fromTag: 0)
                heads.append((head, state.service(in: entry), entry.head?.since ?? now))
            }
            heads.sort {
                ($1.head.priority, $0.service, $0.since, $0.head.id)
                    < ($0.head.priority, $1.service, $1.since, $1.head.id)
            }
            return heads.prefix(Self.mostAsked).map { item in
                var head = item.head
                let start = state.entries[head.id]?.mark.start(at: time)
                head.fromTag = start?.from ?? .min
                state.entries[head.id]?.isFullRead = start?.isFull ?? true
                return head
            }
        }
    }

    /// What a look found. Returns the classes in which it left something.
    func learn(_ answer: ClaimAnswer, from look: Look, took milliseconds: Int64) -> [ClassID] {
        let time = world.monotonic()
        return state.withLock { state in
            let news = state.looks.removeValue(forKey: look.number) ?? [:]
            var leftovers: [ClassID] = []
            for (id, seen) in answer.asked {
                guard var entry = state.entries[id] else { continue }
                let lowest = [seen.lowest, news[id]].compactMap { $0 }.min()
                if let taken = seen.taken {
                    state.fair.observe(id, tag: taken.upperBound)
                    entry.time = max(entry.time, taken.upperBound)
                }
                entry.mark.found(lowest: lowest, wasFull: entry.isFullRead, at: time, took: milliseconds)
                if let left = seen.left {
                    // Others passed over it while it was locked.
                    entry.mark.lower(to: left.tag)
                    entry.head = Head(tag: left.tag, since: left.since, owner: left.owner)
                    entry.mayHold = true
                    state.holding.insert(id)
                    state.tell(id, tag: left.tag)
                    leftovers.append(id)
                } else if lowest == nil {
                    entry.mayHold = false
                    entry.head = nil
                    entry.neediest = nil
                    state.holding.remove(id)
                }
                state.entries[id] = entry
            }
            for grant in answer.grants { state.fair.serve(grant.owner, cost: grant.requirement.cost) }
            return leftovers
        }
    }

    /// All classes, with where to read from, for the poller.
    package func all() -> [ClassHead] {
        let time = world.monotonic()
        return state.withLock { state in
            state.entries.keys.sorted().map { id in
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
            entry.time = max(entry.time, head.tag)
            entry.mark.lower(to: head.tag)
            state.tell(head.id, tag: head.tag)
            state.fair.observe(head.id, tag: head.tag)
            state.entries[head.id] = entry
            state.holding.insert(head.id)
        }
    }
}
