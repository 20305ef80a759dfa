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
        /// Its last use that this process knows of, by the database's clock (`ClassLife`).
        var usedAt: Int64
        /// When it came to hold something of which the first isn't known.
        var since: Int64 = 0

        init(_ requirement: Requirement, usedAt: Int64) {
            self.requirement = requirement
            self.usedAt = usedAt
        }

        /// Where claims look for it; nil: nowhere. Devices know where their commands are: nobody looks for them here.
        var position: ClassBoard.Position? {
            guard requirement.kind != .device else { return nil }
            return switch mark.belief {
            case .empty: nil
            case .doubtful: .doubtful(due: mark.fullReadDue)
            case .holding: .holding(owner: head?.owner, since: head?.since ?? since)
            }
        }
    }

    private struct Head: Sendable {
        let tag: Int64
        let since: Int64
        let owner: OwnerID
    }

    private struct State: Sendable {
        var entries: [ClassID: Entry] = [:]
        /// Those that aren't believed to be empty.
        var boards = ClassBoards()
        var fair = FairShare()
        var looked = 0

        /// Changes an entry that exists, and keeps the boards in step with it.
        mutating func change(_ id: ClassID, at now: Int64, _ body: (inout Entry) -> Void) {
            guard let index = entries.index(forKey: id) else { return }
            if entries.values[index].head == nil, entries.values[index].mark.belief != .holding {
                entries.values[index].since = now
            }
            body(&entries.values[index])
            if entries.values[index].mark.belief != .holding { entries.values[index].head = nil }
            let entry = entries.values[index]
            boards.place(id, entry.requirement, at: entry.position)
        }
    }

    /// The most classes that one claim asks.
    private static let maxAsked = 64

    private let state = Mutex(State())
    private let world: World

    package init(world: World) { self.world = world }

    package var submitHints: SubmitHints {
        SubmitHints(isKnown: { self.isKnown($0, at: $1) }, tag: { self.tag($0, owner: $1, cost: $2) })
    }

    package func isKnown(_ id: ClassID) -> Bool { state.withLock { $0.entries[id] != nil } }

    /// Whether a class is recorded for certain, at this instant of the database's clock and long after it.
    func isKnown(_ id: ClassID, at now: Int64) -> Bool {
        state.withLock { $0.entries[id].map { now - $0.usedAt < ClassLife.renewedAfter } ?? false }
    }

    /// How many classes this process knows, and how many of them claims may find.
    package var counts: (known: Int, onBoard: Int) { state.withLock { ($0.entries.count, $0.boards.count) } }

    /// How many classes, and groups of them, claims have looked at so far.
    package var looked: Int { state.withLock(\.looked) }

    package func tag(_ id: ClassID, owner: OwnerID, cost: Int64) -> Int64 {
        state.withLock { $0.fair.tag(id, owner: owner, cost: cost) }
    }

    func service(of owner: OwnerID) -> Int64 { state.withLock { $0.fair.service(of: owner) } }

    /// Adds classes that are recorded in the database, and notes their last use by its clock; 0 when that isn't known.
    package func add(_ classes: [(ClassID, Requirement)], usedAt: Int64 = 0) {
        let now = world.now()
        state.withLock { state in
            for (id, requirement) in classes {
                if let index = state.entries.index(forKey: id) {
                    state.entries.values[index].usedAt = max(state.entries.values[index].usedAt, usedAt)
                } else {
                    state.entries[id] = Entry(requirement, usedAt: usedAt)
                    state.entries[id]?.since = now
                    state.change(id, at: now) { _ in }
                }
            }
        }
    }

    /// Forgets those in which nothing waits and that nobody has used since: they may be gone. Who uses one again
    /// records it again.
    func forget(unusedSince instant: Int64) {
        state.withLock { state in
            let gone = state.entries.filter { id, entry in
                entry.usedAt <= instant && entry.mark.belief == .empty && entry.mark.isIdle
                    && entry.requirement.kind != .device
            }
            for id in gone.keys {
                state.entries[id] = nil
                state.fair.forget(id)
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
            state.change(id, at: now) { entry in
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
    func mayHold(_ id: ClassID) -> Bool { state.withLock { $0.boards.contains(id) } }

    // MARK: Reads of a claim (`ClassReads`)

    /// The classes that may hold something for this offer, in the order of `ClassBoard.search`. All of them count as
    /// being read from now on.
    func begin(for offer: Offer) -> (heads: [JobClass.Head], reads: [ClassID: LowWaterMark.Read]) {
        let now = world.now()
        let time = world.monotonic()
        return state.withLock { state in
            var looked = 0
            let found = state.boards.search(
                offer, atMost: Self.maxAsked, now: now, monotonic: time, looked: &looked,
                service: { state.fair.service(of: $0) },
                fits: { id in state.entries[id].map { offer.fits($0.requirement) } ?? false })
            state.looked += looked
            var reads: [ClassID: LowWaterMark.Read] = [:]
            var heads: [JobClass.Head] = []
            for one in found {
                guard let need = state.entries[one.id]?.requirement else { continue }
                var head = JobClass.Head(id: one.id, requirement: need, priority: one.priority, fromTag: .min)
                state.change(head.id, at: now) { entry in
                    let read = entry.mark.begin(at: time)
                    reads[head.id] = read
                    head.fromTag = read.from
                }
                heads.append(head)
            }
            return (heads, reads)
        }
    }

    /// A claim was committed, and found this.
    func end(_ reads: [ClassID: LowWaterMark.Read], _ answer: ClaimAnswer) {
        let (now, time) = (world.now(), world.monotonic())
        state.withLock { state in
            for (id, read) in reads {
                let seen = answer.asked[id]
                state.change(id, at: now) { entry in
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
        let (now, time) = (world.now(), world.monotonic())
        state.withLock { state in
            for (id, read) in reads { state.change(id, at: now) { $0.mark.fail(read, at: time) } }
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
        let (now, time) = (world.now(), world.monotonic())
        return state.withLock { state in
            var reads: [ClassID: LowWaterMark.Read] = [:]
            let heads = ids.map { id in
                state.change(id, at: now) { reads[id] = $0.mark.begin(at: time) }
                return ClassHead(id: id, fromTag: reads[id]?.from ?? .min)
            }
            return (heads, reads)
        }
    }

    /// What the poller read: the heads of those that hold something; nil when it couldn't read.
    package func endPoll(_ reads: [ClassID: LowWaterMark.Read], _ heads: [QueueHead]?) {
        let (now, time) = (world.now(), world.monotonic())
        let found = Dictionary((heads ?? []).map { ($0.id, $0) }) { first, _ in first }
        state.withLock { state in
            for (id, read) in reads {
                state.change(id, at: now) { entry in
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
