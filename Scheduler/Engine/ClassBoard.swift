internal import Domain

/// Classes that may hold something, so ordered that a claim looks only at what could match its machine: by the owner of
/// the first in each, so that nobody's many classes hide another's one, and for each owner by priority and age. Those
/// in doubt are kept apart, by when they may be read in full.
struct ClassBoard: Sendable {
    /// Where a class stands.
    enum Position: Sendable, Equatable {
        /// Something waits in it, the first of it since `since`, which is `owner`'s as far as that is known.
        case holding(owner: OwnerID?, since: Int64)
        /// Nobody knows until the full read, which is due then: monotonic milliseconds.
        case doubtful(due: Int64)
    }

    /// A class that a claim may ask.
    struct Found: Sendable {
        let id: ClassID
        let isDoubtful: Bool
        /// As it counts now, 0–9.
        let priority: Int64
        let since: Int64
        /// How much service its owner has had.
        let service: Int64

        /// Smaller is better.
        var rank: (Int64, Int64, Int64, Int64, Int64) { (isDoubtful ? 1 : 0, -priority, service, since, id.number) }
    }

    private struct Entry: Sendable {
        let bounds: NeedBounds
        let priority: Int64
        let position: Position
        /// In its list.
        let key: Int64
    }

    private struct OwnerClasses: Sendable {
        let owner: OwnerID?
        var list = BoundedList()
        /// What stands for them among the owners.
        var slot: BoundedList.Slot?
    }

    /// Of how many owners the classes are compared by who had the least service. Where there are more, those whose
    /// classes stand first.
    private static let mostOwners = 256

    private var entries: [ClassID: Entry] = [:]
    private var numbers: [OwnerID?: Int64] = [:]
    private var lastNumber: Int64 = 0
    private var classes: [Int64: OwnerClasses] = [:]
    private var owners = BoundedList()
    private var doubtful = BoundedList()

    var isEmpty: Bool { entries.isEmpty }

    /// Puts a class where it stands now; nil: it is believed to hold nothing.
    mutating func place(_ id: ClassID, _ need: Requirement, at position: Position?) {
        let before = entries[id]
        if before?.position == position { return }
        if let before { take(id, before) }
        guard let position else {
            entries[id] = nil
            return
        }
        let bounds = before?.bounds ?? NeedBounds(need)
        switch position {
        case .doubtful(let due):
            entries[id] = Entry(bounds: bounds, priority: need.priority, position: position, key: due)
            doubtful.insert(.init(key: due, id: id.number, bounds: bounds))
        case .holding(let owner, let since):
            // Waiting counts as so much priority (`Ageing`): the order stays the same as time goes on.
            let key = since - need.priority * Ageing.step
            entries[id] = Entry(bounds: bounds, priority: need.priority, position: position, key: key)
            let number = number(of: owner)
            classes[number, default: OwnerClasses(owner: owner)].list.insert(
                .init(key: key, id: id.number, bounds: bounds))
            refresh(number)
        }
    }

    private mutating func take(_ id: ClassID, _ entry: Entry) {
        switch entry.position {
        case .doubtful: doubtful.remove(key: entry.key, id: id.number)
        case .holding(let owner, _):
            let number = number(of: owner)
            classes[number]?.list.remove(key: entry.key, id: id.number)
            refresh(number)
        }
    }

    private mutating func number(of owner: OwnerID?) -> Int64 {
        if let known = numbers[owner] { return known }
        lastNumber += 1
        numbers[owner] = lastNumber
        return lastNumber
    }

    /// Brings what stands for an owner in step with its classes.
    private mutating func refresh(_ number: Int64) {
        guard let own = classes[number] else { return }
        let slot = own.list.first.flatMap { first in
            own.list.bounds.map { BoundedList.Slot(key: first.key, id: number, bounds: $0) }
        }
        if let old = own.slot, old.key == slot?.key, old.bounds == slot?.bounds { return }
        if let old = own.slot { owners.remove(key: old.key, id: number) }
        guard let slot else {
            classes[number] = nil
            numbers[own.owner] = nil
            return
        }
        owners.insert(slot)
        classes[number]?.slot = slot
    }

    // MARK: Searches

    /// One owner's classes, as far as a search has come.
    private struct Cursor {
        let number: Int64
        let service: Int64
        var place: BoundedList.Place
        var found: Found
    }

    /// The classes that fit, best first: by priority; then by how little service the owner of the first in it has had;
    /// then by age. Those in doubt come last, and only when a full read is due.
    /// - Parameters:
    ///   - now: the time by which waiting counts; `monotonic` that of full reads.
    ///   - looked: counts the classes, and the groups of them, that it looked at.
    func search(
        _ offer: Offer, atMost limit: Int, now: Int64, monotonic: Int64, looked: inout Int,
        service: (OwnerID) -> Int64, fits: (ClassID) -> Bool
    ) -> [Found] {
        let room = NeedBounds.Room(offer)
        var found: [Found] = []
        var cursors: [Cursor] = []
        var place = BoundedList.Place()
        while cursors.count < Self.mostOwners, let slot = owners.next(&place, fitting: room, looked: &looked) {
            var start = BoundedList.Place()
            let had = classes[slot.id]?.owner.map(service) ?? 0
            guard let first = next(of: slot.id, had, &start, room, now, &looked, fits) else { continue }
            cursors.append(Cursor(number: slot.id, service: had, place: start, found: first))
        }
        cursors.sort { $0.found.rank > $1.found.rank }
        while found.count < limit, var best = cursors.popLast() {
            found.append(best.found)
            guard let following = next(of: best.number, best.service, &best.place, room, now, &looked, fits) else {
                continue
            }
            best.found = following
            // From the end, where the best stand.
            let rank = best.found.rank
            let index = cursors.lastIndex { $0.found.rank > rank }
            cursors.insert(best, at: index.map { $0 + 1 } ?? 0)
        }
        place = BoundedList.Place()
        var late: [Found] = []
        while found.count + late.count < limit, let slot = doubtful.next(&place, fitting: room, looked: &looked) {
            guard slot.key <= monotonic else { break }
            let id = ClassID(slot.id)
            guard fits(id), let entry = entries[id] else { continue }
            late.append(Found(id: id, isDoubtful: true, priority: entry.priority, since: now, service: 0))
        }
        return found + late.sorted { $0.rank < $1.rank }
    }

    private func next(
        of number: Int64, _ service: Int64, _ place: inout BoundedList.Place, _ room: NeedBounds.Room, _ now: Int64,
        _ looked: inout Int, _ fits: (ClassID) -> Bool
    ) -> Found? {
        guard let own = classes[number] else { return nil }
        while let slot = own.list.next(&place, fitting: room, looked: &looked) {
            let id = ClassID(slot.id)
            guard fits(id), let entry = entries[id], case .holding(_, let since) = entry.position else {
                continue
            }
            let priority = Ageing.priority(entry.priority, waitingSince: since, now: now)
            return Found(id: id, isDoubtful: false, priority: priority, since: since, service: service)
        }
        return nil
    }
}
