package import Bytes
package import Domain
package import Store
internal import Synchronization

/// What this process believes about the requirement classes: which there are, which may hold something, and where
/// their living begin. Only hints, by the rules of `LowWaterMark`: a claim decides on the rows, and the `ClassPoller`
/// mends what is wrong.
package final class ClassIndex: Sendable {
    private struct Entry: Sendable {
        let requirement: Requirement
        var mark = LowWaterMark()
        /// The first that waits; nil when that isn't known.
        var head: Head?

        init(_ requirement: Requirement) { self.requirement = requirement }
    }

    private struct Head: Sendable {
        let tag: Int64
        let since: Int64
        let owner: OwnerID
    }

    private struct State: Sendable {
        var entries: [ClassID: Entry] = [:]
        /// Those that aren't believed to be empty.
        var holding: Set<ClassID> = []
        var fair = FairShare()

        /// Changes an entry that exists, and keeps `holding` in step with it.
        mutating func change(_ id: ClassID, _ body: (inout Entry) -> Void) {
            guard var entry = entries[id] else { return }
            body(&entry)
            if entry.mark.belief == .empty { holding.remove(id) } else { holding.insert(id) }
            if entry.mark.belief != .holding { entry.head = nil }
            entries[id] = entry
        }
    }

    /// The most classes that one claim asks.
    private static let maxAsked = 64

    private let state = Mutex(State())
    private let world: World

    package init(world: World) { self.world = world }

    package var submitHints: SubmitHints {
        SubmitHints(isKnown: { self.isKnown($0) }, tag: { self.tag($0, owner: $1, cost: $2) })
    }

    package func isKnown(_ id: ClassID) -> Bool { state.withLock { $0.entries[id] != nil } }

    package func tag(_ id: ClassID, owner: OwnerID, cost: Int64) -> Int64 {
        state.withLock { $0.fair.tag(id, owner: owner, cost: cost) }
    }

    func service(of owner: OwnerID) -> Int64 { state.withLock { $0.fair.service(of: owner) } }

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
            guard state.entries[id] != nil else { return false }
            state.change(id) { entry in
                if let owner, tag < entry.head?.tag ?? .max {
                    entry.head = Head(tag: tag, since: now, owner: owner)
                }
                entry.mark.lower(to: tag)
            }
            return true
        }
    }

    package func requirement(_ id: ClassID) -> Requirement? { state.withLock { $0.entries[id]?.requirement } }

    /// Whether anything may wait in a class.
    func mayHold(_ id: ClassID) -> Bool { state.withLock { $0.holding.contains(id) } }

    // MARK: Reads of a claim (`ClassReads`)

    /// The classes that may hold something for this offer, best first: by priority; then by how little service the
    /// owner of the first in it has had, so that nobody's many classes hide another's one; then by age. Those in doubt
    /// come last, and only for a full read. All of them count as being read from now on.
    func begin(for offer: Offer) -> (heads: [JobClass.Head], reads: [ClassID: LowWaterMark.Read]) {
        let now = world.now()
        let time = world.monotonic()
        return state.withLock { state in
            var found: [(head: JobClass.Head, doubt: Int, service: Int64, since: Int64)] = []
            for id in state.holding {
                guard let entry = state.entries[id], offer.fits(entry.requirement) else { continue }
                let isDoubtful = entry.mark.belief == .doubtful
                if isDoubtful, !entry.mark.isFullReadDue(at: time) { continue }
                let need = entry.requirement
                let priority = Ageing.priority(need.priority, waitingSince: entry.head?.since, now: now)
                found.append(
                    (
                        .init(id: id, requirement: need, priority: priority, fromTag: .min), isDoubtful ? 1 : 0,
                        entry.head.map { state.fair.service(of: $0.owner) } ?? 0, entry.head?.since ?? now
                    ))
            }
            found.sort {
                ($0.doubt, $1.head.priority, $0.service, $0.since, $0.head.id)
                    < ($1.doubt, $0.head.priority, $1.service, $1.since, $1.head.id)
            }
            var reads: [ClassID: LowWaterMark.Read] = [:]
            let heads = found.prefix(Self.maxAsked).map { item in
                var head = item.head
                state.change(head.id) { entry in
                    let read = entry.mark.begin(at: time)
                    reads[head.id] = read
                    head.fromTag = read.from
                }
                return head
            }
            return (heads, reads)
        }
    }

    /// A claim was committed, and found this.
    func end(_ reads: [ClassID: LowWaterMark.Read], _ answer: ClaimAnswer) {
        let time = world.monotonic()
        state.withLock { state in
            for (id, read) in reads {
                let seen = answer.asked[id]
                state.change(id) { entry in
                    guard let seen else { return entry.mark.drop(read, at: time) }
                    if let left = seen.left {
                        entry.head = Head(tag: left.tag, since: left.since, owner: left.owner)
                    }
                    // What is barred from one worker may lie before all that it saw: nobody skips it.
                    let isPartial = entry.requirement.kind == .audit && !seen.isEmpty
                    entry.mark.end(
                        read, alive: isPartial ? .min : seen.left?.tag, taken: seen.taken?.upperBound, at: time)
                }
                if let taken = seen?.taken { state.fair.observe(id, tag: taken.upperBound) }
            }
            for grant in answer.grants { state.fair.serve(grant.owner, cost: grant.requirement.cost) }
        }
    }

    /// A claim failed, or nobody knows how it ended.
    func fail(_ reads: [ClassID: LowWaterMark.Read]) {
        let time = world.monotonic()
        state.withLock { state in
            for (id, read) in reads { state.change(id) { $0.mark.fail(read, at: time) } }
        }
    }

    // MARK: Reads of the poller

    /// All classes that claims look for.
    package var polled: [ClassID] {
        state.withLock { state in
            state.entries.filter { $0.value.requirement.kind != .device }.keys.sorted()
        }
    }

    /// Where to read these classes from. They count as being read from now on.
    package func beginPoll(_ ids: ArraySlice<ClassID>) -> (heads: [ClassHead], reads: [ClassID: LowWaterMark.Read]) {
        let time = world.monotonic()
        return state.withLock { state in
            var reads: [ClassID: LowWaterMark.Read] = [:]
            let heads = ids.map { id in
                state.change(id) { reads[id] = $0.mark.begin(at: time) }
                return ClassHead(id: id, fromTag: reads[id]?.from ?? .min)
            }
            return (heads, reads)
        }
    }

    /// What the poller read: the heads of those that hold something; nil when it couldn't read.
    package func endPoll(_ reads: [ClassID: LowWaterMark.Read], _ heads: [QueueHead]?) {
        let time = world.monotonic()
        let found = Dictionary((heads ?? []).map { ($0.id, $0) }) { first, _ in first }
        state.withLock { state in
            for (id, read) in reads {
                state.change(id) { entry in
                    guard heads != nil else { return entry.mark.drop(read, at: time) }
                    if let head = found[id] {
                        entry.head = Head(tag: head.tag, since: head.since, owner: head.owner)
                    }
                    entry.mark.end(read, alive: found[id]?.tag, at: time)
                }
                if let head = found[id] { state.fair.observe(id, tag: head.tag) }
            }
        }
    }
}
