/// Things in the order of a key, in blocks that say what their things need at the least: who looks for what fits passes
/// over whole blocks.
struct BoundedList: Sendable {
    struct Slot: Sendable {
        let key: Int64
        let id: Int64
        let bounds: NeedBounds
    }

    /// Where a search goes on.
    struct Place: Sendable {
        fileprivate var block = 0
        fileprivate var slot = 0
    }

    /// Bounds stay valid when something is taken out, only less exact: they are worked out anew after some of that.
    private struct Block: Sendable {
        var slots: [Slot]
        var bounds: NeedBounds
        var removed = 0

        init?(_ slots: [Slot]) {
            guard let bounds = NeedBounds.joined(slots.lazy.map(\.bounds)) else { return nil }
            self.slots = slots
            self.bounds = bounds
        }
    }

    /// A block with more is halved.
    private static let most = 64
    /// Bounds of a block are worked out anew after so many were taken out of it.
    private static let mostRemoved = 8
    private var blocks: [Block] = []
    private var removed = 0
    /// Of all; nil when there are none.
    private(set) var bounds: NeedBounds?

    var first: Slot? { blocks.first?.slots.first }

    mutating func insert(_ slot: Slot) {
        bounds = NeedBounds.joined([bounds, slot.bounds].compactMap(\.self))
        guard !blocks.isEmpty else {
            blocks = [Block([slot])].compactMap(\.self)
            return
        }
        let index = block(of: slot.key, slot.id)
        blocks[index].slots.insert(slot, at: place(of: slot.key, slot.id, in: blocks[index].slots))
        blocks[index].bounds.join(slot.bounds)
        let count = blocks[index].slots.count
        guard count > Self.most else { return }
        let slots = blocks[index].slots
        let halves = [Array(slots[..<(count / 2)]), Array(slots[(count / 2)...])]
        blocks.replaceSubrange(index...index, with: halves.compactMap { Block($0) })
    }

    mutating func remove(key: Int64, id: Int64) {
        guard !blocks.isEmpty else { return }
        let index = block(of: key, id)
        let place = place(of: key, id, in: blocks[index].slots)
        guard place < blocks[index].slots.count, blocks[index].slots[place].key == key,
            blocks[index].slots[place].id == id
        else { return }
        blocks[index].slots.remove(at: place)
        blocks[index].removed += 1
        if blocks[index].slots.isEmpty {
            blocks.remove(at: index)
        } else if blocks[index].removed >= Self.mostRemoved || blocks[index].slots.count < Self.mostRemoved {
            blocks[index].removed = 0
            blocks[index].bounds =
                NeedBounds.joined(blocks[index].slots.lazy.map(\.bounds)) ?? blocks[index].bounds
        }
        removed += 1
        guard removed > blocks.count || blocks.count < Self.mostRemoved else { return }
        removed = 0
        bounds = NeedBounds.joined(blocks.lazy.map(\.bounds))
    }

    /// The next whose bounds may fit, and after it the place to go on from.
    /// - Parameter looked: counts the slots and blocks that were looked at.
    func next(_ place: inout Place, fitting room: NeedBounds.Room, looked: inout Int) -> Slot? {
        while place.block < blocks.count {
            let block = blocks[place.block]
            if place.slot == 0 {
                looked += 1
                guard block.bounds.mayFit(room) else {
                    place.block += 1
                    continue
                }
            }
            while place.slot < block.slots.count {
                let slot = block.slots[place.slot]
                place.slot += 1
                looked += 1
                if slot.bounds.mayFit(room) { return slot }
            }
            place.block += 1
            place.slot = 0
        }
        return nil
    }

    /// Where in a block it is, or belongs.
    private func place(of key: Int64, _ id: Int64, in slots: [Slot]) -> Int {
        var (low, high) = (0, slots.count)
        while low < high {
            let middle = (low + high) / 2
            if (slots[middle].key, slots[middle].id) < (key, id) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The last block that begins at or before it.
    private func block(of key: Int64, _ id: Int64) -> Int {
        var (low, high) = (0, blocks.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if let first = blocks[middle].slots.first, (first.key, first.id) <= (key, id) {
                low = middle
            } else {
                high = middle - 1
            }
        }
        return low
    }
}
