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

    private struct Block: Sendable {
        var slots: [Slot]
        var bounds: NeedBounds

        init?(_ slots: [Slot]) {
            guard let bounds = NeedBounds.joined(slots.lazy.map(\.bounds)) else { return nil }
            self.slots = slots
            self.bounds = bounds
        }
    }

    /// A block with more is halved.
    private static let most = 64
    private var blocks: [Block] = []

    var isEmpty: Bool { blocks.isEmpty }
    var first: Slot? { blocks.first?.slots.first }
    var bounds: NeedBounds? { NeedBounds.joined(blocks.lazy.map(\.bounds)) }

    mutating func insert(_ slot: Slot) {
        guard !blocks.isEmpty else {
            blocks = [Block([slot])].compactMap(\.self)
            return
        }
        let index = block(of: slot.key, slot.id)
        let place = blocks[index].slots.firstIndex { (slot.key, slot.id) < ($0.key, $0.id) }
        blocks[index].slots.insert(slot, at: place ?? blocks[index].slots.count)
        blocks[index].bounds.join(slot.bounds)
        let count = blocks[index].slots.count
        guard count > Self.most else { return }
        let slots = blocks[index].slots
        let halves = [Array(slots[..<(count / 2)]), Array(slots[(count / 2)...])]
        blocks.replaceSubrange(index...index, with: halves.compactMap(Block.init))
    }

    mutating func remove(key: Int64, id: Int64) {
        guard !blocks.isEmpty else { return }
        let index = block(of: key, id)
        guard let place = blocks[index].slots.firstIndex(where: { $0.key == key && $0.id == id }) else { return }
        blocks[index].slots.remove(at: place)
        if let bounds = NeedBounds.joined(blocks[index].slots.lazy.map(\.bounds)) {
            blocks[index].bounds = bounds
        } else {
            blocks.remove(at: index)
        }
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
